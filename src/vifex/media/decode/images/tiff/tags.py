"""The directories of a TIFF: what is stored where and in which form, read from the tags alone.

This includes camera raw files, which are TIFF files with other first bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from vifex.media.decode.files.source import MediaFile

__all__ = ["Directory", "directories", "is_tiff", "sub_directories"]

_MAGIC: Final = {
    42: False,
    43: True,  # BigTIFF
    0x55: False,  # Panasonic
    0x4F52: False,  # Olympus
    0x5352: False,
}
"""The number after the byte order, and whether offsets have eight bytes."""
_TYPES: Final = {
    1: "u1", 2: "S1", 3: "u2", 4: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 11: "f4", 12: "f8", 13: "u4",
    16: "u8", 17: "i8", 18: "u8",
}  # fmt: skip
_RATIONALS: Final = {5: "u4", 10: "i4"}
_MOST_ENTRIES: Final = 4_096
_MOST_BYTES: Final = 64 << 20
"""Most bytes of one tag's values; a colour table has 393 kB, the offsets of a million tiles 8 MB."""
_MOST_SAMPLES: Final = 4_096
_MOST_DIRECTORIES: Final = 65_536

_SUB_DIRECTORIES: Final = 330


@dataclass(frozen=True)
class Directory:
    """One directory (IFD): usually one page."""

    offset: int
    """Where it starts in the file."""
    magic: int
    """42 for TIFF, 43 for BigTIFF, others for raw files of cameras."""
    order: str
    """Byte order of all numbers, `<` or `>`."""
    tags: dict[int, Any] = field(repr=False)
    """Number of a tag to its values: an array, or bytes."""

    @property
    def head(self) -> bytes:
        """First bytes of a file in which this is the first directory."""
        start = (b"II" if self.order == "<" else b"MM") + np.array(self.magic, f"{self.order}u2").tobytes()
        if not _MAGIC[self.magic]:
            return start + np.array(self.offset, f"{self.order}u4").tobytes()
        return (
            start
            + np.array([8, 0], f"{self.order}u2").tobytes()
            + np.array(self.offset, f"{self.order}u8").tobytes()
        )

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first value of a tag as an integer."""
        values = self.tags.get(tag)
        return default if values is None or isinstance(values, bytes) or not len(values) else int(values[0])

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return all values of a tag as integers."""
        values = self.tags.get(tag)
        return () if values is None or isinstance(values, bytes) else tuple(int(v) for v in values)

    @property
    def width(self) -> int:
        """Pixels."""
        return self.number(256)

    @property
    def height(self) -> int:
        """Pixels."""
        return self.number(257)

    @property
    def samples(self) -> int:
        """Samples per pixel; a claim of thousands is not believed."""
        return min(max(1, self.number(277, 1)), _MOST_SAMPLES)

    @cached_property
    def bits(self) -> tuple[int, ...]:
        """Bits of each sample."""
        return self._for_each(self.numbers(258) or (1,))

    @cached_property
    def formats(self) -> tuple[int, ...]:
        """What each sample is: 1 unsigned, 2 signed, 3 floating point, 5 and 6 complex."""
        # 4 means unknown, and 0 is not valid: every reader takes both for unsigned.
        return tuple(1 if f in (0, 4) else f for f in self._for_each(self.numbers(339) or (1,)))

    def _for_each(self, values: tuple[int, ...]) -> tuple[int, ...]:
        return values * self.samples if len(values) == 1 < self.samples else values[: self.samples]

    @property
    def compression(self) -> int:
        """1 for none."""
        return self.number(259, 1)

    @property
    def photometric(self) -> int:
        """0 and 1 gray, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, 8 Lab, 32803 a sensor's mosaic."""
        return self.number(262)

    @property
    def is_planar(self) -> bool:
        """Whether each sample has a plane of its own."""
        return self.number(284, 1) == 2 and self.samples > 1

    @property
    def extra(self) -> tuple[int, ...]:
        """Meaning of the samples behind the colours: 1 associated alpha, 2 alpha, 0 unknown."""
        return self.numbers(338)

    @property
    def orientation(self) -> int:
        """EXIF orientation, 1 to 8."""
        value = self.number(274, 1)
        return value if 1 <= value <= 8 else 1

    @property
    def is_reduced(self) -> bool:
        """Whether it is a reduced copy or a mask of another image of the file."""
        return bool(self.number(254) & 5) or self.number(255) == 2

    @property
    def segments(self) -> list[tuple[int, int]]:
        """Offset and size in bytes of each strip or tile; 0 stands for a size that is not stated."""
        offsets, sizes = (324, 325) if 324 in self.tags else (273, 279)
        places = self.numbers(offsets)
        return list(zip_longest(places, self.numbers(sizes)[: len(places)], fillvalue=0))


