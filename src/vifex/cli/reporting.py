"""What the commands that fill views print: media that did not end well, and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vifex.cli.output import clean, print_line
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex.values import Outcome
    from vifex.values.reports import Report

__all__ = ["Notices", "Problems", "counts", "duration", "print_notice", "size"]

_SHOWN = 20


def print_notice(text: str) -> None:
    """Print a sentence that the user must know on standard error."""
    print_line(f"vifex: {clean(as_options(text))}", err=True)


class Notices:
    """Prints each notice of a command once."""

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def print(self, text: str) -> None:
        """Print a notice on standard error, if it is new."""
        if text not in self._printed:
            self._printed.add(text)
            print_notice(text)


class Problems:
    """Prints on standard error each medium that did not end well, up to a number of them."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._count = 0

    def print(self, outcome: Outcome) -> None:
        """Print a medium's name, its status and the reason."""
        self._count += 1
        if not self._quiet and self._count <= _SHOWN:
            status = "note" if outcome.status == "ok" else outcome.status
            reason = clean(as_options(outcome.reason))
            print_line(f"{status}: {clean(outcome.medium.name)}: {reason}", err=True)

    def close(self, store: str, view: str | None = None) -> None:
        """Say how many were left out and which command prints them."""
        if not self._quiet and self._count > _SHOWN:
            where = clean(store) + ("" if view is None else f" --view {clean(view)}")
            print_line(f"... and {self._count - _SHOWN} more: vifex show {where} --problems", err=True)


def counts(report: Report) -> str:
    """Write how many media ended in each way, e.g. `12 media: 11 ok, 1 failed. 11 rows in 2.0 s`."""
    numbers = [
        (report.ok, "ok"),
        (report.partial, "partial"),
        (report.skipped, "skipped"),
        (report.failed, "failed"),
        (report.already_done - report.moved - report.copied, "already done"),
        (report.moved, "moved or renamed"),
        (report.copied, "copied"),
    ]
    ends = ", ".join(f"{n} {word}" for n, word in numbers if n) or "nothing to do"
    return f"{report.media} media: {ends}. {report.rows} rows in {report.seconds:.1f} s"


def duration(seconds: float) -> str:
    """Write a duration with two units at most, e.g. `2 h 05 min` or `4.2 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02} min"


def size(n_bytes: int) -> str:
    """Write a size in the binary unit that fits, e.g. `3.4 MiB`."""
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if n_bytes >= 1 << 10 * power:
            return f"{n_bytes / (1 << 10 * power):.1f} {unit}"
    return f"{n_bytes} bytes"
