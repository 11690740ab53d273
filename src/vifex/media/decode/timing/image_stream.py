"""Images in sequence in one file: a raw stream of MJPEG, JPEG 2000, PNG, BMP or PNM frames.

Such a stream begins like a single image. An image may also be followed by something else (a thumbnail, a gain
map, the other images of an MPO, a short film). A stream is recognised by its second image: it follows
directly, and has the same kind and size. Where the sizes differ, the suffix of a stream (`.mjpeg`, `.mjpg`)
decides.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Final

from vifex.media.decode.files.sniff import webp_size
from vifex.media.decode.files.source import MediaFile

__all__ = ["image_stream"]

_Size = tuple[int, ...]

_CHUNK_BYTES: Final = 1 << 20
_HEAD_BYTES: Final = 1 << 16
_PADDING: Final = b"\x00\xff\r\n"
_MOST_PADDING: Final = 4096
_JPEG: Final = b"\xff\xd8\xff"
_LOSSLESS: Final = 0xF7
"""Marker of a frame of JPEG-LS."""
_STREAMS: Final = (".mjpeg", ".mjpg")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_CODESTREAM: Final = b"\xff\x4f\xff\x51"
_JP2: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_SEVERAL: Final = re.compile(rb"MPF\x00|Container:Directory|GContainer|hdrgm:|GCamera:|GDepth:")
"""Marks in a JPEG's own segments that name other images behind it: MPO, gain maps, depth maps."""


def image_stream(file: MediaFile) -> str | None:
    """Name FFmpeg's demuxer for a file that is a stream of images; `None` for everything else.

    Args:
        file: The open file; it is read once to its second image, or to its end.
    """
    head = file.head()
    for magic, find in _KINDS:
        if head.startswith(magic):
            return find(file)
    if re.match(rb"P[4-7]\s", head):
        return _netpbm(file)
    return None


def _jpeg(file: MediaFile) -> str | None:
    head = _read(file, 0, _HEAD_BYTES)
    walked = _jpeg_size(head)
    if walked is None:
        return None
    size, scan_at = walked
    if _SEVERAL.search(head[:scan_at]):
        return None
    # Coded data hold no such mark: a JPEG that begins behind the first scan is no thumbnail.
    second = _find(file, _JPEG, scan_at)
    if second is None or not _ends_before(file, second):
        return None
    other = _jpeg_size(_read(file, second, _HEAD_BYTES))
    if other is None or (other[0] != size and not file.display_name.lower().endswith(_STREAMS)):
        return None
    return "jpegls_pipe" if head[3] == _LOSSLESS else "mjpeg"


def _jpeg_size(data: bytes) -> tuple[_Size, int] | None:
    """Return height, width and components, and where the first scan begins."""
    at, size = 2, None
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        kind = data[at + 1]
        if kind == 0xFF:
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        is_frame = 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC)
        if (is_frame or kind == _LOSSLESS) and at + 10 <= len(data):
            size = struct.unpack(">HHB", data[at + 5 : at + 10])
        if kind == 0xDA:
            return None if size is None else (size, at)
        at += 2 + length
    return None


def _ends_before(file: MediaFile, second: int) -> bool:
    """Whether an end of image stands directly before a position, padding between them left out."""
    before = _read(file, max(0, second - _MOST_PADDING), min(second, _MOST_PADDING))
    end = before.rstrip(b"\x00")
    return end.endswith(b"\xff\xd9") or before.rstrip(_PADDING).endswith(b"\xff\xd9")


def _codestream(file: MediaFile) -> str | None:
    second = _find(file, b"\xff\xd9" + _CODESTREAM, 4)
    if second is None:
        return None
    # SIZ: marker, length, capabilities, then width and height on the grid and their offsets
    first, other = _read(file, 8, 16), _read(file, second + 2 + 8, 16)
    return "j2k_pipe" if first == other else None


def _jp2(file: MediaFile) -> str | None:
    return "j2k_pipe" if _find(file, _JP2, len(_JP2)) is not None else None


