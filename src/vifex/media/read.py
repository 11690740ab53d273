"""One medium, decoded once for every request.

`read` is what a decoder process runs; `frame_at`, `sound_at` and `thumbnail` read a single moment. Where
images and sound are both requested, the file is opened once and read twice, images first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial

from PIL import Image

from vifex.media.decode.audio.audio import read_audio
from vifex.media.decode.files.not_media import refuse_archive, text_error
from vifex.media.decode.files.reasons import Skip
from vifex.media.decode.files.sniff import look
from vifex.media.decode.files.source import MediaFile, open_medium, open_uri
from vifex.media.decode.images.animation import read_animation
from vifex.media.decode.images.loading import is_animated, is_known_image, read_image
from vifex.media.decode.passing import renumbered
from vifex.media.decode.timing.image_stream import image_stream
from vifex.media.decode.video.moment import Kind, Moment, PartOf, at
from vifex.media.decode.video.moments import moments
from vifex.media.decode.video.video import StillInside, read_video
from vifex.media.sample.listed import requests_at
from vifex.values import (
    AudioSpec,
    Box,
    DecodeReport,
    InputError,
    Limits,
    MediaError,
    Medium,
    NothingDecoded,
    PixelSpec,
    Sample,
    Sampling,
    ViewRequest,
)
from vifex.values.pixels import NO_PIXELS

__all__ = ["Skip", "frame_at", "read", "sound_at", "thumbnail", "thumbnails"]

_Part = Callable[[list[ViewRequest]], Generator[Sample, None, DecodeReport]]


def read(
    medium: Medium,
    requests: Sequence[ViewRequest],
    limits: Limits,
    *,
    progress: Callable[[], None] | None = None,
) -> Generator[Sample, None, DecodeReport]:
    """Decode one medium once for all requests.

    Args:
        medium: What to read, as it was when it was found.
        requests: At least one.
        limits: Limits per medium; the caller watches wall time and memory.
        progress: Called for each packet or image, so that a supervisor sees that decoding goes on.

    Yields:
        Samples in the order of time, those of images before those of sound. Samples of several requests are
        interleaved; the `ordinal` of each request increases.

    Returns:
        The report. Damage after which samples remain is in `problems` and `frames_lost`. If images and sound
        were requested, `apart` has a report for each request.

    Raises:
        Skip: If the medium does not have the requested kind, e.g. a sound file when only images are
            requested.
        MediaError: If nothing could be decoded; also at the end if the file changed while it was read, in
            which case its samples must be dropped.
    """
    on_progress = progress or _nothing
    requests = requests_at(medium, requests)
    with open_medium(medium) as file:
        look = partial(_read, file, medium, limits=limits, progress=on_progress)
        listen = partial(read_audio, file, medium, limits=limits, progress=on_progress)
        if all(w.audio is None for w in requests):
            report = yield from look(requests)
        elif all(w.audio is not None for w in requests):
            report = yield from listen(requests)
        else:
            report = yield from _both(requests, look, listen)
    return report


def _both(
    requests: Sequence[ViewRequest], look: _Part, listen: _Part
) -> Generator[Sample, None, DecodeReport]:
    """Read images, then sound; an error in one does not affect the other."""
    apart: dict[int, DecodeReport | NothingDecoded] = {}
    for part, of_sound in ((look, False), (listen, True)):
        places = [i for i, w in enumerate(requests) if (w.audio is not None) == of_sound]
        found: DecodeReport | NothingDecoded
        try:
            found = yield from renumbered(part([requests[i] for i in places]), places)
        except Skip as exc:
            found = NothingDecoded(exc.reason, is_skipped=True)
        except MediaError as exc:
            found = NothingDecoded(exc.sentences, is_skipped=False)
        apart |= dict.fromkeys(places, found)
    return DecodeReport(kind="video", apart=tuple(sorted(apart.items())))


def _read(
    file: MediaFile,
    medium: Medium,
    requests: Sequence[ViewRequest],
    *,
    limits: Limits,
    progress: Callable[[], None],
) -> Generator[Sample, None, DecodeReport]:
    progress()
    is_still = is_image(file, limits)
    if is_still is None:
        return (yield from read_animation(file, medium, requests, limits, progress))
    if is_still:
        return (yield from read_image(file, medium, requests, limits, progress))
    try:
        return (yield from read_video(file, medium, requests, limits, progress))
    except StillInside:
        return (yield from read_image(file, medium, requests, limits, progress))


def is_image(file: MediaFile, limits: Limits) -> bool | None:
    """Return whether a file is a still image (`True`), a video (`False`) or an animation (`None`).

    Raises:
        MediaError: If it is text or an archive.
    """
    head = file.head()
    refuse_archive(head, file.display_name)
    kind = look(head)
    if kind == "text":
        raise text_error(head, file.display_name, wanted="an image or a video")
    if kind == "video" or (kind == "image" and image_stream(file) is not None):
        return False
    if is_animated(file, limits):
        return None
    return kind == "image" or is_known_image(file, limits)


def frame_at(
    path_or_uri: str | os.PathLike[str],
    t_s: float,
    spec: PixelSpec,
    limits: Limits,
    *,
    assume_fps: float | None = None,
    part: PartOf | None = None,
) -> Sample:
    """Return the frame of a video that is on screen at a time, as ready pixels.

    Args:
        path_or_uri: A local file; a still image is returned whatever the time.
        t_s: Seconds in the video, as a player shows them.
        spec: Size and preparation of the pixels.
        limits: Limits per medium.
        assume_fps: Frame rate for a stream without any times.
        part: Returns the part of the upright image to take, by its width and height.

    Returns:
        A sample with the frame's own `pts` and times. `frame_index` is `None` if frames before it were not
        decoded.

    Raises:
        MediaError: If the file cannot be read or ends before that time.
        Skip: If it has no video stream.
    """
    with open_uri(path_or_uri) as file:
        # A part is taken of the image at its full size, as rows of boxes are.
        need = spec if part is None else None
        return _moment(file, t_s, limits, need, assume_fps).sample(spec, part)


def sound_at(
    path_or_uri: str | os.PathLike[str], t_s: float | None, spec: AudioSpec, limits: Limits
) -> Sample:
    """Return the window of a file's sound that starts at a time.

    Args:
        path_or_uri: A local file.
        t_s: Seconds in the file; `None` if the sound is at most one window.
        spec: The window; a shorter rest is filled according to its `tail`, not dropped.
        limits: Limits per medium.

    Raises:
        InputError: If no time was given and the sound is longer than one window.
        MediaError: If the file cannot be read or its sound ends before that time.
        Skip: If it has no sound.
    """
    tail = "pad" if spec.tail == "drop" else spec.tail
    request = replace(spec, hop_s=spec.window_s, tail=tail, t_start_s=t_s, t_end_s=None)
    text = os.fspath(path_or_uri)
    with open_uri(text) as file:
        medium = Medium(text, os.path.basename(text), "audio", file.size_bytes, file.stat.st_mtime_ns)  # noqa: PTH119
        windows = read_audio(
            file, medium, [ViewRequest(Sampling(), NO_PIXELS, audio=request)], limits, _nothing
        )
        first = next(windows)  # no sound is another error
        if t_s is None and next(windows, None) is not None:
            raise InputError(
                f"it is longer than one window of sound ({spec.window_s:g} s), so a time must be given.",
                of=text,
                todo=f"Name where the window starts, e.g. {medium.name}@0, or cut it.",
            )
        return first


def thumbnail(
    uri: str | os.PathLike[str],
    t_s: float | None,
    box: Box | None,
    max_side_px: int,
    *,
    assume_fps: float | None = None,
    page: int = 0,
) -> Image.Image:
    """Return a thumbnail of a medium with its aspect ratio.

    Args:
        uri: A local file, by path or address.
        t_s: Seconds in a video; `None` for its start and for images.
        box: The part to show, in pixels of the upright image; `None` is the whole.
        max_side_px: The longer side of the result is at most this; nothing is enlarged.
        assume_fps: As in `frame_at`.
        page: Page of an image with several, from 0.

    Returns:
        An image in mode `RGB`.

    Raises:
        MediaError: As `frame_at`.
        Skip: As `frame_at`.
    """
    with open_uri(uri) as file:
        need = PixelSpec(max_side_px, max_side_px) if box is None else None
        return _moment(file, t_s or 0.0, Limits(), need, assume_fps, page).thumbnail(box, max_side_px)


def thumbnails(
    uri: str | os.PathLike[str],
    wanted: Sequence[tuple[float, Box | None]],
    max_side_px: int,
    *,
    assume_fps: float | None = None,
) -> Iterator[Image.Image | None]:
    """Yield thumbnails of several moments of a video, as `thumbnail` gives them, in fewer passes over it.

    Args:
        uri: A local file, by path or address.
        wanted: Seconds in the video, rising, each with the part to show; `None` is the whole.
        max_side_px: The longer side of the results is at most this; nothing is enlarged.
        assume_fps: As in `frame_at`.

    Yields:
        An image in mode `RGB` for each moment; `None` where there is no frame, or no such part.

    Raises:
        MediaError: If the file cannot be read.
        Skip: As `frame_at`.
    """
    with open_uri(uri) as file:
        is_still = is_image(file, Limits())
        kind: Kind = "animation" if is_still is None else "image" if is_still else "video"
        times = [t_s for t_s, _ in wanted]
        found = moments(file, times, Limits(), kind=kind, assume_fps=assume_fps)
        for moment, (_, box) in zip(found, wanted, strict=True):
            try:
                yield None if moment is None else moment.thumbnail(box, max_side_px)
            except MediaError:
                yield None


def _moment(
    file: MediaFile,
    t_s: float,
    limits: Limits,
    spec: PixelSpec | None,
    assume_fps: float | None,
    page: int = 0,
) -> Moment:
    is_still = is_image(file, limits)
    if is_still is None:
        return at(file, t_s, limits, kind="animation", spec=spec)
    try:
        kind: Kind = "image" if is_still else "video"
        return at(file, t_s, limits, kind=kind, spec=spec, assume_fps=assume_fps, page=page)
    except StillInside:
        return at(file, t_s, limits, kind="image", spec=spec)


def _nothing() -> None:
    pass
