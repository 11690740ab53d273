"""One moment of a medium: the frame on screen at a time, found by seeking if seeking is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from PIL import Image

from vifex.media.decode.files.container import Opened
from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.log import Log
from vifex.media.decode.files.reasons import why_not
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.geometry import clip_box, whole_pixels
from vifex.media.decode.images.animation import animation_frames
from vifex.media.decode.images.loading import load_image
from vifex.media.decode.timing.follow import OutOfOrder, TimedFrames
from vifex.media.decode.video.alpha import has_alpha_beside
from vifex.media.decode.video.sample_builder import DecodedImage, TimedFrame, outside
from vifex.media.decode.video.video import open_video, shown_frames, survey_video
from vifex.media.sample.base import exact
from vifex.values import Box, Limits, MediaError, PixelSpec, Sample, Sampling, ViewRequest

__all__ = ["Kind", "Moment", "PartOf", "at", "can_seek", "from_key_frame"]

# Below this, decoding from the start is no slower than finding a key frame.
_SEEK_FROM_S: Final = 4
_INDEXED: Final = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
"""Formats whose clock never restarts; in others all packets are read to check that."""
# How far before the moment the first key frame is looked for, and then the second try.
_BACK_S: Final = (0, 15)


Kind = Literal["image", "video", "animation"]
PartOf = Callable[[int, int], Box]
"""Returns a part of an upright image by the image's width and height, all of it within the image."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An image, with its times if it is a frame of a video."""

    file: str
    image: DecodedImage
    timed_frame: TimedFrame | None = None
    is_counted: bool = True
    """Whether the frames before it were decoded, so that its number is known."""

    def sample(self, spec: PixelSpec, part: PartOf | None = None) -> Sample:
        """Return ready pixels of the image, or of a part of it."""
        box = None if part is None else part(*self.image.size)
        try:
            pixels = self.image.ready(spec, box)
        except (OSError, ValueError, MemoryError) as exc:
            raise self._unusable(exc) from exc
        if self.timed_frame is None:
            return Sample(request=0, ordinal=0, pixels=pixels, box=box)
        start, end = float(self.timed_frame.start), float(self.timed_frame.end)
        return Sample(
            request=0,
            ordinal=0,
            pixels=pixels,
            frame_index=self.timed_frame.index if self.is_counted else None,
            pts=self.timed_frame.pts,
            time_base=self.timed_frame.time_base,
            t_s=start,
            t_start_s=start,
            t_end_s=end,
            box=box,
        )

    def thumbnail(self, box: Box | None, max_side_px: int) -> Image.Image:
        """Return a thumbnail, or one of a box."""
        try:
            image = self.image.upright()
        except (OSError, ValueError, MemoryError) as exc:
            raise self._unusable(exc) from exc
        if box is not None:
            inner = clip_box(box, *image.size)
            if inner is None:
                why = outside(box, image.size)
                raise MediaError(why[:1].lower() + why[1:], of=self.file, todo="Correct the box.")
            image = image.crop(whole_pixels(inner, *image.size))
        scale = min(1.0, max_side_px / max(image.size))
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)

    def _unusable(self, exc: BaseException) -> MediaError:
        return MediaError(
            f"the image could not be used: {why_not(exc)}.",
            of=self.file,
            todo="Get a fresh copy of the file.",
        )


def at(
    file: MediaFile,
    t_s: float,
    limits: Limits,
    *,
    kind: Kind,
    spec: PixelSpec | None = None,
    assume_fps: float | None = None,
    page: int = 0,
) -> Moment:
    """Find the frame on screen at `t_s` seconds; of a still image, the image.

    Args:
        file: The open file.
        t_s: Seconds in the video.
        limits: Limits per medium.
        kind: What the file is.
        spec: Pixels that will be made of the whole image, so that a JPEG is decoded as `read` does it; `None`
            decodes it in full.
        assume_fps: Frame rate for a stream without any times.
        page: Page of an image, from 0.

    Raises:
        MediaError: If the file cannot be read or ends earlier.
        Skip: If it has no video stream.
    """
    if kind == "image":
        requests = () if spec is None else (ViewRequest(Sampling(), spec),)
        return Moment(file.display_name, load_image(file, limits, requests, page=page).image)
    t = exact(t_s)
    damage = Damage()
    if kind == "animation":
        timed_frame = _on_screen(animation_frames(file, limits, damage, _nothing), t, file, damage)
        return Moment(file.display_name, timed_frame.image, timed_frame)
    for back_s in _BACK_S if can_seek(file, t, limits) else ():
        sought = _sought(file, t, limits, back_s)
        if sought is not None:
            return Moment(file.display_name, sought.image, sought, is_counted=False)
    timed_frame = _from_start(file, t, limits, assume_fps)
    return Moment(file.display_name, timed_frame.image, timed_frame)


