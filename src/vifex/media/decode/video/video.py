"""A video, decoded once in presentation order for all requests."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import Final

from av.container import InputContainer
from av.error import FFmpegError

from vifex.media.decode.files.container import Opened, open_container
from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.limits import check_pixels
from vifex.media.decode.files.log import Log
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.files.stated import DOLBY_ALONE
from vifex.media.decode.passing import only_new
from vifex.media.decode.sparse.key_frames import are_enough, frame_times, key_frames
from vifex.media.decode.sparse.sparse import Unclear, can_pay, sparse_frames
from vifex.media.decode.timing.appended import another_recording
from vifex.media.decode.timing.follow import OutOfOrder, Timed, TimedFrames, duration_of, survey_all
from vifex.media.decode.timing.image_stream import image_stream
from vifex.media.decode.timing.legs import open_legs
from vifex.media.decode.timing.times import Gaps, Survey
from vifex.media.decode.video.pixels import Converter, FrameImage
from vifex.media.decode.video.reach import Reach
from vifex.media.decode.video.sample_builder import TimedFrame
from vifex.media.decode.video.shots import wants_shots, with_shots
from vifex.media.decode.video.viewing import Viewing, part_of
from vifex.media.sample.base import exact
from vifex.media.sample.limited import count_picks, make_limited
from vifex.media.sample.registry import needs_duration
from vifex.values import DecodeReport, Limits, Medium, Sample, ViewRequest

__all__ = ["OutOfOrder", "StillInside", "open_video", "read_video", "shown_frames", "survey_video"]

# No codec holds back more frames than this, so a stream whose pts are not in presentation order shows
# it by then. Samples wait until it is known.
_SETTLED_AFTER: Final = 32

_KNOWN_IMAGES: Final = frozenset(
    {"ico", "jpeg_pipe", "png_pipe", "bmp_pipe", "webp_pipe", "gif_pipe", "tiff_pipe"}
)
"""Of these it is known whether they are streams before FFmpeg opens them."""


class StillInside(Exception):
    """A file that looked like a video is a single image."""


def open_video(file: MediaFile, limits: Limits, log: Log) -> Opened:
    """Open a file, choose its stream and check the size of its frames.

    Raises:
        Skip: If it has no video stream.
        StillInside: If it is an image.
        MediaError: If it cannot be opened or its frames are larger than allowed.
    """
    as_stream = image_stream(file)
    container = open_container(file, limits, log, format=as_stream)
    try:
        is_still = container.format.name.endswith("_pipe") or container.format.name == "ico"
        if is_still and as_stream is None:
            if not _holds_several(container):
                raise StillInside
            as_stream = container.format.name
            container.close()
            container = open_container(file, limits, log, format=as_stream)
        opened = open_legs(container, file, limits, log)
        container = opened.container
        opened.is_image_stream = as_stream is not None
        context = opened.stream.codec_context
        check_pixels(context.width, context.height, limits, file)
    except BaseException:
        container.close()
        raise
    return opened


def _holds_several(container: InputContainer) -> bool:
    """Return whether an image of a kind that only FFmpeg reads contains several frames."""
    if container.format.name in _KNOWN_IMAGES:
        return False
    try:
        return sum(1 for _ in islice((p for p in container.demux() if p.size), 2)) == 2
    except (FFmpegError, OSError):
        return False


@dataclass(slots=True)
class _Job:
    """What stays the same when a video must be decoded a second time."""

    file: MediaFile
    medium: Medium
    requests: Sequence[ViewRequest]
    limits: Limits
    progress: Callable[[], None]
    counts: Sequence[int | None] = ()
    """For each request its samples without the limit of their number, where it has one."""


def read_video(
    file: MediaFile,
    medium: Medium,
    requests: Sequence[ViewRequest],
    limits: Limits,
    progress: Callable[[], None],
) -> Generator[Sample, None, DecodeReport]:
    """Decode a video once for all requests; see `vifex.media.read.read`."""
    job = _Job(file, medium, requests, limits, progress)
    if wants_shots(requests):
        return (yield from _read_shots(job))
    return (yield from _read(job))


def _read_shots(job: _Job) -> Generator[Sample, None, DecodeReport]:
    """Decode a video twice: in full for its shots, then what their frames need."""
    damage = Damage()
    try:
        found = _found_shots(job, damage)
    except OutOfOrder:
        damage = Damage()
        order = survey_video(job.file, job.limits, job.progress).order
        found = _found_shots(job, damage, order, is_last=True)
    progress = job.progress  # wrapped, so that how far the run is does not fall back to the start
    return (yield from _read(replace(job, requests=found, progress=lambda: progress())))


def _found_shots(
    job: _Job, damage: Damage, order: Survey | None = None, *, is_last: bool = False
) -> Sequence[ViewRequest]:
    with _frames(job, damage, damage.opening, order, strict=not is_last) as (opened, frames):
        reach = Reach(job.progress, opened.container)
        return with_shots(job.medium, job.requests, _told(frames, reach), damage)


@contextmanager
def _frames(
    job: _Job, damage: Damage, log: Log, order: Survey | None, *, strict: bool
) -> Iterator[tuple[Opened, Iterator[TimedFrame]]]:
    """Open a video and give its frames as they are shown, each with its time.

    Args:
        job: Of the video.
        damage: Takes note of what cannot be decoded.
        log: Takes what the decoder says while the file is opened.
        order: Of the frames, where a look at all of them was needed.
        strict: Whether frames out of their order raise.
    """
    opened = open_video(job.file, job.limits, log)
    try:
        timed = TimedFrames(
            opened,
            job.limits,
            damage,
            job.progress,
            order=order,
            assume_fps=_assumed(job),
            strict=strict,
        )
        yield opened, shown_frames(timed, opened, damage)
    finally:
        opened.close()


def _told(frames: Iterator[TimedFrame], reach: Reach) -> Iterator[TimedFrame]:
    for frame in frames:
        reach.tell(frame.end)
        yield frame


def _read(job: _Job) -> Generator[Sample, None, DecodeReport]:
    """Decode a video once for requests that need no look at its content before."""
    file, requests, limits, progress = job.file, job.requests, job.limits, job.progress
    surveyed = None
    is_limited = any(request.sampling.max_frames is not None for request in requests)
    if is_limited or any(needs_duration(w.sampling) for w in requests):
        surveyed = survey_video(file, limits, progress)
        if is_limited:
            job.counts = _counts(job, surveyed)
    given = [0] * len(requests)
    try:
        return (yield from only_new(_held_back(_attempt(job, surveyed, None, may_skip=True)), given))
    except (Unclear, OutOfOrder) as exc:
        is_in_order = isinstance(exc, Unclear)
    if is_in_order:
        try:
            return (yield from only_new(_held_back(_attempt(job, surveyed, None)), given))
        except OutOfOrder:
            pass
    surveyed = surveyed or survey_video(file, limits, progress)
    return (yield from only_new(_held_back(_attempt(job, surveyed, surveyed.order, is_last=True)), given))


def survey_video(file: MediaFile, limits: Limits, progress: Callable[[], None]) -> Survey:
    """Demux a file's video stream from start to end, without decoding."""
    opened = open_video(file, limits, Log())
    try:
        return survey_all(opened, progress)
    finally:
        opened.close()


