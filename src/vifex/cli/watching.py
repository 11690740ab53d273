"""`vifex watch`: what arrives in folders or buckets to a store, until stopped."""

from __future__ import annotations

import contextlib
import inspect
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.extracting import arguments_of, extract
from vifex.cli.options import OUTPUT, SOURCE, helped
from vifex.cli.output import clean, print_json_line, print_line
from vifex.cli.reporting import Notices, Problems
from vifex.cli.targets import as_typed

if TYPE_CHECKING:
    from vifex.values.watch_batches import WatchBatch

__all__ = ["watch"]

_SHOWN: Final = 3
"""Names of removed files in a line."""
_NOT_FOR_WATCHING: Final = ("sources", "shard", "on", "retry_failed", "dry_run", "estimate", "json")
"""Options of `extract` that `watch` has not."""


def _with_options_of_extract(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of `extract` behind its own, with their help."""
    own = inspect.signature(command).parameters
    shared = {n: p for n, p in inspect.signature(extract).parameters.items() if n not in _NOT_FOR_WATCHING}
    hints = get_type_hints(extract, include_extras=True) | get_type_hints(command, include_extras=True)
    parameters = [p for p in own.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters = [p.replace(annotation=hints[p.name]) for p in [*parameters, *shared.values()]]
    command.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": int}
    command.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    _, _, helps = (extract.__doc__ or "").partition("Parameters\n----------\n")
    paragraphs = re.findall(r"^(\w+)\n((?: +.*\n?)+)", helps, re.MULTILINE)
    kept = [f"{name}\n{text.rstrip()}" for name, text in paragraphs if name in shared]
    command.__doc__ = (command.__doc__ or "").rstrip() + "\n" + "\n".join(kept)
    return command


@_with_options_of_extract
@helped
def watch(
    *folders: Annotated[Path | str, Parameter(converter=as_typed, group=SOURCE)],
    settle: Annotated[float, Parameter(group=SOURCE)] = 2.0,
    poll: Annotated[float | None, Parameter(group=SOURCE)] = None,
    json: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            group=OUTPUT,
            help="Print a JSON document for each batch, each on one line.",
        ),
    ] = False,
    **options: Any,
) -> int:
    """Extract what is in folders and what arrives there, until stopped.

    For example:
        vifex watch incoming/ -o lib.vifex
        vifex watch /mnt/nas/photos -o lib.vifex --poll 30
        vifex watch s3://bucket/incoming -o lib.vifex --poll 30

    Prints a line for each batch that was committed. Ctrl-C or SIGTERM ends the watch with status 0, once the
    media at work are finished. The same command goes on after any end. Hidden files and names of unfinished
    files (.tmp, .part) are passed over. Files that are deleted are named; `vifex prune` removes their rows,
    also while the watch goes on.

    Parameters
    ----------
    folders
        Folders, with all that is below them, or addresses that can be listed, e.g. s3://bucket/folder.
    settle
        Seconds for which a file's size and time of change must stay the same before it is read.
    poll
        List the folders every so many seconds, for network file systems and addresses (default: the system
        tells of changes; needs the extra `watch`; of addresses: 60).
    """
    keep_pandas_out()
    import vifex

    # The parser hands over the options that were given.
    words = {name: p.default for name, p in inspect.signature(extract).parameters.items()} | options
    quiet = bool(words["quiet"])
    problems = [Problems(quiet=quiet)]
    with _stopped_by_signals() as stop:
        batches = vifex.watch(
            list(folders) or _no_folders(),
            words["output"],
            settle_s=settle,
            poll_s=poll,
            stop=stop.is_set,
            progress=not quiet,
            on_outcome=lambda outcome: problems[-1].print(outcome),
            on_notice=Notices().print,
            **arguments_of(words),
        )
        with contextlib.closing(batches):
            for batch in batches:
                if json:
                    print_json_line(batch.to_dict())
                else:
                    print_line(_line(batch))
                sys.stdout.flush()
                problems.pop().close(str(words["output"]))
                problems.append(Problems(quiet=quiet))
    return 0


class _Stop:
    """Set by a signal: a lock, as a `threading.Event` has, could be held by what the signal interrupts."""

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        """Return whether a signal came."""
        return self._set

    def set(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self._set = True


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[_Stop]:
    """Let the signals that end a command set a flag; a second one ends the process at once, as always."""
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handled = [n for n in numbers if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, stop.set) for number in handled}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _line(batch: WatchBatch) -> str:
    numbers = [
        (batch.ok, "ok"),
        (batch.partial, "partial"),
        (batch.skipped, "skipped"),
        (batch.failed, "failed"),
        (batch.already_done, "already done"),
    ]
    told = []
    if batch.media or not batch.removed:
        ends = ", ".join(f"{n:,} {word}" for n, word in numbers if n) or "nothing there yet"
        rows = f"{batch.rows:,} row{'s' * (batch.rows != 1)}"
        known = [(batch.moved, "renamed or moved"), (batch.copied, "copied")]
        words = ", ".join(f"{n:,} {word}" for n, word in known if n)
        moved = f" ({words})" if words else ""
        told.append(f"{batch.media:,} media: {ends}{moved}. {rows} in {batch.seconds:.1f} s")
    if batch.removed:
        named = ", ".join(clean(name) for name in batch.removed[:_SHOWN])
        more = f" and {len(batch.removed) - _SHOWN:,} more" if len(batch.removed) > _SHOWN else ""
        told.append(f"gone from the folder: {named}{more}")
    return f"{batch.ended.astimezone():%H:%M:%S}  {'; '.join(told)}"


def _no_folders() -> list[Path | str]:
    from vifex.values import InputError

    raise InputError("there is nothing to watch.", todo="Name folders: vifex watch FOLDER -o STORE.")
