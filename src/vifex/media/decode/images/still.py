"""Still images that Pillow cannot read but FFmpeg can: HEIC, float TIFF, damaged headers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from av import VideoFrame

from vifex.media.decode.files.container import Opened, is_attached, open_container
from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.limits import Refused, check_pixels
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.timing.times import Clock
from vifex.media.decode.video.packets import decoded
from vifex.media.decode.video.pixels import Converter, FrameImage
from vifex.values import Limits, MediaError

__all__ = ["still_by_ffmpeg"]

_LINEAR = frozenset({"exr", "hdr"})
"""Decoders that give linear light as floats. FFmpeg 8 can convert that of OpenEXR itself, FFmpeg 9 cannot."""


def still_by_ffmpeg(
    file: MediaFile, limits: Limits, restate: Callable[[VideoFrame], None] | None = None
) -> tuple[FrameImage, tuple[str, ...]]:
    """Decode a file's image with FFmpeg.

    Args:
        file: The open file.
        limits: For its size.
        restate: Sets matrix, range, transfer and primaries of the frame if the file states others than its
            stream.

    Returns:
        The image, and sentences about what was lost.

    Raises:
        MediaError: If FFmpeg cannot read it either, or it is too large, or made of several parts.
    """
    damage = Damage()
    container = open_container(file, limits, damage.opening)
    try:
        streams = [s for s in container.streams.video if not is_attached(s)]
        # Every tile and thumbnail of a HEIF file is a stream; the image is the one that is marked.
        primary = [s for s in streams if s.disposition & 1]
        if len(streams) > 1 and not primary:
            raise Refused(
                "its image consists of several parts whose layout cannot be read.",
                of=file.display_name,
                todo="Convert it to JPEG or PNG.",
            )
        stream = next(iter(primary or streams), None)
        if stream is None or getattr(stream, "codec_context", None) is None:
            raise MediaError(
                "there is no decoder for its image.", of=file.display_name, todo="Convert it to JPEG or PNG."
            )
        context = stream.codec_context
        check_pixels(context.width, context.height, limits, file)
        opened = Opened(container, stream, len(streams))
        clock = Clock.of(container, stream)
        frame = next(decoded(opened, limits, damage, lambda: None, clock), None)
        if frame is None:
            kind = Refused if damage.too_large else MediaError
            raise kind(
                f"the image could not be decoded: {damage.cause()}.",
                of=file.display_name,
                todo="Open it in a viewer, or get a fresh copy.",
            )
        if context.name in _LINEAR:
            frame = _from_light(frame)
        if restate is not None:
            restate(frame)
        return FrameImage(frame, Converter.of(opened)), damage.sentences()
    finally:
        container.close()


def _from_light(frame: VideoFrame) -> VideoFrame:
    """Make codes of sRGB, 0 to 1, of linear light; what is brighter is white, and alpha stays as it is."""
    if not frame.format.name.endswith("f32le"):  # half floats
        channels = len(frame.format.components)
        frame = frame.reformat(format={1: "grayf32le", 3: "gbrpf32le", 4: "gbrapf32le"}[channels])
    light = np.clip(np.nan_to_num(frame.to_ndarray().astype(np.float32)), 0, 1)
    codes = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    if frame.format.name == "gbrapf32le":
        codes[..., 3] = light[..., 3]
    return VideoFrame.from_ndarray(codes.astype(np.float32), frame.format.name)