def _counts(job: _Job, surveyed: Survey) -> list[int | None]:
    """Return for each request with a limit how many samples it would have without."""
    opened = open_video(job.file, job.limits, Log())
    try:
        duration = duration_of(surveyed, opened, _assumed(job))
    finally:
        opened.close()
    limited = [request for request in job.requests if request.sampling.max_frames is not None]
    of_keys = any(request.sampling.sampler == "keyframes" for request in limited)
    of_all = any(request.sampling.sampler != "keyframes" for request in limited)
    keys = _intervals(job, surveyed, only_keys=True) if of_keys else []
    every = _intervals(job, surveyed, only_keys=False) if of_all else []
    return [
        None
        if request.sampling.max_frames is None
        else count_picks(
            request.sampling,
            part_of(job.medium, request),
            duration,
            keys if request.sampling.sampler == "keyframes" else every,
        )
        for request in job.requests
    ]


def _intervals(job: _Job, surveyed: Survey, *, only_keys: bool) -> list[tuple[Fraction, Fraction]]:
    """Return when each frame, or each key frame, is on screen: by the packets, or else by decoding."""
    opened = open_video(job.file, job.limits, Log())
    try:
        if not only_keys:
            return list(frame_times(opened, job.limits, job.progress))
        if are_enough([r for r in job.requests if r.sampling.sampler == "keyframes"], opened):
            frames = key_frames(opened, job.limits, Damage(), job.progress)
            return [(frame.start, frame.end) for frame in frames]
    except Unclear:
        pass
    finally:
        opened.close()
    try:
        return _decoded_intervals(job, None, only_keys=only_keys, strict=True)
    except OutOfOrder:
        return _decoded_intervals(job, surveyed.order, only_keys=only_keys, strict=False)


def _decoded_intervals(
    job: _Job, order: Survey | None, *, only_keys: bool, strict: bool
) -> list[tuple[Fraction, Fraction]]:
    with _frames(job, Damage(), Log(), order, strict=strict) as (_, frames):
        return [(frame.start, frame.end) for frame in frames if frame.is_key or not only_keys]


