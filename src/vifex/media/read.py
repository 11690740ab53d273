"""One medium, decoded once for everybody who wants something of it.

`read` is what a decoder process runs; `frame_at` and `thumbnail` look at a single moment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence

from PIL import Image

from vifex.media.decode.animation import read_animation
from vifex.media.decode.moment import Moment, at
from vifex.media.decode.picture import is_animated, is_known_picture, read_picture
from vifex.media.decode.reasons import Skip
from vifex.media.decode.sniff import look, text_kind
from vifex.media.decode.source import LocalFile, open_medium, open_uri
from vifex.media.decode.video import StillInside, read_video
from vifex.values import Box, Limits, MediaError, Medium, PixelSpec, Sample, Seen, Wish

__all__ = ["Skip", "frame_at", "read", "thumbnail"]


def read(
    medium: Medium,
    wishes: Sequence[Wish],
    limits: Limits,
    *,
    progress: Callable[[], None] | None = None,
) -> Generator[Sample, None, Seen]:
    """Decode one medium once for all wishes.

    Args:
        medium: What to read, as it stood when it was found.
        wishes: What is wanted of it; at least one.
        limits: What it may cost. Wall time and memory are for the caller to watch.
        progress: Called for each packet or picture, so that a supervisor sees life.

    Yields:
        Samples, of all wishes mixed, in the order of time, each wish's with rising `ordinal`.

    Returns:
        What was learned. Damage that left something over is in `problems` and `frames_lost`.

    Raises:
        Skip: If there is nothing to do with the medium by its kind, e.g. sound alone.
        MediaError: If there is nothing to be had of it; also, at the very end, if the file changed
            while it was read: then its samples are to be thrown away.
    """
    report = progress or _nothing
    with open_medium(medium) as file:
        seen = yield from _read(file, medium, wishes, limits, report)
    return seen


def _read(
    file: LocalFile, medium: Medium, wishes: Sequence[Wish], limits: Limits, progress: Callable[[], None]
) -> Generator[Sample, None, Seen]:
    progress()
    is_still = is_picture(file, limits)
    if is_still is None:
        return (yield from read_animation(file, medium, wishes, limits, progress))
    if is_still:
        return (yield from read_picture(file, medium, wishes, limits))
    try:
        return (yield from read_video(file, medium, wishes, limits, progress))
    except StillInside:
        return (yield from read_picture(file, medium, wishes, limits))


def is_picture(file: LocalFile, limits: Limits) -> bool | None:
    """Say whether a file is a still picture (`True`), a video (`False`) or an animation (`None`).

    Raises:
        MediaError: If it is text.
    """
    head = file.head()
    kind = look(head)
    if kind == "text":
        raise MediaError(
            f"it is no picture or video but {text_kind(head)}.",
            of=file.shown,
            todo="Give the file that is meant.",
        )
    if kind == "video":
        return False
    if is_animated(file, limits):
        return None
    return kind == "picture" or is_known_picture(file, limits)


def frame_at(path_or_uri: str | os.PathLike[str], t_s: float, spec: PixelSpec, limits: Limits) -> Sample:
    """Give the frame of a video that is on screen at a time, as ready pixels.

    Args:
        path_or_uri: A local file; of a still picture, the picture, whatever the time.
        t_s: Seconds of the video's own time, as a player shows them.
        spec: What the pixels are to be like.
        limits: What it may cost.

    Returns:
        A sample with the frame's own `pts` and times. `frame_index` is `None` where frames before it
        were not decoded.

    Raises:
        MediaError: If the file cannot be read or ends before that time.
        Skip: If it has no video stream.
    """
    with open_uri(path_or_uri) as file:
        return _moment(file, t_s, limits, spec).sample(spec)


def thumbnail(
    uri: str | os.PathLike[str], t_s: float | None, box: Box | None, max_side_px: int
) -> Image.Image:
    """Give a small picture of a medium for people to look at, its aspect kept.

    Args:
        uri: A local file, by path or address.
        t_s: Seconds of a video's own time; `None` is its start, and for pictures.
        box: The part to show, in pixels of the upright picture; `None` is the whole.
        max_side_px: The longer side of the result is at most this; nothing is enlarged.

    Returns:
        A picture in mode `RGB`.

    Raises:
        MediaError: As `frame_at`.
        Skip: As `frame_at`.
    """
    with open_uri(uri) as file:
        need = PixelSpec(max_side_px, max_side_px) if box is None else None
        return _moment(file, t_s or 0.0, Limits(), need).thumbnail(box, max_side_px)


def _moment(file: LocalFile, t_s: float, limits: Limits, spec: PixelSpec | None) -> Moment:
    is_still = is_picture(file, limits)
    if is_still is None:
        return at(file, t_s, limits, kind="animation", spec=spec)
    try:
        return at(file, t_s, limits, kind="picture" if is_still else "video", spec=spec)
    except StillInside:
        return at(file, t_s, limits, kind="picture", spec=spec)


def _nothing() -> None:
    pass
