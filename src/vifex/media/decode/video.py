"""A video, decoded once in presentation order for all wishes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from av.video.frame import VideoFrame

from vifex.media.decode.container import Opened, open_container, pick_stream
from vifex.media.decode.damage import Damage
from vifex.media.decode.limits import check_pixels
from vifex.media.decode.log import Log
from vifex.media.decode.packets import decoded
from vifex.media.decode.pixels import Converter, FramePicture
from vifex.media.decode.source import LocalFile
from vifex.media.decode.sparse import Unclear, can_pay, sparse_frames
from vifex.media.decode.stated import DOLBY_ALONE
from vifex.media.decode.take import Shown
from vifex.media.decode.times import Clock, Gaps, Survey, survey
from vifex.media.decode.viewing import Viewing, part_of
from vifex.media.sample.base import exact
from vifex.media.sample.registry import make, needs_duration
from vifex.values import Limits, Medium, Sample, Seen, Wish

__all__ = ["OutOfOrder", "StillInside", "open_video", "read_video", "shown_frames", "survey_video"]

# No codec holds back more frames than this, so a stream whose pts are not in presentation order shows
# it by then. Samples wait until it is known.
_SETTLED_AFTER: Final = 32


class OutOfOrder(Exception):
    """Frames came out with falling pts: the container keeps none, and gave those of decoding order."""


class StillInside(Exception):
    """What looked like a video is one picture."""


def open_video(file: LocalFile, limits: Limits, log: Log) -> Opened:
    """Open a file, choose its stream and see that its frames are not too large.

    Raises:
        Skip: If it has no video stream.
        StillInside: If it is a picture.
        MediaError: If it cannot be opened or its frames are larger than allowed.
    """
    container = open_container(file, limits, log)
    try:
        if container.format.name.endswith("_pipe") or container.format.name == "ico":
            raise StillInside
        opened = pick_stream(container, file)
        context = opened.stream.codec_context
        check_pixels(context.width, context.height, limits, file)
    except BaseException:
        container.close()
        raise
    return opened


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
    surveyed = None
    if any(needs_duration(w.sampling) for w in wishes):
        surveyed = survey_video(file, limits, progress)
    given = [0] * len(wishes)
    try:
        return (yield from _new(_held_back(_attempt(job, surveyed, None, may_skip=True)), given))
    except (Unclear, OutOfOrder) as exc:
        is_in_order = isinstance(exc, Unclear)
    if is_in_order:
        try:
            return (yield from _new(_held_back(_attempt(job, surveyed, None)), given))
        except OutOfOrder:
            pass
    surveyed = surveyed or survey_video(file, limits, progress)
    order = surveyed if surveyed.is_rising else None
    return (yield from _new(_held_back(_attempt(job, surveyed, order, is_last=True)), given))


def survey_video(file: LocalFile, limits: Limits, progress: Callable[[], None]) -> Survey:
    """Demux a file's video stream from start to end, nothing decoded."""
    opened = open_video(file, limits, Log())
    try:
        return survey(opened.container, opened.stream, progress)
    finally:
        opened.close()


def _new(samples: Generator[Sample, None, Seen], given: list[int]) -> Generator[Sample, None, Seen]:
    """Pass on the samples of each wish that an attempt before has not given; `given` counts them."""
    while True:
        try:
            sample = next(samples)
        except StopIteration as stop:
            seen: Seen = stop.value
            return seen
        if sample.ordinal >= given[sample.wish]:
            given[sample.wish] = sample.ordinal + 1
            yield sample


def _held_back(attempt: Generator[tuple[list[Sample], bool], None, Seen]) -> Generator[Sample, None, Seen]:
    """Pass samples on once the order of the frames is beyond doubt."""
    waiting: list[Sample] = []
    while True:
        try:
            samples, is_settled = next(attempt)
        except StopIteration as stop:
            yield from waiting
            seen: Seen = stop.value
            return seen
        waiting += samples
        if is_settled:
            yield from waiting
            waiting.clear()


