"""What every sampler is: a state machine that sees each frame once and selects frames.

A frame is given as the interval in which it is on screen, `[start, end)`: its own time and the next frame's.
These intervals tile the video, so each decision is local and memory does not grow with the video's length.
Samplers know frames by number and time alone, never by pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from vifex.values import Sampling

__all__ = ["Part", "Pick", "Sampler", "exact"]


def exact(value: float) -> Fraction:
    """Return the decimal number that the user typed: 0.1 is a tenth, not its nearest double.

    Times of frames are exact fractions of a second; a grid of times that is off by one bit would take
    the frame before the one that is meant.
    """
    return Fraction(repr(float(value)))


@dataclass(frozen=True, slots=True)
class Pick:
    """One sample, by the numbers of its frames in presentation order."""

    frames: tuple[int | None, ...]
    """Frames of the sample, in order; a filled end names frames again, or `None` for black ones."""
    n_real: int
    """How many of them are there by right and not to fill an end; they stand together."""
    first_real: int = 0
    """Place of the first of those."""
    anchor: int = 0
    """Place of the frame that gives the sample its number and its time, a real one."""

    @property
    def real(self) -> list[int]:
        """Numbers of the frames that are there by right."""
        shown = self.frames[self.first_real : self.first_real + self.n_real]
        return [number for number in shown if number is not None]


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a video that counts, in seconds of its own time; `None` leaves a side open."""

    start: Fraction | None = None
    end: Fraction | None = None

    @classmethod
    def of(cls, *sides: tuple[float | None, float | None]) -> Part:
        """Return what several spans have in common: the latest start, the earliest end."""
        starts = [exact(s) for s, _ in sides if s is not None]
        ends = [exact(e) for _, e in sides if e is not None]
        return cls(max(starts, default=None), min(ends, default=None))

    def shows(self, start: Fraction, end: Fraction) -> bool:
        """Whether a frame that is on screen in `[start, end)` is on screen in this part at any time.

        So the first frame of a part is the one on screen when it starts.
        """
        return (self.start is None or end > self.start) and (self.end is None or start < self.end)

    def is_over(self, start: Fraction) -> bool:
        """Whether no frame that starts at `start` or later can be in this part."""
        return self.end is not None and start >= self.end


class Sampler(Protocol):
    """Chooses frames of one video for one request."""

    oldest: int
    """No later pick names a frame before this one."""

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        """Start on a video.

        Args:
            sampling: What was asked.
            part: The part of the video that counts.
            duration: Seconds, measured by demuxing; given to samplers with `needs_duration`.
        """
        ...

    def feed(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Show the next frame, on screen in `[start, end)`; `True` if its pixels are to be kept."""
        ...

    def ready(self) -> Iterator[Pick]:
        """Give, once, each pick that the frames shown so far complete."""
        ...

    def finish(self) -> Iterator[Pick]:
        """Return what is left when the last frame has been shown."""
        ...

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Say, as the end of a sentence, why a video of so many frames and seconds gave no sample."""
        ...
