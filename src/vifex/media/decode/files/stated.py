"""What the container of a video track states and PyAV does not expose.

- Cropping: `clap` of MP4 and QuickTime, PixelCrop of Matroska and WebM. FFmpeg's decoders apply the cropping
  of H.264 and
  HEVC themselves; the container's cropping is applied on top of it, as players do.
- Dolby Vision without a standard base layer, whose colours only Dolby's own metadata can reproduce.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Final

from vifex.media.decode.files.boxes import VideoTrack, video_track
from vifex.media.decode.files.ebml import VideoElements, video_tracks
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.geometry import UNCROPPED, Margins

__all__ = ["DOLBY_ALONE", "NOTHING_STATED", "Stated", "stated"]

DOLBY_ALONE: Final = (
    "It is Dolby Vision without a base layer of usual colours (profile 5), which cannot be shown right: its "
    "colours are wrong."
)
_DOLBY_BOXES: Final = (b"dvcC", b"dvvC", b"dvwC")
_WIDTH, _HEIGHT, _DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2
_CROP_BOTTOM, _CROP_TOP, _CROP_LEFT, _CROP_RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD
_PIXELS, _UNKNOWN = 0, 4
"""Units of the display size."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What the container of a video states about its images."""

    margins: Margins = UNCROPPED
    pixel_aspect: Fraction | None = None
    """Width over height of a stored pixel, if it follows from the size on screen of the cropped image."""
    is_dolby_alone: bool = False
    """Whether it is Dolby Vision without a base layer of usual colours (profile 5, and its kin in AV1)."""

    @property
    def note(self) -> str:
        """Return one sentence that says what is cut off; empty if nothing is."""
        m = self.margins
        if m == UNCROPPED:
            return ""
        return (
            "The container's cropping was applied, in stored pixels: "
            f"left {m.left}, top {m.top}, right {m.right}, bottom {m.bottom}."
        )


NOTHING_STATED: Final = Stated()


def stated(file: MediaFile, format_name: str, stream_id: int, place: int) -> Stated:
    """Read what a container states.

    Args:
        file: The open file; it is left where it was.
        format_name: FFmpeg's name of the demuxer.
        stream_id: FFmpeg's id of the stream.
        place: The stream's number among the video streams of the file, attached pictures not counted.
    """
    before = file.tell()
    try:
        if format_name.startswith("mov,"):
            track = video_track(file, stream_id)
            return NOTHING_STATED if track is None else _of_mp4(track)
        if format_name.startswith("matroska,"):
            tracks = video_tracks(file)
            return _of_matroska(tracks[place]) if place < len(tracks) else NOTHING_STATED
        return NOTHING_STATED
    finally:
        file.seek(before)


def _of_mp4(track: VideoTrack) -> Stated:
    config = next((track.boxes[name] for name in _DOLBY_BOXES if name in track.boxes), b"")
    margins = _aperture(track.boxes.get(b"clap", b""), track.width_px, track.height_px)
    return Stated(margins, _aspect_of_mp4(track, margins), _is_dolby_alone(config))


def _aperture(clap: bytes, width: int, height: int) -> Margins:
    """Read a clean aperture: ISO/IEC 14496-12, 12.1.4; pixels partly in it are kept, as by FFmpeg.

    One that is broken or reaches outside the image is not applied.
    """
    if len(clap) < 32:
        return UNCROPPED
    # Width, height, and how far the middle is off that of the image; each as numerator, denominator.
    numbers = struct.unpack_from(">IIIIiIiI", clap)
    if 0 in numbers[1::2]:
        return UNCROPPED
    wide, high, off_x, off_y = (Fraction(*numbers[i : i + 2]) for i in (0, 2, 4, 6))
    middle_x, middle_y = Fraction(width - 1, 2) + off_x, Fraction(height - 1, 2) + off_y
    left, right = floor(middle_x - (wide - 1) / 2), floor(middle_x + (wide - 1) / 2)
    top, bottom = floor(middle_y - (high - 1) / 2), floor(middle_y + (high - 1) / 2)
    if not (0 <= left <= right < width and 0 <= top <= bottom < height):
        return UNCROPPED
    return Margins(left, top, width - 1 - right, height - 1 - bottom)


def _aspect_of_mp4(track: VideoTrack, margins: Margins) -> Fraction | None:
    """Return the aspect of pixels: FFmpeg would compare the cropped size on screen with the whole image."""
    wide, high = track.display
    is_whole = (wide, high) == (track.width_px << 16, track.height_px << 16)
    if margins == UNCROPPED or b"pasp" in track.boxes or not wide or not high:
        return None
    left, top, right, bottom = margins.inner(track.width_px, track.height_px)
    return Fraction(1) if is_whole else Fraction(wide * (bottom - top), high * (right - left))


def _of_matroska(track: VideoElements) -> Stated:
    video = track.video
    width, height = video.get(_WIDTH, 0), video.get(_HEIGHT, 0)
    margins = Margins(*(video.get(name, 0) for name in (_CROP_LEFT, _CROP_TOP, _CROP_RIGHT, _CROP_BOTTOM)))
    configs = (track.mappings.get(int.from_bytes(name, "big"), b"") for name in _DOLBY_BOXES)
    is_dolby_alone = any(_is_dolby_alone(config) for config in configs)
    left, top, right, bottom = margins.inner(width, height)
    if margins == UNCROPPED or (left, top, right, bottom) == (0, 0, width, height):
        return Stated(is_dolby_alone=is_dolby_alone)
    wide, high = video.get(_DISPLAY_WIDTH, 0), video.get(_DISPLAY_HEIGHT, 0)
    unit, aspect = video.get(_DISPLAY_UNIT, _PIXELS), None
    if unit == _PIXELS:
        wide, high = wide or right - left, high or bottom - top
    if unit != _UNKNOWN and wide and high:
        aspect = Fraction(wide * (bottom - top), high * (right - left))
    return Stated(margins, aspect, is_dolby_alone)


def _is_dolby_alone(config: bytes) -> bool:
    """Read a Dolby Vision configuration record: profile, and what its base layer is compatible with."""
    if len(config) < 5:
        return False
    return config[2] >> 1 in (5, 10, 20) and config[4] >> 4 == 0