def _attempt(
    job: _Job,
    surveyed: Survey | None,
    order: Survey | None,
    *,
    may_skip: bool = False,
    is_last: bool = False,
) -> Generator[tuple[list[Sample], bool], None, Seen]:
    """Decode a video from start to end.

    Yields:
        For each frame the samples it completes, and whether the order of frames is beyond doubt.

    Raises:
        Unclear: If what nobody needs was to be skipped (`may_skip`), and that may not give the same.
        OutOfOrder: If pts fall among the first frames and this is not the last attempt.
    """
    damage = Damage()
    # What FFmpeg says while it probes is kept apart: it speaks of all streams there.
    opened = open_video(job.file, job.limits, damage.opening)
    try:
        assumed = next((w.sampling.assume_fps for w in job.wishes if w.sampling.assume_fps), None)
        duration = None if surveyed is None else _duration(surveyed, opened, assumed)
        viewing = Viewing(job.medium, job.wishes, damage, duration)
        if opened.n_streams > 1:
            viewing.notes.append(
                f"The file has {opened.n_streams} video streams; stream {opened.stream.index} was read."
            )
        if opened.stated.is_dolby_alone:
            damage.other(DOLBY_ALONE)
        parts = [part_of(job.medium, wish) for wish in job.wishes]
        is_sparse = may_skip and can_pay(job.wishes, parts, opened, surveyed)
        if is_sparse:
            twins = [
                (make(wish.sampling, part, duration), part)
                for wish, part in zip(job.wishes, parts, strict=True)
            ]
            frames = sparse_frames(opened, twins, job.limits, damage, job.progress)
        else:
            frames = shown_frames(
                opened, job.limits, damage, job.progress, order=order, assume_fps=assumed, strict=not is_last
            )
        for shown in frames:
            is_settled = is_last or is_sparse or shown.index >= _SETTLED_AFTER
            if is_settled:
                # One by one: a whole window may be large.
                for sample in viewing.show(shown):
                    yield [sample], True
            else:
                yield list(viewing.show(shown)), False
            if viewing.is_over(shown):
                break
        for sample in viewing.finish():
            yield [sample], True
        viewing.notes += opened.notes
        return viewing.seen()
    finally:
        opened.close()


def _duration(surveyed: Survey, opened: Opened, assume_fps: float | None) -> Fraction:
    if surveyed.end is not None:
        return Clock.of(opened.container, opened.stream).seconds(surveyed.end)
    return Fraction(surveyed.n_packets) / exact(assume_fps) if assume_fps else Fraction(0)


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
        progress: Called for each packet.
        order: Where the container keeps no pts: the packets' own, which frames take in rising order.
        assume_fps: Frame rate for a stream without any times.
        strict: Whether pts that fall among the first frames are an error.

    Raises:
        OutOfOrder: If they do.
    """
    clock = Clock.of(opened.container, opened.stream)
    converter = Converter.of(opened)
    gaps = Gaps()
    time_base = clock.text
    before: tuple[int, VideoFrame] | None = None
    start = Fraction(0)
    n = 0
    for count, frame in enumerate(decoded(opened, limits, damage, progress, clock)):
        pts = _pts(frame, count, clock, order, assume_fps)
        if pts is None:
            damage.n_timeless += 1
            continue
        if before is not None and pts < before[0]:
            if strict and n < _SETTLED_AFTER:
                raise OutOfOrder
            damage.n_backwards += 1
            continue
        end = clock.seconds(pts)
        if before is not None:
            picture = FramePicture(before[1], converter)
            yield Shown(n - 1, before[0], time_base, start, end, picture)
        gaps.add(pts)
        before, start = (pts, frame), end
        n += 1
    if before is not None:
        pts, frame = before
        end = clock.seconds(pts + max(1, frame.duration or gaps.median()))
        yield Shown(n - 1, pts, time_base, start, end, FramePicture(frame, converter))


def _pts(
    frame: VideoFrame, count: int, clock: Clock, order: Survey | None, assume_fps: float | None
) -> int | None:
    if order is not None:
        return int(order.pts[count]) if count < len(order.pts) else None
    if frame.pts is None and assume_fps is not None:
        return clock.start + round(Fraction(count) / exact(assume_fps) / clock.time_base)
    return frame.pts
