"""The base of samplers of single frames: a selected frame is ready at once and selected only once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction

from vifex.media.sample.base import Part, Pick
from vifex.values import Sampling

__all__ = ["SingleFrames", "outside"]


class SingleFrames(ABC):
    """Base of the samplers of single frames; `takes` says which frames are samples."""

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        self.sampling = sampling
        self.part = part
        self.duration = duration
        self.oldest = 0
        self._pick: Pick | None = None

    @abstractmethod
    def takes(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Return whether the frame on screen in `[start, end)` is a sample."""

    def feed(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Take the next frame; return whether it is a sample."""
        self.oldest = index
        taken = self.takes(index, start, end)
        self._pick = Pick((index,), 1) if taken else None
        return taken

    def ready(self) -> Iterator[Pick]:
        """Yield the last frame if it is a sample."""
        if self._pick is not None:
            yield self._pick
            self._pick = None

    def finish(self) -> Iterator[Pick]:
        """Return nothing, because every frame was decided when it came."""
        return iter(())

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Explain why there is no sample; the only reason is a part outside the video."""
        return outside(self.part, end)


def outside(part: Part, end: Fraction) -> str:
    """Return the sentence for a part of a video without frames."""
    start = float(part.start or 0)
    upto = "its end" if part.end is None else f"{float(part.end):g} s"
    return f"there is no frame from {start:g} s to {upto}; the video ends at {float(end):.3f} s"
