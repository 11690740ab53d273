"""JPEG 2000: which bit depths Pillow reads correctly, and the others by FFmpeg.

Pillow leaves gray of 9 to 15 bits unscaled, lets bright colours of more than 8 bits overflow to black, and
shows fewer than 8 bits too dark. It also misplaces subsampled chroma where the size is odd.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from av import VideoFrame
from av.video.reformatter import ColorRange
from PIL import Image

from vifex.media.decode.files.limits import Refused
from vifex.media.decode.files.source import MediaFile

__all__ = ["Depths", "brighten", "find_depths", "set_full_range"]

_BOXED: Final = b"\0\0\0\x0cjP  "
_BARE: Final = b"\xff\x4f\xff\x51"
_MOST_BEFORE: Final = 16 << 20
"""How far into a file the image itself may start: behind profiles and other boxes."""
_CMYK: Final = b"colr\1\0\0\0\0\0\x0c"


@dataclass(frozen=True, slots=True)
class Depths:
    """Bits of the components of a JPEG 2000."""

    bits: tuple[int, ...]
    has_palette: bool
    is_cmyk: bool
    is_uneven: bool = False
    """Whether the size is no multiple of the pixels that share a component's sample."""

    @property
    def by_ffmpeg(self) -> bool:
        """Whether FFmpeg reads it instead of Pillow."""
        return not self.has_palette and (self.is_uneven or (max(self.bits) > 8 and self.bits != (16,)))

    def check(self, file: MediaFile) -> None:
        """Check that some reader reads it correctly.

        Raises:
            Refused: If no reader does.
        """
        mixed = len(set(self.bits)) > 1 and max(self.bits) > 8
        # FFmpeg does not scale gray with alpha of 9 to 15 bits, takes CMYK for RGB with alpha, and knows no
        # more than four components.
        is_odd = self.is_cmyk or mixed or len(self.bits) > 4 or (len(self.bits) == 2 and self.bits[0] < 16)
        if max(self.bits) > 16 or (self.by_ffmpeg and is_odd):
            depth = "/".join(map(str, sorted(set(self.bits))))
            kind = "CMYK of " if self.is_cmyk else f"{len(self.bits)} components of "
            raise Refused(
                f"it is a JPEG 2000 of a kind that cannot be read: {kind}{depth} bits.",
                of=file.display_name,
                todo="Convert it to PNG or TIFF.",
            )


def find_depths(file: MediaFile) -> Depths | None:
    """Read the depths of a JPEG 2000; `None` for other files and broken headers."""
    head = file.head()
    if not head.startswith((_BOXED, _BARE)):
        return None
    data = file.read(_MOST_BEFORE)
    at = data.find(_BARE)
    if at < 0 or len(data) < at + 42:
        return None
    count = int.from_bytes(data[at + 40 : at + 42])
    parts = data[at + 42 : at + 42 + 3 * count : 3]
    if not count or len(parts) < count:
        return None
    before = data[:at]
    right, lower, left, upper = struct.unpack(">4I", data[at + 8 : at + 24])
    steps = data[at + 42 : at + 42 + 3 * count]
    is_uneven = any((right - left) % max(1, step) for step in steps[1::3])
    is_uneven |= any((lower - upper) % max(1, step) for step in steps[2::3])
    bits = tuple((part & 0x7F) + 1 for part in parts)
    return Depths(bits, b"pclr" in before, _CMYK in before, is_uneven)


def set_full_range(frame: VideoFrame) -> None:
    """Let YCbCr take the full range: JPEG 2000 has no other, and FFmpeg does not say so."""
    frame.color_range = ColorRange.JPEG


def brighten(image: Image.Image, depths: Depths) -> Image.Image:
    """Scale fewer than 8 bits, which Pillow only shifts, so that the largest number is white."""
    (bits, *others) = sorted(set(depths.bits))
    if others or bits >= 8 or depths.has_palette or image.mode not in ("L", "LA", "RGB", "RGBA"):
        return image
    top = (1 << bits) - 1
    table = [((level >> (8 - bits)) * 255 + top // 2) // top for level in range(256)]
    out = image.point(table * len(image.getbands()))
    out.info = image.info
    return out