_PLAIN: Final[dict[tuple[int, int, int, int, str | None], bool]] = {}
_MOST_KEPT: Final = 1024


def can_seek(file: MediaFile, t: Fraction, limits: Limits) -> bool:
    """Return whether seeking is faster and gives the same times as decoding from the start."""
    if t < _SEEK_FROM_S:
        return False
    opened = open_video(file, limits, Log())
    try:
        if opened.container.format.name in _INDEXED:
            return True
        if opened.later or opened.is_raw or opened.container.format.name == "avi":
            return False
    finally:
        opened.close()
    if file.identity not in _PLAIN:
        while len(_PLAIN) >= _MOST_KEPT:
            del _PLAIN[next(iter(_PLAIN))]
        _PLAIN[file.identity] = survey_video(file, limits, _nothing).is_plain
    return _PLAIN[file.identity]


def _sought(file: MediaFile, t: Fraction, limits: Limits, back_s: int) -> TimedFrame | None:
    """Decode from a key frame before the moment; `None` unless that is sure to give the same frame.

    It is sure if the first frame is a key frame shown no later than the moment: later frames in presentation
    order do not depend on what was skipped.
    """
    damage = Damage()
    opened = open_video(file, limits, damage.opening)
    try:
        if has_alpha_beside(opened.stream):
            return None
        clock = opened.clock
        target = clock.start + int((t - back_s) / clock.time_base)
        opened.container.seek(max(clock.start, target), stream=opened.stream)
        last = None
        timed = TimedFrames(opened, limits, damage, _nothing, strict=True)
        for timed_frame in from_key_frame(shown_frames(timed, opened, damage), opened, t):
            if timed_frame.end > t:
                return timed_frame if not damage.n_lost and not damage.n_corrupt_frames else None
            last = timed_frame
        del last
    except (OutOfOrder, OSError, ValueError):
        return None
    finally:
        opened.close()
    return None


def from_key_frame(frames: Iterator[TimedFrame], opened: Opened, t: Fraction) -> Iterator[TimedFrame]:
    """Yield frames after a seek, or none if the first is not a key frame that is shown no later than `t`."""
    for place, timed_frame in enumerate(frames):
        is_key = getattr(timed_frame.image, "is_key", False)
        if place == 0 and (not is_key or timed_frame.start > t or opened.container.format.name == "avi"):
            return
        yield timed_frame


def _from_start(file: MediaFile, t: Fraction, limits: Limits, assume_fps: float | None) -> TimedFrame:
    rate = None if assume_fps is None else exact(assume_fps)
    try:
        return _decoded(file, t, limits, rate, strict=True)
    except OutOfOrder:
        return _decoded(file, t, limits, rate, strict=False)


def _decoded(
    file: MediaFile, t: Fraction, limits: Limits, rate: Fraction | None, *, strict: bool
) -> TimedFrame:
    damage = Damage()
    order = None if strict else survey_video(file, limits, _nothing).order
    opened = open_video(file, limits, damage.opening)
    try:
        timed = TimedFrames(opened, limits, damage, _nothing, order=order, assume_fps=rate, strict=strict)
        return _on_screen(shown_frames(timed, opened, damage), t, file, damage)
    finally:
        opened.close()


def _on_screen(frames: Iterator[TimedFrame], t: Fraction, file: MediaFile, damage: Damage) -> TimedFrame:
    last = None
    for timed_frame in frames:
        if timed_frame.end > t:
            return timed_frame
        last = timed_frame
    if last is None:
        raise MediaError(
            f"no frame could be decoded: {damage.cause()}.",
            of=file.display_name,
            todo="Get a fresh copy of the file.",
        )
    raise MediaError(
        f"there is no frame at {float(t):g} s: the video ends at {float(last.end):.3f} s.",
        of=file.display_name,
        todo="Give an earlier time.",
    )


def _nothing() -> None:
    pass