def is_tiff(head: bytes) -> bool:
    """Whether a file starts as a TIFF or as a camera's raw file that is one."""
    order = {b"II": "little", b"MM": "big"}.get(head[:2])
    return order is not None and int.from_bytes(head[2:4], order) in _MAGIC  # type: ignore[arg-type]


def directories(file: MediaFile) -> Iterator[Directory]:
    """Yield the directories of the main chain, the first one first; what is broken ends it."""
    found = _header(file)
    if found is None:
        return
    order, magic, offset = found
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < _MOST_DIRECTORIES:
        seen.add(offset)
        read = _read(file, order, magic, offset)
        if read is None:
            return
        directory, offset = read
        yield directory


def sub_directories(file: MediaFile, directory: Directory) -> Iterator[Directory]:
    """Yield the directories that one directory names as its own."""
    for offset in directory.numbers(_SUB_DIRECTORIES)[:64]:
        read = _read(file, directory.order, directory.magic, offset)
        if read is not None:
            yield read[0]


def _header(file: MediaFile) -> tuple[str, int, int] | None:
    head = _at(file, 0, 16)
    if not is_tiff(head) or len(head) < 8:
        return None
    order = "<" if head[:2] == b"II" else ">"
    magic = int(np.frombuffer(head[2:4], f"{order}u2")[0])
    if not _MAGIC[magic]:
        return order, magic, int(np.frombuffer(head[4:8], f"{order}u4")[0])
    return (order, magic, int(np.frombuffer(head[8:16], f"{order}u8")[0])) if len(head) == 16 else None


def _read(file: MediaFile, order: str, magic: int, offset: int) -> tuple[Directory, int] | None:
    """Read a directory and the offset of the next one."""
    big = _MAGIC[magic]
    count_bytes, entry_bytes, word = (8, 20, 8) if big else (2, 12, 4)
    counted = _at(file, offset, count_bytes)
    if len(counted) < count_bytes:
        return None
    count = int(np.frombuffer(counted, f"{order}u{count_bytes}")[0])
    if not 0 < count <= _MOST_ENTRIES:
        return None
    table = _at(file, offset + count_bytes, count * entry_bytes + word)
    tags: dict[int, Any] = {}
    for start in range(0, min(len(table), count * entry_bytes) - entry_bytes + 1, entry_bytes):
        entry = table[start : start + entry_bytes]
        tag, kind = (int(v) for v in np.frombuffer(entry[:4], f"{order}u2"))
        values = _values(file, order, entry[4:], kind, word)
        if values is not None:
            tags.setdefault(tag, values)
    after = table[count * entry_bytes :]
    following = int(np.frombuffer(after, f"{order}u{word}")[0]) if len(after) == word else 0
    return Directory(offset, magic, order, tags), following


def _values(file: MediaFile, order: str, entry: bytes, kind: int, word: int) -> Any:
    count = int(np.frombuffer(entry[:word], f"{order}u{word}")[0])
    code = _TYPES.get(kind) or _RATIONALS.get(kind)
    if code is None:
        return None
    per_value = 2 if kind in _RATIONALS else 1
    size = count * per_value * int(code[1:])
    if size > _MOST_BYTES:
        return None
    data = entry[word : word + size]
    if size > word:
        data = _at(file, int(np.frombuffer(entry[word:], f"{order}u{word}")[0]), size)
    if len(data) < size:
        return None
    if kind in (2, 7):
        return data
    values = np.frombuffer(data, f"{order}{code}")
    if per_value == 2:
        with np.errstate(divide="ignore", invalid="ignore"):
            return values[::2] / values[1::2]
    return values


def _at(file: MediaFile, offset: int, size: int) -> bytes:
    if offset >= file.size_bytes:
        return b""
    file.seek(offset)
    return file.read(min(size, file.size_bytes - offset))
