"""Every N-th frame in presentation order, starting with the first."""

from __future__ import annotations

from fractions import Fraction

from vifex.media.sample.base import Part
from vifex.media.sample.single import SingleFrames
from vifex.values import Sampling

__all__ = ["EverySampler"]


class EverySampler(SingleFrames):
    """Counts the frames of a part from the one on screen when the part starts."""

    needs_duration = False

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        super().__init__(sampling, part, duration)
        if sampling.every is None:
            raise ValueError("the sampler every needs a number of frames")
        self._every = sampling.every
        self._count = 0

    def takes(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Return whether the frame is in the part and its count there is a multiple of N."""
        if not self.part.shows(start, end):
            return False
        self._count += 1
        return (self._count - 1) % self._every == 0
