"""The samples of a TIFF page, of any type: strips and tiles, planes, packed bits, predictors.

Compressed data are decoded by libtiff, through Pillow: each strip or tile is passed as an 8-bit gray image
whose rows are the bytes of its own rows. Pillow thus only returns bytes, which it does correctly for every
sample type, and the samples are read from these bytes here.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from vifex.media.decode.files.limits import Refused
from vifex.media.decode.files.reasons import why_not
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.images.pillow import loading
from vifex.media.decode.images.tiff.tags import Directory
from vifex.values import Limits

__all__ = ["COMPRESSIONS", "Raster", "read_raster"]

COMPRESSIONS: Final = {
    2: "CCITT RLE", 3: "CCITT T.4", 4: "CCITT T.6", 6: "old JPEG", 7: "JPEG", 33003: "JPEG 2000",
    33004: "JPEG 2000", 33005: "JPEG 2000", 34676: "SGI LogLuv", 34677: "SGI LogLuv 24", 34712: "JPEG 2000",
    34887: "LERC", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL", 65000: "EER",
}  # fmt: skip
"""Names of compressions that are not of plain bytes, for messages."""
_BYTES_ONLY: Final = frozenset({1, 5, 8, 32773, 32946, 34925, 50000})
"""None, LZW, Deflate, PackBits, LZMA, Zstandard: they hold plain bytes."""
_REVERSED: Final = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


@dataclass(frozen=True, slots=True)
class Raster:
    """All numbers of a page."""

    values: npt.NDArray[Any]
    """`[H, W, wanted]`: integers of 8 to 64 bits or floats of 16 to 64."""
    bits: int
    """Bits of each as stored, e.g. 12 of what came as uint16."""
    lost: tuple[int, int] = (0, 0)
    """Strips or tiles in all, and those that could not be read, whose numbers are 0."""
    cause: str = ""
    """Why the first of them could not be read."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A strip or tile: where its bytes are and where its pixels go."""

    offset: int
    size: int
    plane: int | None
    top: int
    left: int
    height: int
    """Rows that are stored; of them those below the image's end are padding."""
    width: int


def read_raster(file: MediaFile, page: Directory, limits: Limits, wanted: int) -> Raster:
    """Read the numbers of a page; its size has been checked.

    Args:
        file: The open file.
        page: The page to read.
        limits: Limits for the decoder.
        wanted: How many samples of each pixel to keep, the first ones.

    Raises:
        Refused: If they are of a kind that cannot be read; the message names it.
    """
    bits, number_format = _one_kind(page, file)
    if page.compression not in _BYTES_ONLY:
        name = COMPRESSIONS.get(page.compression, f"compression {page.compression}")
        raise _refused(f"{name} of {describe(page)}", file)
    samples = 1 if page.is_planar else page.samples
    values = np.zeros((page.height, page.width, wanted), _dtype(bits, number_format))
    n_lost, n_all, cause = 0, 0, ""
    for place in _places(page, file):
        if place.plane is not None and place.plane >= wanted:
            break
        n_all += 1
        if place.offset == place.size == 0:
            continue  # a hole, which is how GDAL writes a part with only zeros
        try:
            part = _numbers(_unpacked(file, page, place, samples * bits, limits), page, place, samples, bits)
        except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as exc:
            n_lost, cause = n_lost + 1, cause or why_not(exc)
            continue
        part = part[: page.height - place.top, : page.width - place.left, :wanted]
        planes = slice(None) if place.plane is None else slice(place.plane, place.plane + 1)
        values[place.top : place.top + part.shape[0], place.left : place.left + part.shape[1], planes] = part
    return Raster(values, bits, (n_lost, n_all), cause)