def _png(file: MediaFile) -> str | None:
    at = len(_PNG)
    while True:
        chunk = _read(file, at, 8)
        if len(chunk) < 8:
            return None
        at += 12 + int.from_bytes(chunk[:4], "big")
        if chunk[4:] == b"IEND":
            break
    same = _read(file, at, 8) == _PNG and _read(file, at + 16, 8) == _read(file, 16, 8)
    return "png_pipe" if same else None


def _bmp(file: MediaFile) -> str | None:
    size = int.from_bytes(_read(file, 2, 4), "little")
    if size < 26:
        return None
    same = _read(file, size, 2) == b"BM" and _read(file, size + 14, 12) == _read(file, 14, 12)
    return "bmp_pipe" if same else None


def _webp(file: MediaFile) -> str | None:
    size = 8 + int.from_bytes(_read(file, 4, 4), "little")
    at = size + size % 2
    first, other = webp_size(_read(file, 0, 64)), webp_size(_read(file, at, 64))
    return "webp_pipe" if first is not None and first == other else None


def _qoi(file: MediaFile) -> str | None:
    second = _find(file, b"\0\0\0\0\0\0\0\1qoif", 14)
    same = second is not None and _read(file, second + 12, 8) == _read(file, 4, 8)
    return "qoi_pipe" if same else None


def _netpbm(file: MediaFile) -> str | None:
    header = _netpbm_header(_read(file, 0, 1024))
    if header is None:
        return None
    name, size, length = header
    other = _netpbm_header(_read(file, length, 1024))
    return name if other is not None and other[:2] == (name, size) else None


def _netpbm_header(data: bytes) -> tuple[str, _Size, int] | None:
    """Return the demuxer, width, height and depth of a binary PNM image, and its length in bytes."""
    pam = re.match(rb"P7\n(?:#.*\n|[A-Z]+ .*\n)*?ENDHDR\n", data)
    if pam:
        found = dict(re.findall(rb"(WIDTH|HEIGHT|DEPTH|MAXVAL) (\d+)", pam[0]))
        if len(found) < 4:
            return None
        width, height, depth, most = (int(found[k]) for k in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
        return (
            "pam_pipe",
            (width, height, depth, most),
            pam.end() + width * height * depth * (1 + (most > 255)),
        )
    gap = rb"(?:\s|#.*\n)+"
    bits = re.match(rb"P4%b(\d+)%b(\d+)\s" % (gap, gap), data)
    if bits:
        width, height = int(bits[1]), int(bits[2])
        return "pbm_pipe", (width, height), bits.end() + (width + 7) // 8 * height
    gray = re.match(rb"P([56])%b(\d+)%b(\d+)%b(\d+)\s" % (gap, gap, gap), data)
    if not gray:
        return None
    depth = 1 if gray[1] == b"5" else 3
    width, height, most = int(gray[2]), int(gray[3]), int(gray[4])
    name = "pgm_pipe" if depth == 1 else "ppm_pipe"
    return name, (width, height, most), gray.end() + width * height * depth * (1 + (most > 255))


_KINDS: Final[tuple[tuple[bytes, Callable[[MediaFile], str | None]], ...]] = (
    (_JPEG, _jpeg),
    (_PNG, _png),
    (_CODESTREAM, _codestream),
    (_JP2, _jp2),
    (b"BM", _bmp),
    (b"RIFF", _webp),
    (b"qoif", _qoi),
)


def _read(file: MediaFile, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _find(file: MediaFile, mark: bytes, start: int) -> int | None:
    """Return the place of the first such bytes at or after a position."""
    at, pattern = start, re.compile(re.escape(mark))  # twice as quick as bytes.find
    while len(chunk := _read(file, at, _CHUNK_BYTES)) >= len(mark):
        found = pattern.search(chunk)
        if found:
            return at + found.start()
        at += len(chunk) - len(mark) + 1
    return None
