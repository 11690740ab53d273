"""The interface of samplers: a state machine that sees each frame once and selects frames.

A frame is given as the interval in which it is on screen, `[start, end)`: its own time and the next frame's.
These intervals tile the video, so each decision is local and memory does not grow with the video's length.
Samplers see numbers and times of frames, not pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from vifex.values import Sampling

__all__ = ["Part", "Pick", "Sampler", "exact"]


def exact(value: float) -> Fraction:
    """Return the decimal number that the user typed: 0.1 is a tenth, not the nearest double.

    Times of frames are exact fractions of a second. A grid of times that is off by one bit would select the
    previous frame.
    """
    return Fraction(repr(float(value)))


@dataclass(frozen=True, slots=True)
class Pick:
    """One sample, as the numbers of its frames in presentation order."""

    frames: tuple[int | None, ...]
    """Frames of the sample in order; a filled end repeats frames, or has `None` for black ones."""
    n_real: int
    """How many of them are real and not filling; they are consecutive."""
    first_real: int = 0
    """Position of the first real frame."""
    anchor: int = 0
    """Position of the real frame that gives the sample its number and its time."""
    stands_for: tuple[Fraction, Fraction] | None = None
    """Start and end of what the sample stands for, in seconds; `None` where that is its real frames."""

    @property
    def real(self) -> list[int]:
        """Numbers of the real frames."""
        real = self.frames[self.first_real : self.first_real + self.n_real]
        return [number for number in real if number is not None]


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a video to read, in seconds of its own time; `None` means no limit on that side."""

    start: Fraction | None = None
    end: Fraction | None = None

    @classmethod
    def of(cls, *sides: tuple[float | None, float | None]) -> Part:
        """Return the intersection of several spans: the latest start and the earliest end."""
        starts = [exact(s) for s, _ in sides if s is not None]
        ends = [exact(e) for _, e in sides if e is not None]
        return cls(max(starts, default=None), min(ends, default=None))

    def shows(self, start: Fraction, end: Fraction) -> bool:
        """Return whether a frame that is on screen in `[start, end)` is on screen at any time of this part.

        So the first frame of a part is the one on screen when the part starts.
        """
        return (self.start is None or end > self.start) and (self.end is None or start < self.end)

    def is_over(self, start: Fraction) -> bool:
        """Return whether every frame that starts at `start` or later is outside this part."""
        return self.end is not None and start >= self.end


class Sampler(Protocol):
    """Chooses frames of one video for one request.

    A class with `only_key_frames = True` is given key frames alone, with their numbers among all frames.
    """

    oldest: int
    """No later pick contains a frame before this one."""

    def __init__(self, sampling: Sampling, part: Part, duration: Fraction | None) -> None:
        """Start a video.

        Args:
            sampling: The sampling of the request.
            part: The part of the video to sample.
            duration: Seconds, measured by demuxing; given to samplers with `needs_duration`.
        """
        ...

    def feed(self, index: int, start: Fraction, end: Fraction) -> bool:
        """Take the next frame, on screen in `[start, end)`; return whether its pixels must be kept."""
        ...

    def ready(self) -> Iterator[Pick]:
        """Return each pick that the frames so far complete, once."""
        ...

    def finish(self) -> Iterator[Pick]:
        """Return the remaining picks after the last frame."""
        ...

    def why_empty(self, n_frames: int, end: Fraction) -> str:
        """Return, as the end of a sentence, why a video of so many frames and seconds gave no sample."""
        ...