def describe(page: Directory) -> str:
    """Name the kind of a page's numbers, e.g. `3 planes of 16-bit integers`."""
    kinds = {1: "integers", 2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex numbers"}
    bits, formats = sorted(set(page.bits)), sorted(set(page.formats))
    samples = f"{'/'.join(map(str, bits))}-bit {' and '.join(kinds.get(f, f'format {f}') for f in formats)}"
    return f"{page.samples} planes of {samples}" if page.is_planar else samples


def _one_kind(page: Directory, file: MediaFile) -> tuple[int, int]:
    """Return bits and format of all samples."""
    bits, formats = set(page.bits), set(page.formats)
    if page.number(32997, 1) > 1:
        raise _refused("a volume of several slices in one page", file)
    if len(bits) == 1 == len(formats):
        (bit,), (number_format,) = bits, formats
        whole = bit in (8, 16, 32, 64)
        if (
            (number_format == 1 and (1 <= bit <= 32 or whole))
            or (number_format == 2 and whole)
            or (number_format == 3 and bit in (16, 32, 64))
        ):
            return bit, number_format
    raise _refused(describe(page), file)


def _refused(kind: str, file: MediaFile) -> Refused:
    return Refused(
        f"it is a TIFF of a kind that cannot be read: {kind}.",
        of=file.display_name,
        todo="Convert it to 8 or 16 bits.",
    )


def _dtype(bits: int, number_format: int) -> str:
    whole = next(n for n in (8, 16, 32, 64) if n >= bits)
    return f"{'?uif'[number_format]}{whole // 8}"


def _places(page: Directory, file: MediaFile) -> Iterator[_Place]:
    height, width = page.height, page.width
    if 324 in page.tags:
        part_h, part_w = page.number(323), page.number(322)
    else:
        part_h, part_w = min(height, page.number(278, height) or height), width
    if part_h < 1 or part_w < 1 or part_h * part_w > max(1 << 28, 4 * height * width):
        raise _refused(f"tiles of {part_w} x {part_h} pixels", file)
    found = iter(page.segments)
    for plane in range(page.samples) if page.is_planar else (None,):
        for top in range(0, height, part_h):
            for left in range(0, width, part_w):
                offset, size = next(found, (-1, 0))
                rows = part_h if 324 in page.tags else min(part_h, height - top)
                yield _Place(offset, size, plane, top, left, rows, part_w)


def _unpacked(
    file: MediaFile, page: Directory, place: _Place, bits_per_pixel: int, limits: Limits
) -> npt.NDArray[np.uint8]:
    """Return the bytes of a strip or tile, `[rows, bytes of a row]`."""
    row_bytes = (place.width * bits_per_pixel + 7) // 8
    wanted = row_bytes * place.height
    if not 0 < place.offset < file.size_bytes:
        raise ValueError("a part of it lies beyond the end of the file")
    file.seek(place.offset)
    unstated = wanted if page.compression == 1 else 2 * wanted + 4096
    data = file.read(min(place.size or unstated, file.size_bytes - place.offset))
    if page.compression == 1:
        if len(data) < wanted:
            raise ValueError("a part of it is cut")
        if page.number(266, 1) == 2:
            data = data.translate(_REVERSED)
        return np.frombuffer(data, np.uint8, wanted).reshape(place.height, row_bytes)
    gray = _as_gray(data, page, row_bytes, place.height)
    with loading(replace(limits, max_pixels=max(wanted, limits.max_pixels))):
        image = Image.open(io.BytesIO(gray), formats=("TIFF",))
        image.load()
    return np.asarray(image)


def _as_gray(data: bytes, page: Directory, width: int, height: int) -> bytes:
    """Write a TIFF of one strip: gray, eight bits, compressed as the page is."""
    entries = {
        256: width, 257: height, 258: 8, 259: page.compression, 262: 1, 266: page.number(266, 1),
        273: 8, 277: 1, 278: height, 279: len(data),
    }  # fmt: skip
    order = page.order
    at = 8 + len(data) + len(data) % 2
    table = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in entries.items())
    # SHORT values stand at the left of their field in either byte order; LONG needs no such shift.
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, at)
    return head + data + b"\0" * (len(data) % 2) + struct.pack(f"{order}H", len(entries)) + table + b"\0" * 4


def _numbers(
    rows: npt.NDArray[np.uint8], page: Directory, place: _Place, samples: int, bits: int
) -> npt.NDArray[Any]:
    """Read `[rows, width, samples]` from the bytes of a strip or tile."""
    shape = (place.height, place.width, samples)
    predictor = page.number(317, 1) if page.compression != 1 else 1
    if bits not in (8, 16, 32, 64):
        return _from_bits(rows, bits, place.width * samples).reshape(shape)
    if predictor == 3:
        return _from_float_bytes(rows, shape, bits)
    code = f"{page.order}{_dtype(bits, page.formats[0])}"
    if predictor != 2:
        return rows.view(code).reshape(shape)
    # Differences are of integers whatever the numbers are.
    steps = rows.view(f"{page.order}u{bits // 8}").reshape(shape)
    summed = np.cumsum(steps, axis=1, dtype=f"u{bits // 8}")
    return summed.view(code[1:])


def _from_bits(rows: npt.NDArray[np.uint8], bits: int, count: int) -> npt.NDArray[Any]:
    """Read numbers of any length up to 32 bits, packed without gaps within a row."""
    single = np.unpackbits(rows, axis=1)[:, : count * bits].reshape(len(rows), count, bits)
    out = np.zeros((len(rows), count), _dtype(bits, 1))
    for bit in range(bits):
        out = (out << 1) | single[:, :, bit]
    return out


def _from_float_bytes(
    rows: npt.NDArray[np.uint8], shape: tuple[int, int, int], bits: int
) -> npt.NDArray[Any]:
    """Undo predictor 3: each row holds all first bytes, all second bytes ..., as differences."""
    height, width, samples = shape
    size = bits // 8
    summed = np.cumsum(rows.reshape(height, -1, samples), axis=1, dtype=np.uint8)
    planes = summed.reshape(height, size, width * samples)
    whole = np.ascontiguousarray(planes.transpose(0, 2, 1))
    return whole.view(f">f{size}").reshape(shape)
