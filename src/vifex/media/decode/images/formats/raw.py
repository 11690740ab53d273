"""Camera raw files: the largest embedded image that is more than a thumbnail.

Most are TIFF files whose first directory is a thumbnail. The photograph itself is sensor data, which must be
developed; cameras embed a JPEG of it as well. All JPEGs in a file are found by their own headers, since
makers store them in places of their own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from PIL import Image

from vifex.media.decode.files.limits import check_pixels
from vifex.media.decode.files.reasons import clean
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.images.image import StillImage
from vifex.media.decode.images.pillow import loading
from vifex.media.decode.images.tiff.tags import Directory, directories, is_tiff, sub_directories
from vifex.values import Limits, MediaError, MissingExtraError
from vifex.values.registry import require

__all__ = ["Preview", "Raw", "develop", "find_raw", "read_jpeg"]

_SIGNATURES: Final = (
    (0, b"FUJIFILMCCD-RAW", "RAF"),
    (0, b"FOVb", "X3F"),
    (0, b"\0MRM", "MRW"),
    (6, b"HEAPCCDR", "CRW"),
    (4, b"ftypcrx ", "CR3"),
    (8, b"CR\2", "CR2"),
    (0, b"IIU\0", "RW2"),
    (0, b"IIRO", "ORF"),
    (0, b"IIRS", "ORF"),
    (0, b"MMOR", "ORF"),
)
_OF_SENSOR: Final = frozenset({32803, 34892})
_RAW_COMPRESSIONS: Final = frozenset({32767, 32769, 32770, 34713, 34892, 52546, 65000, 65535})
"""Of Sony, Samsung, Nikon, Pentax, and lossy DNG."""
_DNG_VERSION: Final = 50706
_MOST_DIRECTORIES: Final = 64
_MOST_JPEGS: Final = 1_000
_MOST_JPEG_BYTES: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class Preview:
    """An image inside a raw file that need not be developed."""

    width: int
    height: int
    page: Directory | None = None
    """A directory that holds plain pixels."""
    offset: int = 0
    """Position of a JPEG; `None` if it is not a JPEG."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A raw file."""

    kind: str
    """Its usual name, e.g. `DNG`."""
    size: tuple[int, int]
    """Width and height of the largest image in it; 0 x 0 if nothing states them."""
    orientation: int
    """EXIF orientation of the photograph, 1 to 8."""
    previews: tuple[Preview, ...]
    """The largest first."""

    def sentence(self, preview: Preview | None) -> str:
        """Describe what was read of it, `None` standing for the sensor's image."""
        kind = f"It is a raw photograph ({clean(self.kind)})"
        if preview is None:
            return f"{kind}, developed by LibRaw with the camera's white balance."
        size = f"{preview.width} x {preview.height} pixels"
        if not any(self.size):
            return f"{kind}; the preview of {size} embedded in it was read."
        if preview.width * preview.height >= self.size[0] * self.size[1]:
            return f"{kind}; the image of {size} embedded in it was read."
        return f"{kind} of {self.size[0]} x {self.size[1]}; the preview of {size} embedded in it was read."

    def is_enough(self, preview: Preview) -> bool:
        """Return whether a preview may replace the photograph, because it is not a thumbnail."""
        longer = max(preview.width, preview.height)
        return longer >= (min(1024, max(self.size) / 2) if any(self.size) else 512)


def find_raw(file: MediaFile) -> Raw | None:
    """Read the structure of a raw file; `None` for any other file."""
    head = file.head()
    named = next((kind for at, mark, kind in _SIGNATURES if head[at : at + len(mark)] == mark), None)
    found = list(_all_directories(file)) if is_tiff(head) else []
    kind = named or _kind_of_tiff(found)
    if kind is None:
        return None
    pages = [d for d in found if _is_plain(d)]
    previews = [Preview(d.width, d.height, page=d) for d in pages]
    previews += [Preview(w, h, offset=at) for at, w, h in _jpegs(file, _inside(found))]
    # Of images of one size the JPEG, which the camera made for viewing.
    previews.sort(key=lambda p: (p.width * p.height, p.page is None), reverse=True)
    sizes = [(d.width, d.height) for d in found]
    size = max(sizes, key=lambda s: s[0] * s[1], default=(0, 0))
    orientation = found[0].orientation if found else _orientation_of_boxes(head)
    return Raw(kind, size, orientation, tuple(previews))


def read_jpeg(file: MediaFile, raw: Raw, preview: Preview, limits: Limits) -> StillImage:
    """Load an embedded JPEG.

    Raises:
        Exception: Whatever Pillow raises on a broken one.
    """
    check_pixels(preview.width, preview.height, limits, file)
    file.seek(preview.offset)
    data = file.read(min(_MOST_JPEG_BYTES, file.size_bytes - preview.offset))
    with loading(limits):
        image = Image.open(io.BytesIO(data), formats=("JPEG", "MPO"))
        image.load()
        own = image.getexif().get(0x0112)
    turned = own if isinstance(own, int) and 1 <= own <= 8 else raw.orientation
    return StillImage(image, image.size, turned)