def _assumed(job: _Job) -> Fraction | None:
    """Return the frame rate that is assumed where a stream has no times."""
    rate = next((w.sampling.assume_fps for w in job.requests if w.sampling.assume_fps), None)
    return None if rate is None else exact(rate)


def _held_back(
    attempt: Generator[tuple[list[Sample], bool], None, DecodeReport],
) -> Generator[Sample, None, DecodeReport]:
    """Pass samples on once the order of the frames is beyond doubt."""
    waiting: list[Sample] = []
    while True:
        try:
            samples, is_settled = next(attempt)
        except StopIteration as stop:
            yield from waiting
            report: DecodeReport = stop.value
            return report
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
) -> Generator[tuple[list[Sample], bool], None, DecodeReport]:
    """Decode a video from start to end.

    Yields:
        For each frame the samples it completes, and whether the order of frames is beyond doubt.

    Raises:
        Unclear: If what no sample needs was to be skipped (`may_skip`), and that may not give the same.
        OutOfOrder: If pts fall among the first frames and this is not the last attempt.
    """
    damage = Damage()
    # What FFmpeg says while it probes is kept apart: it speaks of all streams there.
    opened = open_video(job.file, job.limits, damage.opening)
    try:
        assumed = _assumed(job)
        duration = None if surveyed is None else duration_of(surveyed, opened, assumed)
        viewing = Viewing(job.medium, job.requests, damage, duration, job.counts)
        if opened.n_streams > 1:
            viewing.notes.append(
                f"The file has {opened.n_streams} video streams; stream {opened.stream.index} was read."
            )
        if opened.stated.is_dolby_alone:
            damage.other(DOLBY_ALONE)
        behind = another_recording(job.file, opened.container.format.name)
        if behind is not None:
            damage.other(
                f"Another recording begins at byte {behind:,} of the file; FFmpeg does not read it, so it is"
                " missing here."
            )
        parts = [part_of(job.medium, request) for request in job.requests]
        timed = None
        if may_skip and are_enough(job.requests, opened):
            frames = key_frames(opened, job.limits, damage, job.progress)
        elif may_skip and can_pay(job.requests, parts, opened, surveyed):
            counts = job.counts or [None] * len(parts)
            twins = [
                (make_limited(request.sampling, part, duration, count), part)
                for request, part, count in zip(job.requests, parts, counts, strict=True)
            ]
            frames = sparse_frames(opened, twins, job.limits, damage, job.progress)
        else:
            timed = TimedFrames(
                opened,
                job.limits,
                damage,
                job.progress,
                order=order,
                assume_fps=assumed,
                strict=not is_last,
            )
            frames = shown_frames(timed, opened, damage)
        reach = Reach(job.progress, opened.container, parts)
        for timed_frame in frames:
            reach.tell(timed_frame.end)
            is_settled = is_last or timed is None or timed_frame.index >= _SETTLED_AFTER
            if is_settled:
                # One by one: a whole window may be large.
                for sample in viewing.show(timed_frame):
                    yield [sample], True
            else:
                yield list(viewing.show(timed_frame)), False
            if viewing.is_over(timed_frame):
                break
        for sample in viewing.finish():
            yield [sample], True
        viewing.notes += opened.notes
        if timed is not None:
            viewing.notes += timed.notes()
        return viewing.report()
    finally:
        opened.close()


def shown_frames(frames: TimedFrames, opened: Opened, damage: Damage) -> Iterator[TimedFrame]:
    """Yield the frames of a video in presentation order, each with the time for which it is on screen.

    Args:
        frames: The frames of the video.
        opened: The file.
        damage: Counts what is lost.

    Raises:
        OutOfOrder: If their times fall although they must not.
    """
    clock = opened.clock
    converters: dict[Opened, Converter] = {}
    gaps = Gaps()
    time_base = clock.text
    before: tuple[Timed, int, Converter] | None = None
    start = Fraction(0)
    n = 0
    for timed in frames:
        pts = timed.pts
        if pts is None:
            damage.n_timeless += 1
            continue
        end = clock.seconds(pts)
        if before is not None:
            image, is_key = FrameImage(before[0].frame, before[2]), before[0].is_key
            yield TimedFrame(n - 1, before[1], time_base, start, end, image, is_key)
        gaps.add(pts)
        if timed.opened not in converters:
            converters = {timed.opened: Converter.of(timed.opened, opened.notes)}
        before, start = (timed, pts, converters[timed.opened]), end
        n += 1
    if before is not None:
        timed, pts, converter = before
        end = clock.seconds(pts + max(1, timed.duration or gaps.median()))
        image = FrameImage(timed.frame, converter)
        yield TimedFrame(n - 1, pts, time_base, start, end, image, timed.is_key)
