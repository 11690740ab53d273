"""A fixed number of samples per second: the frames on screen at S, S + 1/F, S + 2/F ... below the end."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from vifex.media.sample.base import Part, exact
from vifex.media.sample.single import SingleFrames
from vifex.values import Sampling

__all__ = ["FpsSampler", "grid_frames"]


class FpsSampler(SingleFrames):
    """Selects a frame if at least one time of the grid falls while it is on screen."""

    needs_duration = False

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        super().__init__(sampling, part, duration)
        if sampling.fps is None:
            raise ValueError("the sampler fps needs a rate")
        self._rate = exact(sampling.fps)
        self._start = part.start or Fraction(0)
        self._next = 0

    def takes(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Return whether a time of the grid without a frame so far is before `end`."""
        limit = end if self.part.end is None else min(end, self.part.end)
        # Grid times below the limit: k/F < limit - S. Counting is exact; adding steps would drift.
        below = max(0, ceil((limit - self._start) * self._rate))
        taken = below > self._next
        self._next = max(self._next, below)
        return taken


def grid_frames(times: Sequence[float], wanted: Sequence[float]) -> list[int]:
    """Return the frames on screen at the wanted times, each once: the same rule for a whole table.

    Args:
        times: Start of each frame in seconds, rising.
        wanted: Times in seconds, rising.

    Returns:
        Numbers of frames: the last that starts at or before each time, or the first frame.
    """
    chosen: list[int] = []
    for t_s in wanted:
        on_screen = max((i for i, start in enumerate(times) if start <= t_s), default=0)
        if not chosen or chosen[-1] != on_screen:
            chosen.append(on_screen)
    return chosen