def develop(file: MediaFile, raw: Raw, limits: Limits) -> StillImage:
    """Develop the sensor's image with LibRaw: white as the camera saw it, sRGB, upright.

    Raises:
        MediaError: If rawpy is not installed, or LibRaw cannot read the file.
    """
    what = f"it is a raw photograph ({clean(raw.kind)}) without a preview that is more than a thumbnail"
    try:
        rawpy: Any = require("rawpy", extra="raw", needed_for="developing it")
    except MissingExtraError as exc:
        todo = f"{exc.todo} Or convert it to JPEG or TIFF."
        raise MediaError(f"{what}, and {exc.what}", of=file.display_name, todo=todo) from exc
    check_pixels(*raw.size, limits, file)
    try:
        with rawpy.imread(file.buffered()) as opened:
            check_pixels(opened.sizes.width, opened.sizes.height, limits, file)
            pixels = opened.postprocess(use_camera_wb=True, output_bps=8)
    except rawpy.LibRawError as exc:
        cause = clean(str(exc.args[0].decode() if exc.args and isinstance(exc.args[0], bytes) else exc))
        raise MediaError(
            f"{what}, and LibRaw cannot develop it: {cause}.",
            of=file.display_name,
            todo="Convert it to JPEG or TIFF.",
        ) from exc
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return StillImage(image, image.size, 1)


def _all_directories(file: MediaFile) -> Iterator[Directory]:
    for directory in islice(directories(file), _MOST_DIRECTORIES):
        yield directory
        for below in sub_directories(file, directory):
            yield below
            yield from sub_directories(file, below)


def _kind_of_tiff(found: list[Directory]) -> str | None:
    if not found:
        return None
    if _DNG_VERSION in found[0].tags:
        return "DNG"
    if any(d.photometric in _OF_SENSOR or d.compression in _RAW_COMPRESSIONS for d in found):
        # Without a camera's name the meaning of the numbers is unknown, and LibRaw would guess.
        return bytes(found[0].tags.get(271, b"")).split(b"\0")[0].decode("ascii", "replace").strip() or None
    return None


def _is_plain(directory: Directory) -> bool:
    """Whether a directory holds pixels that can be shown as they are: gray, RGB or YCbCr."""
    plain = directory.photometric in (1, 2) or (directory.photometric == 6 and directory.compression == 7)
    return plain and directory.compression in (1, 5, 7, 8) and 2 not in directory.formats


def _inside(found: list[Directory]) -> list[tuple[int, int]]:
    """Return the positions of data that may look like JPEGs: tiles and sensor data."""
    return [
        (offset, offset + size)
        for d in found
        if d.photometric in _OF_SENSOR or len(d.segments) > 1 or d.compression in _RAW_COMPRESSIONS
        for offset, size in d.segments
    ]


def _jpegs(file: MediaFile, outside: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Find JPEGs of eight bits: offset, width and height of each."""
    starts = sorted(outside)
    data = file.whole()
    at, n = data.find(b"\xff\xd8\xff"), 0
    while at >= 0 and n < _MOST_JPEGS:
        size = None if any(start <= at < end for start, end in starts) else _jpeg_size(data, at)
        if size is not None:
            n += 1
            yield at, *size
        at = data.find(b"\xff\xd8\xff", at + 3)


def _jpeg_size(data: Any, at: int) -> tuple[int, int] | None:
    """Read width and height of a JPEG that a viewer could show; `None` for noise and for lossless ones."""
    at += 2
    for _ in range(200):
        head = data[at : at + 10]
        if len(head) < 10 or head[0] != 0xFF:
            return None
        marker = head[1]
        if marker in (0xC0, 0xC1, 0xC2):
            height, width = int.from_bytes(head[5:7]), int.from_bytes(head[7:9])
            return (width, height) if head[4] == 8 and width and height and head[9] in (1, 3) else None
        if marker == 0xFF:  # padding
            at += 1
            continue
        # Other frames than those above, the start, the end, pixels before any frame, and what is no marker.
        is_frame = 0xC3 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if marker < 0xC0 or is_frame or marker in (0xD8, 0xD9, 0xDA):
            return None
        at += 2 + int.from_bytes(head[2:4])
    return None


def _orientation_of_boxes(head: bytes) -> int:
    """Read the orientation of a CR3 from its box of EXIF."""
    at = head.find(b"CMT1")
    if at < 4:
        return 1
    exif = Image.Exif()
    try:
        exif.load(b"Exif\0\0" + head[at + 4 : at - 4 + int.from_bytes(head[at - 4 : at])])
        value = exif.get(0x0112, 1)
    except Exception:  # EXIF is parsed by hand in Pillow, and broken EXIF raises anything
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
