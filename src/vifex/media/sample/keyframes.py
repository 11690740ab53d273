"""The key frames of a video: those that are decoded without others."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from vifex.media.sample.base import Part
from vifex.media.sample.single import SingleFrames
from vifex.values import Sampling

__all__ = ["KeyframesSampler"]


class KeyframesSampler(SingleFrames):
    """Selects every frame that it is given and that is in the part; it is given key frames alone."""

    needs_duration = False
    only_key_frames: Final = True

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        super().__init__(sampling, part, duration)
        self._count = 0

    def takes(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Return whether the frame is in the part."""
        self._count += 1
        return self.part.shows(start, end)

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Explain why there is no sample."""
        if not self._count:
            return "it has no key frame"
        return f"none of its key frames is in the part that is read; the video ends at {float(end):.3f} s"
