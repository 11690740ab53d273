"""Progress of a run, shown a few times a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from vifex.extraction.counting import Counter
from vifex.extraction.decoders.events import InWork
from vifex.extraction.pipeline.intake import Intake
from vifex.extraction.progress import Progress

__all__ = ["ProgressDisplay"]

_PROGRESS_S: Final = 0.2


class ProgressDisplay:
    """Calls the user's function with how far a run is.

    Args:
        intake: Counts the media that are over.
        counter: Counts the media ahead.
        in_work: Returns the media that are in work.
        on_progress: The user's function, or `None`.
    """

    def __init__(
        self,
        intake: Intake,
        counter: Counter | None,
        in_work: Callable[[], Sequence[InWork]],
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._intake, self._counter, self._in_work = intake, counter, in_work
        self._on_progress = on_progress
        self._began_s = time.monotonic()
        self._shown_s = 0.0

    def begin_again(self) -> None:
        """Measure time from now on."""
        self._began_s = time.monotonic()

    def show(self, *, all_found: bool) -> None:
        """Show how far the run is, unless that was done a moment ago."""
        now_s = time.monotonic()
        if self._on_progress is not None and now_s - self._shown_s >= _PROGRESS_S:
            self._shown_s = now_s
            self._tell(self._in_work(), now_s, all_found=all_found, is_over=False)

    def end(self, *, all_found: bool) -> None:
        """Show the end of the run."""
        self._tell([], time.monotonic(), all_found=all_found, is_over=True)

    def _tell(self, in_work: Sequence[InWork], now_s: float, *, all_found: bool, is_over: bool) -> None:
        if self._on_progress is None:
            return
        self._on_progress(
            self._intake.course.progress(
                self._intake.tally,
                in_work,
                self._counter,
                elapsed_s=now_s - self._began_s,
                all_found=all_found,
                is_over=is_over,
            )
        )
