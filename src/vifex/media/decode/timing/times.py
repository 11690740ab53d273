"""Times of frames: exact seconds from ticks, and frame order where a container stores no pts."""

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

from vifex.media.decode.timing.continuity import PacketClock, demuxed, is_header

__all__ = ["Clock", "Gaps", "Survey", "survey"]

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """Converts ticks of a stream into seconds in the video."""

    time_base: Fraction
    """Seconds per tick."""
    start: int
    """The container's start in ticks: integers are compared, so that t is 0 and not -3e-7."""

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream, start_us: int | None = None) -> Clock:
        """Read a stream's clock; a container that states no start starts at tick 0.

        Args:
            container: The file.
            stream: The stream.
            start_us: Where the clock starts, in microseconds, if not where the container states.
        """
        time_base = stream.time_base or Fraction(1, 1000)
        if start_us is None:
            start_us = container.start_time or 0
        return cls(time_base, round(Fraction(start_us, _MICROSECONDS) / time_base))

    def seconds(self, pts: int) -> Fraction:
        """Return the exact time of a tick."""
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
        """Return the median gap in ticks, at least 1."""
        return _median_gap(np.frombuffer(self._pts, dtype=np.int64)) if self._pts else 1


@dataclass(frozen=True, slots=True)
class Survey:
    """What demuxing learns about a stream, without decoding."""

    pts: npt.NDArray[np.int64]
    """Times of all packets that are shown, in rising order."""
    end: int | None
    """Where the last frame ends, in ticks; `None` if no packet has a time."""
    is_rising: bool
    """Whether pts never fall in the order of the file."""
    n_packets: int
    """Packets that are shown, with a time or without."""
    n_joins: int = 0
    """How often the clock starts anew."""
    offsets: tuple[Fraction, ...] = ()
    """Seconds by which times are moved behind each join within a stream."""
    is_counted: bool = False
    """Whether the container keeps no pts, so that FFmpeg counts its packets."""

    @property
    def is_plain(self) -> bool:
        """Whether each packet has a time of its own on one clock, so that a place in it can be sought."""
        return not self.n_joins and len(self.pts) == self.n_packets

    @property
    def order(self) -> Survey | None:
        """This survey, if frames may take its times in rising order although their own fall."""
        is_distinct = len(self.pts) == self.n_packets and bool((np.diff(self.pts) > 0).all())
        return self if self.is_rising or (self.is_counted and is_distinct) else None

    def shift_of(self, later: Survey, most_gap: int) -> int:
        """Return the ticks by which a stream behind this one is moved."""
        if self.end is None or later.end is None:
            return 0
        first = int(later.pts[0])
        return 0 if 0 <= first - self.end <= most_gap else self.end - first

    def joined(self, later: Survey, most_gap: int) -> Survey:
        """Put a stream behind this one, its clock moved if that does not follow within `most_gap` ticks."""
        pts, end = later.pts, later.end
        shift = self.shift_of(later, most_gap)
        if end is not None:
            pts, end = pts + shift, end + shift
        return Survey(
            np.concatenate([self.pts, pts]),
            self.end if end is None else end,
            self.is_rising and later.is_rising,
            self.n_packets + later.n_packets,
            self.n_joins + later.n_joins + 1,
        )


def survey(
    container: InputContainer, stream: VideoStream, progress: Callable[[], None] | None = None
) -> Survey:
    """Read all packets of a stream; what is broken ends the reading, as it will end the decoding."""
    pts = array("q")
    clock = PacketClock(container, stream)
    last: tuple[int, int] | None = None
    n_since = 0
    is_rising, n_packets = True, 0
    try:
        for packet in demuxed(container, stream, lambda: None):
            if progress is not None:
                progress()
            if not packet.size or packet.is_discard or is_header(container, stream, packet):
                continue
            n_packets += 1
            clock.correct(packet)
            if packet.pts is None:
                n_since += 1
                continue
            is_rising = is_rising and (not pts or packet.pts > pts[-1])
            pts.append(packet.pts)
            if last is None or packet.pts >= last[0]:
                last = (packet.pts, packet.duration or 0)
                n_since = 0
    except (FFmpegError, OSError, IndexError):  # the last one: see packets.py
        pass
    table = np.sort(np.frombuffer(pts, dtype=np.int64)) if pts else np.empty(0, dtype=np.int64)
    # Packets without a time come after the last one that has one, or between: their frames follow each other.
    end = None if last is None else last[0] + (1 + n_since) * (last[1] or _median_gap(table))
    is_counted = container.format.name == "avi"
    return Survey(table, end, is_rising, n_packets, clock.n_joins, tuple(clock.offsets), is_counted)


def _median_gap(pts: npt.NDArray[np.int64]) -> int:
    gaps = np.diff(np.sort(pts))
    gaps = gaps[gaps > 0]
    return max(1, int(np.median(gaps))) if gaps.size else 1
