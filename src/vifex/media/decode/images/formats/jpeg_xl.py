"""JPEG XL, by the extra `jxl`: its header, read before anything is decoded.

The header follows ISO/IEC 18181-1: size, orientation, and whether it is an animation.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from PIL import Image

from vifex.media.decode.files.limits import Refused, check_pixels
from vifex.media.decode.files.source import MediaFile
from vifex.values import Limits, MissingExtraError
from vifex.values.registry import require

__all__ = ["check_samples", "is_jpeg_xl", "prepare_jpeg_xl"]

_BARE: Final = b"\xff\x0a"
_BOXED: Final = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS: Final = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_SIZE_BITS: Final = (9, 13, 18, 30)


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    is_animated: bool


def is_jpeg_xl(head: bytes) -> bool:
    """Whether a file is JPEG XL by its first bytes."""
    return head.startswith((_BARE, _BOXED))


def prepare_jpeg_xl(file: MediaFile, limits: Limits) -> None:
    """Check that a JPEG XL can be read: its size, its kind, and that the plug-in of Pillow is there.

    Raises:
        Refused: If it is too large or an animation, or the extra is not installed.
    """
    header = _header(file)
    if header is not None:
        check_pixels(header.width, header.height, limits, file)
        if header.is_animated:
            raise Refused(
                "it is an animated JPEG XL, which no available decoder reads.",
                of=file.display_name,
                todo="Convert it to WebP or to a video.",
            )
    try:
        require("pillow_jxl", extra="jxl", needed_for="it is a JPEG XL, and reading it")
    except MissingExtraError as exc:
        raise Refused(
            exc.what, of=file.display_name, todo=f"{exc.todo} Or convert it to JPEG or PNG."
        ) from exc
    plugin: Any = import_module("pillow_jxl.JpegXLImagePlugin")
    plugin.DECODE_THREADS = 0  # parallelism comes from several decoders


def check_samples(image: Image.Image, file: MediaFile) -> None:
    """Check that the plug-in gives a sample of one byte where the image's mode has one.

    Raises:
        Refused: If it gives two, as for gray with alpha of 16 bits, which it calls `LA`.
    """
    width, height = image.size
    data = getattr(image, "_data", None)
    if image.mode == "LA" and data is not None and len(data) != 2 * width * height:
        raise Refused(
            "it is a gray JPEG XL with alpha of more than 8 bits, which the plug-in reads wrongly.",
            of=file.display_name,
            todo="Convert it to PNG or TIFF.",
        )


def _header(file: MediaFile) -> _Header | None:
    """Read the header; `None` where it is cut or says more than is read here."""
    try:
        bits = _Bits(_codestream(file))
        width, height = bits.size()
        is_animated = False
        if not bits.take(1) and bits.take(1):  # all is default; there are further fields
            bits.take(3)
            if bits.take(1):
                bits.size()
            is_animated = not bits.take(1) and bool(bits.take(1))  # a preview; an animation
    except IndexError:
        return None
    return _Header(width, height, is_animated)


def _codestream(file: MediaFile) -> bytes:
    """Return the first bytes of the image itself, behind its signature."""
    at = 0
    for _ in range(64):
        file.seek(at)
        head = file.read(64)
        if head.startswith(_BARE):
            return head[2:]
        if len(head) < 16:
            break
        size = int.from_bytes(head[:4])
        if head[4:8] in (b"jxlc", b"jxlp"):
            body = head[16 if size == 1 else 8 :]
            return body[6 if head[4:8] == b"jxlp" else 2 :]
        at += int.from_bytes(head[8:16]) if size == 1 else max(8, size)
    return b""


class _Bits:
    """Bits of a codestream, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        value = 0
        for place in range(count):
            value |= (self._data[self._at >> 3] >> (self._at & 7) & 1) << place
            self._at += 1
        return value

    def size(self) -> tuple[int, int]:
        """Read width and height."""
        is_small = self.take(1)
        height = self._side(is_small)
        ratio = _RATIOS.get(self.take(3))
        return (height * ratio[0] // ratio[1] if ratio else self._side(is_small)), height

    def _side(self, is_small: int) -> int:
        if is_small:
            return 8 * (self.take(5) + 1)
        return self.take(_SIZE_BITS[self.take(2)]) + 1
