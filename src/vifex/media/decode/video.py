"""A video, decoded once in presentation order for all wishes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from av.video.frame import VideoFrame

from vifex.media.decode.container import Opened, open_container, pick_stream
from vifex.media.decode.damage import Damage
from vifex.media.decode.log import Log
from vifex.media.decode.packets import decoded
from vifex.media.decode.pixels import Converter, FramePicture
from vifex.media.decode.source import LocalFile
from vifex.media.decode.take import Shown, Taker
from vifex.media.decode.times import Clock, Gaps, Survey, survey
from vifex.media.sample.base import Part, exact
from vifex.media.sample.registry import needs_duration
from vifex.values import Limits, MediaError, Medium, Sample, Seen, Wish

__all__ = ["open_video", "read_video", "shown_frames"]

# No codec holds back more frames than this, so a stream whose pts are not in presentation order shows
# it by then. Samples wait until it is known.
_SETTLED_AFTER: Final = 32


class _OutOfOrder(Exception):
    """Frames came out with falling pts: the container keeps none, and gave those of decoding order."""


def open_video(file: LocalFile, limits: Limits, log: Log) -> Opened:
    """Open a file, choose its stream and see that its frames are not too large.

    Raises:
        Skip: If it has no video stream.
        MediaError: If it cannot be opened or its frames are larger than allowed.
    """
    opened = pick_stream(open_container(file, limits, log), file)
    context = opened.stream.codec_context
    check_pixels(context.width, context.height, limits, file)
    return opened


def check_pixels(width: int, height: int, limits: Limits, file: LocalFile) -> None:
    """See that a picture is not too large, before it is decoded.

    Raises:
        MediaError: If it is.
    """
    if width * height > limits.max_pixels:
        raise MediaError(
            f"it is {width} x {height} pixels large, more than the limit of {limits.max_pixels:,} pixels.",
            of=file.shown,
            todo="Raise the limit if you trust the file.",
        )


@dataclass(slots=True)
class _Job:
    """What stays the same when a video must be decoded a second time."""

    file: LocalFile
    medium: Medium
    wishes: Sequence[Wish]
    limits: Limits
    progress: Callable[[], None]


def read_video(
    file: LocalFile,
    medium: Medium,
    wishes: Sequence[Wish],
    limits: Limits,
    progress: Callable[[], None],
) -> Generator[Sample, None, Seen]:
    """Decode a video once for all wishes; see `vifex.media.read.read`."""
    job = _Job(file, medium, wishes, limits, progress)
    surveyed = _survey(job) if any(needs_duration(w.sampling) for w in wishes) else None
    waiting: list[Sample] = []
    attempt = _attempt(job, surveyed, order=None)
    try:
        while True:
            sample, is_settled = next(attempt)
            if sample is not None:
                waiting.append(sample)
            if is_settled:
                yield from waiting
                waiting.clear()
    except StopIteration as stop:
        yield from waiting
        seen: Seen = stop.value
        return seen
    except _OutOfOrder:
        pass
    waiting.clear()
    surveyed = surveyed or _survey(job)
    order = surveyed if surveyed.is_rising else None
    attempt = _attempt(job, surveyed, order=order, is_last=True)
    while True:
        try:
            sample, _ = next(attempt)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        if sample is not None:
            yield sample


def _survey(job: _Job) -> Survey:
    opened = open_video(job.file, job.limits, Log())
    try:
        return survey(opened.container, opened.stream, job.progress)
    finally:
        opened.close()


def _attempt(
    job: _Job, surveyed: Survey | None, *, order: Survey | None, is_last: bool = False
) -> Generator[tuple[Sample | None, bool], None, Seen]:
    """Decode a video from start to end.

    Yields:
        Samples as they are made, or `None` where there is news but no sample, with whether the order
        of the frames is beyond doubt.

    Raises:
        _OutOfOrder: If pts fall among the first frames and this is not the last attempt.
    """
    damage = Damage()
    opened = open_video(job.file, job.limits, damage.log)
    try:
        state = _State(job, opened, damage, surveyed)
        for shown in shown_frames(
            opened, job.limits, damage, job.progress, order=order, assume_fps=state.assumed, strict=not is_last
        ):
            state.see(shown)
            for taker in state.takers:
                for sample in taker.feed(shown):
                    yield sample, is_last or shown.index >= _SETTLED_AFTER
            yield None, is_last or shown.index >= _SETTLED_AFTER
            if all(t.part.is_over(shown.end) for t in state.takers):
                break
        for taker in state.takers:
            for sample in taker.finish():
                yield sample, True
        return state.seen()
    finally:
        opened.close()


class _State:
    """What is known while a video is read."""

    def __init__(self, job: _Job, opened: Opened, damage: Damage, surveyed: Survey | None) -> None:
        self._job = job
        self._opened = opened
        self._damage = damage
        self.assumed = next((w.sampling.assume_fps for w in job.wishes if w.sampling.assume_fps), None)
        duration = None if surveyed is None else self._duration(surveyed)
        span = job.medium.span
        sides = (None, None) if span is None else (span.t_start_s, span.t_end_s)
        self.takers = [
            Taker(
                i,
                wish,
                job.medium.boxes,
                Part.of(sides, (wish.sampling.t_start_s, wish.sampling.t_end_s)),
                duration,
                damage,
            )
            for i, wish in enumerate(job.wishes)
        ]
        self.n_frames = 0
        self.end = Fraction(0)
        self.size = (0, 0)

    def see(self, shown: Shown) -> None:
        """Note a frame."""
        if self.n_frames == 0:
            self.size = shown.picture.size
        self.n_frames += 1
        self.end = max(self.end, shown.end)

    def seen(self) -> Seen:
        """Say what was learned.

        Raises:
            MediaError: If there is no sample for any wish.
        """
        damage, shown = self._damage, self._job.file.shown
        if self.n_frames == 0:
            raise no_frames(damage, shown)
        empty = tuple((t.number, t.why_empty(self.n_frames, self.end)) for t in self.takers if not t.n_samples)
        if len(empty) == len(self.takers):
            said = " ".join(damage.sentences())
            raise MediaError(
                f"no sample could be taken: {empty[0][1] if empty and not said else said.rstrip('.')}.",
                of=shown,
                todo="Ask for other times, a shorter clip, or --tail pad.",
            )
        return Seen(
            kind="video",
            width_px=self.size[0],
            height_px=self.size[1],
            frames_seen=self.n_frames,
            frames_lost=damage.n_lost,
            problems=damage.sentences(),
            notes=self._notes(),
            empty=tuple((i, f"No sample could be taken: {why}.") for i, why in empty),
        )

    def _notes(self) -> tuple[str, ...]:
        n = self._opened.n_streams
        if n < 2:
            return ()
        return (f"The file has {n} video streams; stream {self._opened.stream.index} was read.",)

    def _duration(self, surveyed: Survey) -> Fraction | None:
        clock = Clock.of(self._opened.container, self._opened.stream)
        if surveyed.end is not None:
            return clock.seconds(surveyed.end)
        return Fraction(surveyed.n_packets) / exact(self.assumed) if self.assumed else Fraction(0)


def no_frames(damage: Damage, shown: str) -> MediaError:
    """Say why a video gave not a single frame."""
    if damage.n_timeless and not damage.n_undecoded:
        return MediaError(
            "its frames carry no times.",
            of=shown,
            todo="Give the frame rate it was made with: --assume-fps 25.",
        )
    return MediaError(
        f"no frame could be decoded: {damage.cause()}.",
        of=shown,
        todo="Check the file with a player, or get a fresh copy.",
    )


def shown_frames(
    opened: Opened,
    limits: Limits,
    damage: Damage,
    progress: Callable[[], None],
    *,
    order: Survey | None = None,
    assume_fps: float | None = None,
    strict: bool = False,
) -> Iterator[Shown]:
    """Give the frames of a video in presentation order, each with the time for which it is on screen.

    Args:
        opened: The file.
        limits: How many frames at most.
        damage: Takes what is lost.
        progress: Called for each packet and frame.
        order: Where the container keeps no pts: the packets' own, which frames take in rising order.
        assume_fps: Frame rate for a stream without any times.
        strict: Whether pts that fall among the first frames are an error.
    """
    clock = Clock.of(opened.container, opened.stream)
    converter = Converter(opened.stream.sample_aspect_ratio)
    gaps = Gaps()
    before: tuple[int, VideoFrame] | None = None
    n = 0
    for count, frame in enumerate(decoded(opened, limits, damage, progress, clock)):
        pts = _pts(frame, count, clock, order, assume_fps)
        if pts is None:
            damage.n_timeless += 1
            continue
        if before is not None and pts < before[0]:
            if strict and n < _SETTLED_AFTER:
                raise _OutOfOrder
            damage.n_backwards += 1
            continue
        if before is not None:
            yield _shown(n - 1, before, clock, pts, converter)
        gaps.add(pts)
        before = (pts, frame)
        n += 1
    if before is not None:
        own = before[1].duration or gaps.median()
        yield _shown(n - 1, before, clock, before[0] + max(1, own), converter)


def _pts(
    frame: VideoFrame, count: int, clock: Clock, order: Survey | None, assume_fps: float | None
) -> int | None:
    if order is not None:
        return int(order.pts[count]) if count < len(order.pts) else None
    if frame.pts is None and assume_fps is not None:
        return clock.start + round(Fraction(count) / exact(assume_fps) / clock.time_base)
    return frame.pts


def _shown(
    index: int, timed: tuple[int, VideoFrame], clock: Clock, end: int, converter: Converter
) -> Shown:
    pts, frame = timed
    return Shown(
        index, pts, clock.text, clock.seconds(pts), clock.seconds(end), FramePicture(frame, converter)
    )
