"""N samples spread evenly: the frames on screen at the middles of N equal parts."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from vifex.media.sample.base import Part
from vifex.media.sample.single import SingleFrames, outside
from vifex.values import Sampling

__all__ = ["UniformSampler"]


class UniformSampler(SingleFrames):
    """Selects the frames on screen at S + (i + 1/2)(E - S)/N.

    A frame is selected once, so a video with fewer than N frames gives fewer than N samples.
    """

    needs_duration = True

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        super().__init__(sampling, part, duration)
        if sampling.uniform is None or duration is None:
            raise ValueError("the sampler uniform needs a number of samples and the video's duration")
        self._n = sampling.uniform
        self._start = part.start or Fraction(0)
        self._end = duration if part.end is None else min(part.end, duration)
        self._next = 0

    def takes(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Return whether a middle without a frame so far is before `end`."""
        length = self._end - self._start
        if length <= 0:
            return False
        # (i + 1/2) L/N < end - S, solved for the number of such i.
        below = ceil((end - self._start) * self._n / length - Fraction(1, 2))
        below = min(max(0, below), self._n)
        taken = below > self._next
        self._next = max(self._next, below)
        return taken

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Explain why there is no sample."""
        return outside(self.part, end)
