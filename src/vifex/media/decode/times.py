"""Times of frames: exact seconds from ticks, and order restored where a container keeps no pts."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

__all__ = ["Clock", "Gaps", "Survey", "survey"]

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """Turns ticks of a stream into seconds of the video's own time."""

    time_base: Fraction
    """Seconds per tick."""
    start: int
    """The container's start in ticks: integers are compared, so that t is 0 and not -3e-7."""

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream) -> Clock:
        """Read a stream's clock; a container that states no start starts at tick 0."""
        time_base = stream.time_base or Fraction(1, 1000)
        start_us = container.start_time or 0
        return cls(time_base, round(Fraction(start_us, _MICROSECONDS) / time_base))

    def seconds(self, pts: int) -> Fraction:
        """Give the exact time of a tick."""
        return (pts - self.start) * self.time_base

    @property
    def text(self) -> str:
        """Seconds per tick as a row keeps them, e.g. `1/90000`."""
        return f"{self.time_base.numerator}/{self.time_base.denominator}"


class Gaps:
    """Collects the times of frames, eight bytes each, for the median gap between them."""

    def __init__(self) -> None:
        self._pts = array("q")

    def add(self, pts: int) -> None:
        """Take the time of the next frame."""
        self._pts.append(pts)

    def median(self) -> int:
        """Give the median gap in ticks, at least 1."""
        return _median_gap(np.frombuffer(self._pts, dtype=np.int64)) if self._pts else 1


@dataclass(frozen=True, slots=True)
class Survey:
    """What demuxing tells of a stream, nothing decoded."""

    pts: npt.NDArray[np.int64]
    """Of all packets that are shown, in rising order."""
    end: int | None
    """Where the last frame ends, in ticks; `None` if no packet has a time."""
    is_rising: bool
    """Whether pts never fall in the order of the file."""
    n_packets: int
    """Packets that are shown, with a time or without."""


def survey(
    container: InputContainer, stream: VideoStream, progress: Callable[[], None] | None = None
) -> Survey:
    """Read all packets of a stream; what is broken ends the reading, as it will end the decoding."""
    pts = array("q")
    last: tuple[int, int] | None = None
    is_rising, n_packets = True, 0
    try:
        for packet in container.demux(stream):
            if progress is not None:
                progress()
            if not packet.size or packet.is_discard:
                continue
            n_packets += 1
            if packet.pts is None:
                continue
            is_rising = is_rising and (not pts or packet.pts > pts[-1])
            pts.append(packet.pts)
            if last is None or packet.pts >= last[0]:
                last = (packet.pts, packet.duration or 0)
    except (FFmpegError, OSError):
        pass
    table = np.sort(np.frombuffer(pts, dtype=np.int64)) if pts else np.empty(0, dtype=np.int64)
    end = None if last is None else last[0] + (last[1] or _median_gap(table))
    return Survey(table, end, is_rising, n_packets)


def _median_gap(pts: npt.NDArray[np.int64]) -> int:
    gaps = np.diff(np.sort(pts))
    gaps = gaps[gaps > 0]
    return max(1, int(np.median(gaps))) if gaps.size else 1
