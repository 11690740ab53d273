"""Animated GIF, PNG, WebP and AVIF: treated as videos, pixels from Pillow, timestamps from FFmpeg.

FFmpeg cannot decode animated WebP, and Pillow composes partial frames of all four. GIF, PNG and AVIF keep
FFmpeg's pts and time base; WebP has Pillow's times, in milliseconds. Frames that state 10 ms or less are
shown for 100 ms, as browsers do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from PIL import Image

from vifex.media.decode.files.container import open_container
from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.limits import check_pixels
from vifex.media.decode.files.log import Log
from vifex.media.decode.files.reasons import why_not
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.images.image import StillImage
from vifex.media.decode.images.pillow import loading, open_image, orientation
from vifex.media.decode.timing.delays import SHOWN_S, is_too_short, stated_delays
from vifex.media.decode.timing.times import Clock, survey
from vifex.media.decode.video.sample_builder import TimedFrame
from vifex.media.decode.video.shots import wants_shots, with_shots
from vifex.media.decode.video.viewing import Viewing, part_of
from vifex.media.sample.limited import count_picks
from vifex.values import DecodeReport, Limits, MediaError, Medium, Sample, ViewRequest

__all__ = ["animation_frames", "read_animation"]

_MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class _Schedule:
    """Times of all frames of an animation, in ticks, and where the last one ends."""

    pts: np.ndarray[tuple[int], np.dtype[np.int64]]
    end: int
    clock: Clock
    n_lengthened: int = 0
    """Frames that state a time too short to be meant."""

    def as_browsers(self, stated: Sequence[Fraction] | None) -> _Schedule:
        """Return frames that are too short the time that browsers give them; later ones move on.

        Args:
            stated: Seconds that each frame states; `None` takes the times from one frame to the next.
        """
        ticks = np.diff(np.append(self.pts, self.end))
        if stated is None or len(stated) != len(ticks):
            stated = [int(t) * self.clock.time_base for t in ticks]
        short = np.array([is_too_short(delay) for delay in stated], dtype=bool)
        if not short.any():
            return self
        ticks[short] = max(1, round(SHOWN_S / self.clock.time_base))
        start = int(self.pts[0]) if len(self.pts) else 0
        pts = start + np.concatenate([[0], np.cumsum(ticks)]).astype(np.int64)
        return _Schedule(pts[:-1], int(pts[-1]), self.clock, int(short.sum()))

    def intervals(self) -> list[tuple[Fraction, Fraction]]:
        """Return when each frame is on screen."""
        edges = [self.clock.seconds(tick) for tick in (*self.pts.tolist(), self.end)]
        return list(pairwise(edges))

    @property
    def sentence(self) -> str:
        """Return a sentence about the frames whose time was lengthened."""
        n = self.n_lengthened
        frames, are = ("1 frame states", "is") if n == 1 else (f"{n:,} frames state", "are")
        return f"{frames} 10 ms or less and {are} shown for 100 ms, as browsers do."


def read_animation(
    file: MediaFile,
    medium: Medium,
    requests: Sequence[ViewRequest],
    limits: Limits,
    progress: Callable[[], None],
) -> Generator[Sample, None, DecodeReport]:
    """Decode an animation once for all requests; see `vifex.media.read.read`."""
    damage = Damage()
    schedule = _schedule(file, limits, progress)
    if wants_shots(requests):
        looked = Damage()
        frames = animation_frames(file, limits, looked, progress, schedule)
        requests = with_shots(medium, requests, frames, looked)
    duration, intervals = schedule.clock.seconds(schedule.end), schedule.intervals()
    counts = [
        None
        if request.sampling.max_frames is None
        else count_picks(request.sampling, part_of(medium, request), duration, intervals)
        for request in requests
    ]
    viewing = Viewing(medium, requests, damage, duration, counts)
    for timed_frame in animation_frames(file, limits, damage, progress, schedule):
        yield from viewing.show(timed_frame)
        if viewing.is_over(timed_frame):
            break
    yield from viewing.finish()
    if schedule.n_lengthened:
        viewing.choices.append(schedule.sentence)
    return viewing.report()


def animation_frames(
    file: MediaFile,
    limits: Limits,
    damage: Damage,
    progress: Callable[[], None],
    schedule: _Schedule | None = None,
) -> Iterator[TimedFrame]:
    """Yield the frames of an animation, whole and in order, each with its time on screen."""
    schedule = schedule or _schedule(file, limits, progress)
    clock, pts = schedule.clock, schedule.pts
    for index, image in enumerate(_images(file, limits, damage)):
        progress()
        if index >= len(pts):
            damage.n_timeless += 1
            continue
        if index >= limits.decoded_frames:
            damage.other(f"Only the first {limits.decoded_frames:,} frames were decoded, as the limit says.")
            return
        end = int(pts[index + 1]) if index + 1 < len(pts) else schedule.end
        start = int(pts[index])
        yield TimedFrame(index, start, clock.text, clock.seconds(start), clock.seconds(end), image)


def _images(file: MediaFile, limits: Limits, damage: Damage) -> Iterator[StillImage]:
    with loading(limits):
        animation = open_image(file)
        check_pixels(*animation.size, limits, file)
    for place in _places(animation):
        try:
            with loading(limits):
                animation.seek(place)
                animation.load()
                still = animation.copy()
        except EOFError:
            return
        except Exception as exc:  # Pillow's plug-ins raise every kind of exception on broken files
            damage.undecoded(exc, None)
            return
        yield StillImage(still, still.size, orientation(animation))


def _places(animation: Image.Image) -> Iterator[int]:
    # The default image of an animated PNG is for viewers without animation, and is not part of it.
    place = 1 if getattr(animation, "default_image", False) else 0
    while True:
        yield place
        place += 1


def _schedule(file: MediaFile, limits: Limits, progress: Callable[[], None]) -> _Schedule:
    with loading(limits):
        is_webp = open_image(file).format == "WEBP"
    found = None if is_webp else _by_ffmpeg(file, limits, progress)
    if found is not None:
        return found.as_browsers(stated_delays(file))
    return _by_pillow(file, limits, progress)


def _by_ffmpeg(file: MediaFile, limits: Limits, progress: Callable[[], None]) -> _Schedule | None:
    try:
        container = open_container(file, limits, Log())
    except MediaError:
        return None
    try:
        # An animated AVIF shows its first image as a stream of one frame beside the animation.
        stream = max(container.streams.video, key=lambda s: s.frames, default=None)
        if stream is None:
            return None
        surveyed = survey(container, stream, progress)
        if len(surveyed.pts) < 2 or surveyed.end is None:
            return None
        return _Schedule(surveyed.pts, surveyed.end, Clock.of(container, stream))
    finally:
        container.close()


def _by_pillow(file: MediaFile, limits: Limits, progress: Callable[[], None]) -> _Schedule:
    """Add up the durations that Pillow gives; it must load each frame to know."""
    delays: list[int] = []
    with loading(limits):
        animation = open_image(file)
    for place in _places(animation):
        progress()
        try:
            with loading(limits):
                animation.seek(place)
                animation.load()
        except Exception as exc:  # as in _images; the end of the file among them
            if not delays and not isinstance(exc, EOFError):
                raise MediaError(
                    f"no frame could be decoded: {why_not(exc)}.",
                    of=file.display_name,
                    todo="Get a fresh copy.",
                ) from exc
            break
        delays.append(max(0, round(float(animation.info.get("duration") or 0))))
    pts = np.concatenate([[0], np.cumsum(delays)]).astype(np.int64)
    schedule = _Schedule(pts[:-1], int(pts[-1]), Clock(_MILLISECOND, 0))
    return schedule.as_browsers([Fraction(delay, 1000) for delay in delays])
