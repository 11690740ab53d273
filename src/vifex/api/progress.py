"""Progress for people: a few lines that stand at the bottom of a terminal, else a line every 30 s.

Everything goes to standard error. Drawing happens in a thread of its own, four times a second at most, so
it goes on while a model is compiled, and costs the same however many media there are.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from vifex.extraction.progress import FileInWork, Progress
from vifex.values.printing import clean, fit
from vifex.values.steps import listening

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Display", "Drawable", "clock", "drawn", "shown_progress"]

EVERY_S: Final = 30.0
"""Between lines where standard error is no terminal."""
_DRAWS_PER_S: Final = 4
_FILES: Final = 4
"""Files in work that are named on a terminal."""


class Display:
    """Takes what a run tells and says it in words."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._step, self._step_s = "starting", self._began_s
        self._progress: Progress | None = None
        self._progress_s = self._began_s

    def step(self, what: str) -> None:
        """Take what is being done before the first medium; empty where nothing is any more."""
        self._step, self._step_s = what, time.monotonic()

    def progress(self, progress: Progress) -> None:
        """Take how far the run is."""
        self._progress, self._progress_s = progress, time.monotonic()

    def line(self) -> str:
        """Say it in one line, for a log."""
        now_s = time.monotonic()
        if self._step or self._progress is None:
            return f"{self._step or 'decoding the first media'}, {clock(now_s - self._step_s)} so far"
        p = self._progress
        told = [", ".join([*_done(p), *_video(p)])]
        if rates := _rates(p):
            told.append(", ".join(rates))
        if left := _left(p):
            told.append(left)
        if p.in_work:
            told.append("now " + ", ".join(f"{_position(f)}{clean(f.name)}" for f in _longest_first(p)[:2]))
        return "; ".join(told)

    def render(self) -> RenderableType:
        """Say it in a few lines, for a terminal."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        now_s = time.monotonic()
        if self._step or self._progress is None:
            return _text(f"{self._step or 'decoding the first media'} ({clock(now_s - self._step_s)})")
        p = self._progress
        head = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=p.total or 1, completed=p.finished if p.total else 0, width=24)
        so_far = clock(p.elapsed_s + now_s - self._progress_s)
        head.add_row(bar, Text(f"{_share(p)}{so_far} so far, {_left(p) or 'time left not known yet'}"))
        rows: list[RenderableType] = [head, _text(", ".join(_done(p)))]
        rows += [_text(", ".join(told)) for told in ([*_video(p), *_rates(p)],) if told]
        rows += [_text(f"  {_position(f)}{clean(f.name)}") for f in _longest_first(p)[:_FILES]]
        return Group(*rows)


@contextmanager
def shown_progress(is_wanted: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Show what is being done; gives what takes the progress of a run, or `None` where nothing is shown."""
    if not is_wanted:
        yield None
        return
    display = Display()
    with drawn(display):
        yield display.progress


class Drawable(Protocol):
    """What is drawn again and again while something runs."""

    def step(self, what: str) -> None:
        """Take what is being done; empty where nothing is any more."""

    def line(self) -> str:
        """Return one line, for a log."""

    def render(self) -> RenderableType:
        """Return a few lines, for a terminal."""


@contextmanager
def drawn(display: Drawable) -> Iterator[None]:
    """Draw a display: at the bottom of a terminal, else a line every 30 s."""
    on_error = _on_terminal(display) if sys.stderr.isatty() else _in_lines(display)
    with listening(display.step), on_error:
        yield


@contextmanager
def _on_terminal(display: Drawable) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live

    # Lines that others print meanwhile go above; standard output stays as it is, it may be a pipe.
    live = Live(
        get_renderable=display.render,
        console=Console(stderr=True, highlight=False, emoji=False),
        refresh_per_second=_DRAWS_PER_S,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
    with live:
        yield


@contextmanager
def _in_lines(display: Drawable) -> Iterator[None]:
    over = threading.Event()

    def tell() -> None:
        while not over.wait(EVERY_S):
            print(fit(f"vifex: {display.line()}", sys.stderr), file=sys.stderr, flush=True)

    thread = threading.Thread(target=tell, name="vifex-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _done(p: Progress) -> list[str]:
    of = f" of {p.total:,}" if p.total is not None else f" of {p.counted:,} or more"
    told = [f"{p.finished:,}{of} media"]
    if p.already_done:
        told.append(f"{p.already_done:,} of them done before")
    told.append(f"{p.rows:,} row{'s' * (p.rows != 1)}")
    if p.failed:
        told.append(f"{p.failed:,} failed")
    return told


def _video(p: Progress) -> list[str]:
    return [f"{p.video_s:,.0f} s of video and sound"] if p.video_s else []


def _rates(p: Progress) -> list[str]:
    told = []
    if p.media_per_s:
        told.append(f"{p.media_per_s:,.1f} media/s")
    if p.video_s_per_s:
        told.append(f"{p.video_s_per_s:,.1f} s of video/s")
    return told


def _left(p: Progress) -> str:
    if p.left_s is None:
        return ""
    return f"{'at least' if p.left_is_least else 'about'} {clock(p.left_s)} left"


def _share(p: Progress) -> str:
    return f"{100 * p.finished // p.total} %, " if p.total else ""


def _longest_first(p: Progress) -> list[FileInWork]:
    return sorted(p.in_work, key=lambda f: -(f.end_s or f.at_s))


def _position(file: FileInWork) -> str:
    if not file.at_s:
        return ""
    end = "" if file.end_s is None else f" of {file.end_s:,.0f}"
    return f"{file.at_s:,.0f}{end} s of "


def clock(seconds: float) -> str:
    """Return a time as hours, minutes and seconds."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}"


def _text(text: str) -> RenderableType:
    from rich.text import Text

    shown: RenderableType = Text(fit(text, sys.stderr), no_wrap=True, overflow="crop")
    return shown
