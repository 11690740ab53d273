"""The frames of a video with their times, from its first stream to the last in which it continues.

Within a stream `PacketClock` shifts timestamps across joins. Here streams are appended to each other, and
times that are not the frames' own are counted, so that a note can say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from av.video.frame import VideoFrame

from vifex.media.decode.files.container import Opened
from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.reasons import Skip
from vifex.media.decode.timing.continuity import PacketClock
from vifex.media.decode.timing.frame_times import FrameTimes
from vifex.media.decode.timing.times import Survey, survey
from vifex.media.decode.video.packets import decoded
from vifex.values import Limits, MediaError

__all__ = ["OutOfOrder", "Timed", "TimedFrames", "duration_of", "survey_all"]

_SETTLED_AFTER: Final = 32
"""No codec holds back more frames than this, so a stream whose pts are not in presentation order shows it by
then."""


class OutOfOrder(Exception):
    """Frames came out with falling pts: the container keeps none, and gave those of decoding order."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A frame and its time."""

    frame: VideoFrame
    pts: int | None
    """In ticks of the first stream, on the clock that goes on; `None` if no rule gives it a time."""
    duration: int
    """In the same ticks, 0 if unknown."""
    opened: Opened
    """The stream that it comes from."""

    @property
    def is_key(self) -> bool:
        """Whether the frame is decoded without others."""
        return self.opened.is_key(self.frame)


class TimedFrames:
    """Decodes a video from where its container stands to its end.

    Args:
        opened: The file.
        limits: How many frames at most.
        damage: Counts what is lost.
        progress: Called for each packet.
        order: Where the container keeps no pts: the packets' own, which frames take in rising order.
        assume_fps: Frame rate for a stream without any times.
        strict: Whether pts that fall among the first frames are an error.
    """

    def __init__(
        self,
        opened: Opened,
        limits: Limits,
        damage: Damage,
        progress: Callable[[], None],
        *,
        order: Survey | None = None,
        assume_fps: Fraction | None = None,
        strict: bool = False,
    ) -> None:
        self._first = opened
        self._clock = opened.clock
        self._limits, self._damage, self._progress = limits, damage, progress
        self._order, self._assume_fps, self._strict = order, assume_fps, strict
        self._times = FrameTimes(_gap(opened))
        self._own: int | None = None
        self._n = 0
        self._n_joins = 0
        self._first_join: int | None = None
        self._is_guessed = False
        self._rate: Fraction | None = None
        self._n_counted_back = 0
        self._notes: list[str] = []

    def __iter__(self) -> Iterator[Timed]:
        """Yield every frame in the order in which it is shown.

        Raises:
            OutOfOrder: If pts fall among the first frames although they must not.
        """
        yield from self._placed(self._of(self._first))
        for open_next in self._first.later:
            if self._n >= self._limits.decoded_frames:
                return
            at = "" if self._times.end is None else f" at {float(self._clock.seconds(self._times.end)):.2f} s"
            try:
                opened = open_next()
            except (MediaError, Skip) as exc:
                why = exc.reason if isinstance(exc, Skip) else exc.what
                self._damage.other(f"Its video continues in another stream{at}, which cannot be read: {why}")
                continue
            try:
                self._notes.append(f"Its video continues in another stream{at} (id {opened.stream.id:#x}).")
                self._times.enter(_gap(opened), round(10 / self._clock.time_base))
                yield from self._of(opened)
            finally:
                opened.close()

    def _placed(self, frames: Iterator[Timed]) -> Iterator[Timed]:
        """Yield frames before the first that has a time their times, counted back from it, as FFmpeg does.

        A stream that was cut in its middle begins with such frames. What would come before the clock's
        start is left without a time.
        """
        waiting: list[Timed] = []
        for timed in frames:
            if timed.pts is None and len(waiting) < _SETTLED_AFTER:
                waiting.append(timed)
                continue
            for place, early in enumerate(waiting):
                gap = early.duration or _gap(early.opened)
                pts = None if timed.pts is None or not gap else timed.pts - (len(waiting) - place) * gap
                self._n_counted_back += pts is not None and pts >= self._clock.start
                yield early if pts is None or pts < self._clock.start else replace(early, pts=pts)
            waiting.clear()
            yield timed
        yield from waiting

    def _of(self, opened: Opened) -> Iterator[Timed]:
        """Yield the frames of one stream."""
        packet_clock = PacketClock(opened.container, opened.stream)
        self._own = None
        is_raw, is_counted = opened.is_raw, opened.is_image_stream
        frames = decoded(
            opened,
            self._limits,
            self._damage,
            self._progress,
            self._clock,
            packet_clock=packet_clock,
            n_before=self._n,
        )
        seen = 0
        for frame in frames:
            if packet_clock.n_joins > seen:
                self._n_joins += packet_clock.n_joins - seen
                seen = packet_clock.n_joins
                if self._first_join is None:
                    self._first_join = packet_clock.first_join
                self._times.join()
            if is_counted:
                yield Timed(frame, *self._count(frame), opened)
            else:
                pts = self._pts(frame, is_raw=is_raw)
                yield Timed(frame, pts, self._duration(frame, is_raw=is_raw), opened)
            self._n += 1

    def _pts(self, frame: VideoFrame, *, is_raw: bool) -> int | None:
        if self._order is not None:
            return int(self._order.pts[self._n]) if self._n < len(self._order.pts) else None
        if self._assume_fps is not None and (is_raw or frame.pts is None):
            return self._clock.start + round(self._n / self._assume_fps / self._clock.time_base)
        if is_raw and frame.pts is None and self._times.end is None:
            return None
        self._check_order(frame)
        pts = self._times.time_of(frame)
        self._damage.n_backwards = self._times.n_backwards
        if is_raw and not self._is_guessed and frame.duration:
            self._is_guessed = True
            self._rate = 1 / (frame.duration * self._clock.time_base)
        return pts

    def _count(self, frame: VideoFrame) -> tuple[int, int]:
        """Return time and duration of an image in a stream of images, by the rate asked for or FFmpeg's."""
        rate = self._assume_fps
        if rate is None:
            self._is_guessed = True
            rate = self._rate = _rate_of(self._first)
        tick = self._clock.time_base
        return round(self._n / rate / tick), round(1 / rate / tick)

    def _duration(self, frame: VideoFrame, *, is_raw: bool) -> int:
        if self._assume_fps is not None and is_raw:
            return round(1 / self._assume_fps / self._clock.time_base)
        return frame.duration or 0

    def _check_order(self, frame: VideoFrame) -> None:
        pts, before = frame.pts, self._own
        if pts is None:
            return
        is_early = self._strict and self._n < _SETTLED_AFTER and not self._n_joins
        if is_early and before is not None and pts < before:
            raise OutOfOrder
        self._own = pts

    def notes(self) -> list[str]:
        """Return notes on times that are not the frames' own, after decoding."""
        said = list(self._notes)
        if self._first.is_late:
            said.insert(0, "Its video stream starts late; the start of the file does not list it.")
        if self._n_joins:
            at = "" if self._first_join is None else f"{float(self._clock.seconds(self._first_join)):.2f} s"
            n = self._n_joins - 1
            more = "" if not n else f" and {n:,} more time{'' if n == 1 else 's'}"
            said.append(
                f"Its clock starts anew at {at}{more}; times continue from the end of the frame before."
            )
        if self._times.n_shifted:
            said.append(
                "The clocks of its streams do not follow each other; times go on from the end of the last"
                " frame."
            )
        if self._order is not None:
            said.append("Frames came out of order; they were given their packets' times in ascending order.")
        if self._n_counted_back:
            said.append(
                f"Frames before the first that has a time: {self._n_counted_back:,}; their times are counted"
                " back from it."
            )
        if self._is_guessed and self._rate:
            said.append(
                f"The file states no timestamps; they are computed at FFmpeg's {float(self._rate):.6g}"
                " frames per second (`assume_fps=` sets another rate)."
            )
        return said + list(self._times.notes())


