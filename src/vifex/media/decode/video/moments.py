"""Several moments of a video in one pass: the frames that `moment.at` gives, without a seek for each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.images.animation import animation_frames
from vifex.media.decode.timing.follow import OutOfOrder, TimedFrames
from vifex.media.decode.video.alpha import has_alpha_beside
from vifex.media.decode.video.moment import Kind, Moment, at, can_seek, from_key_frame
from vifex.media.decode.video.sample_builder import TimedFrame
from vifex.media.decode.video.video import StillInside, open_video, shown_frames
from vifex.media.sample.base import exact
from vifex.values import Limits, MediaError

__all__ = ["moments"]

_GAP_S: Final = 10.0
"""Moments further apart than this are reached by a seek of their own: key frames are rarely further apart."""


def moments(
    file: MediaFile, times: Sequence[float], limits: Limits, *, kind: Kind, assume_fps: float | None = None
) -> Iterator[Moment | None]:
    """Find the frames on screen at several times.

    Args:
        file: The open file.
        times: Seconds, rising.
        limits: Limits per medium.
        kind: What the file is.
        assume_fps: Frame rate for a stream without any times.

    Yields:
        For each time its moment, valid until the next one is taken; `None` where there is no frame.

    Raises:
        Skip: If it has no video stream.
    """
    for run in _runs(times):
        left = deque(run)
        for moment in () if kind == "image" else _pass(file, left, limits, kind):
            yield moment
            left.popleft()
        # What one pass could not give for sure: damaged frames, or times that do not rise.
        for t_s in left:
            try:
                yield at(file, t_s, limits, kind=kind, assume_fps=assume_fps)
            except StillInside:
                yield at(file, t_s, limits, kind="image")
            except MediaError:
                yield None


def _runs(times: Sequence[float]) -> Iterator[list[float]]:
    run: list[float] = []
    for t_s in times:
        if run and t_s - run[-1] > _GAP_S:
            yield run
            run = []
        run.append(t_s)
    if run:
        yield run


def _pass(file: MediaFile, times: deque[float], limits: Limits, kind: Kind) -> Iterator[Moment]:
    """Yield the moments of the first of the times; it ends early where a frame is not sure to be the one.

    The caller takes away each time whose moment it got.
    """
    damage = Damage()
    if kind == "animation":
        for frame in _until(animation_frames(file, limits, damage, _nothing), times):
            yield Moment(file.display_name, frame.image, frame)
        return
    first = exact(times[0])
    is_sought = can_seek(file, first, limits)
    opened = open_video(file, limits, damage.opening)
    try:
        if has_alpha_beside(opened.stream):
            return
        if is_sought:
            clock = opened.clock
            opened.container.seek(clock.start + int(first / clock.time_base), stream=opened.stream)
        timed = TimedFrames(opened, limits, damage, _nothing, strict=True)
        frames = shown_frames(timed, opened, damage)
        for frame in _until(from_key_frame(frames, opened, first) if is_sought else frames, times):
            if damage.n_lost or damage.n_corrupt_frames:
                return
            yield Moment(file.display_name, frame.image, frame, is_counted=not is_sought)
    except (OutOfOrder, StillInside, OSError, ValueError):
        return
    finally:
        opened.close()


def _until(frames: Iterator[TimedFrame], times: deque[float]) -> Iterator[TimedFrame]:
    for frame in frames:
        while times and frame.end > exact(times[0]):
            yield frame
        if not times:
            return


def _nothing() -> None:
    pass
