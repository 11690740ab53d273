"""The shots of one video: frames go in as small images with their times, shots come out at the end.

One pass, and memory for twelve seconds of small images and for the transitions that were found.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from vifex.media.shots.cuts import CutFinder
from vifex.media.shots.dissolves import STEP, DissolveFinder, Spaced
from vifex.media.shots.joining import TransitionJoiner
from vifex.media.shots.shot import ShotSpan
from vifex.media.shots.small import SmallFrame

__all__ = ["ShotDetector"]


class ShotDetector:
    """Finds cuts, dissolves and fades, and returns the shots between them."""

    def __init__(self) -> None:
        self._last: SmallFrame | None = None
        self._start: Fraction | None = None
        self._cuts = CutFinder()
        self._dissolves = DissolveFinder()
        self._joiner = TransitionJoiner()
        self._n_cuts = 0
        self._n_steps = 0

    def feed(self, luma: npt.NDArray[np.uint8], start: Fraction, end: Fraction) -> None:
        """Take the next frame.

        Args:
            luma: uint8 `[24, 32]`, grey levels.
            start: Seconds at which it comes on screen, not before those of the frame before.
            end: Seconds at which the next frame does.
        """
        if self._start is None:
            self._start = start
        self._last = SmallFrame.of(luma, start, end, self._last)
        for frame, strength in self._cuts.feed(self._last):
            self._decided(frame, strength)

    def finish(self) -> tuple[ShotSpan, ...]:
        """Return the shots; none if there was no frame."""
        for frame, strength in self._cuts.finish():
            self._decided(frame, strength)
        if self._start is None or self._last is None:
            return ()
        self._joiner.finish()
        edges = self._joiner.found
        starts = [self._start, *(t.at for t in edges)]
        ends = [*(t.at for t in edges), self._last.end]
        clear_starts = [self._joiner.clear_start or self._start, *(t.end for t in edges)]
        clear_ends = [*(t.begin for t in edges), self._joiner.clear_end or self._last.end]
        return tuple(map(_shot, starts, ends, clear_starts, clear_ends))

    def _decided(self, frame: SmallFrame, strength: float) -> None:
        if strength:
            self._n_cuts += 1
            self._joiner.add_cut(frame, strength)
        assert self._start is not None
        if frame.end - self._start <= self._n_steps * STEP:
            return
        self._n_steps = int((frame.end - self._start) / STEP) + 1
        if (frame.end - self._start) % STEP == 0:
            self._n_steps -= 1
        for mixture in self._dissolves.feed(Spaced(frame, self._n_cuts)):
            self._joiner.add_mixture(mixture)
        self._joiner.add_spaced(frame)


def _shot(start: Fraction, end: Fraction, clear_start: Fraction, clear_end: Fraction) -> ShotSpan:
    """Make a shot; where its transitions leave nothing clear, all of it counts."""
    clear_start, clear_end = max(start, clear_start), min(end, clear_end)
    if clear_start >= clear_end:
        clear_start, clear_end = start, end
    return ShotSpan(start, end, clear_start, clear_end)