def _rate_of(opened: Opened) -> Fraction:
    """Return FFmpeg's rate of a stream of images."""
    return opened.stream.guessed_rate or Fraction(25)


def _gap(opened: Opened) -> int:
    """Return the ticks between frames by the stream's average rate, 0 if unknown."""
    rate, time_base = opened.stream.average_rate, opened.stream.time_base
    return round(1 / (rate * time_base)) if rate and time_base else 0


def duration_of(surveyed: Survey, opened: Opened, assume_fps: Fraction | None) -> Fraction:
    """Return a video's length in seconds; 0 if it has no times and no rate is assumed."""
    if opened.is_image_stream:
        return surveyed.n_packets / (assume_fps or _rate_of(opened))
    if assume_fps is not None and (opened.is_raw or surveyed.end is None):
        return surveyed.n_packets / assume_fps
    return Fraction(0) if surveyed.end is None else opened.clock.seconds(surveyed.end)


def survey_all(opened: Opened, progress: Callable[[], None]) -> Survey:
    """Demux a video's streams from start to end, without decoding."""
    whole = survey(opened.container, opened.stream, progress)
    for open_next in opened.later:
        try:
            leg: Any = open_next()
        except (MediaError, Skip):
            continue
        try:
            whole = whole.joined(
                survey(leg.container, leg.stream, progress), round(10 / opened.clock.time_base)
            )
        finally:
            leg.close()
    return whole
