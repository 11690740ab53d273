"""The items of a HEIF file (HEIC, AVIF): which one is the image and how it is assembled.

Boxes follow ISO/IEC 23008-12 and 14496-12. Nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from vifex.media.decode.files.source import MediaFile

__all__ = ["BadBoxes", "Heif", "Item", "read_heif"]

_MOST_META_BYTES: Final = 64 << 20
_MOST_ITEM_BYTES: Final = 1 << 30
_ALPHA: Final = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")


class BadBoxes(ValueError):
    """The boxes contradict each other."""


@dataclass(slots=True)
class Item:
    """A coded image, or one made of others."""

    number: int
    kind: str
    """Four letters: `hvc1`, `av01`, `grid` ..."""
    properties: list[tuple[str, bytes]] = field(default_factory=list)
    """Kind and contents, in the order in which they are to be applied."""
    refers: dict[str, list[int]] = field(default_factory=dict)
    """Kind of a reference (`dimg`, `auxl`, `thmb` ...) to numbers of items."""
    extents: list[tuple[int, int]] = field(default_factory=list)
    """Offset and size, a size of 0 being all that follows."""
    where: int = 0
    """0: offsets are of the file, 1: of the box `idat`; others are not read."""

    def first(self, kind: str) -> bytes | None:
        """Return the contents of a property, `None` where the item has none of that kind."""
        return next((data for name, data in self.properties if name == kind), None)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as stated, before any turn; 0 x 0 where they are not."""
        stated = self.first("ispe")
        if stated is None or len(stated) < 12:
            return 0, 0
        return int.from_bytes(stated[4:8]), int.from_bytes(stated[8:12])


@dataclass(slots=True)
class Heif:
    """All items of a file."""

    file: MediaFile
    primary: int
    items: dict[int, Item]
    idat: bytes

    def data(self, item: Item) -> bytes:
        """Read an item's bytes.

        Raises:
            BadBoxes: If they are not at the stated position.
        """
        if item.where not in (0, 1) or not item.extents:
            raise BadBoxes(f"the data of item {item.number} are not in the file")
        parts: list[bytes] = []
        for offset, size in item.extents:
            n_bytes = len(self.idat) if item.where else self.file.size_bytes
            size = size or n_bytes - offset
            if not 0 <= offset <= offset + size <= n_bytes or size > _MOST_ITEM_BYTES:
                raise BadBoxes(f"the data of item {item.number} lie beyond the end of the file")
            if item.where:
                parts.append(self.idat[offset : offset + size])
            else:
                self.file.seek(offset)
                parts.append(self.file.read(size))
        return b"".join(parts)

    def alpha_of(self, item: Item) -> Item | None:
        """Return the item with the alpha of another."""
        for other in self.items.values():
            kind = (other.first("auxC") or b"")[4:].split(b"\0")[0]
            if item.number in other.refers.get("auxl", ()) and kind in _ALPHA:
                return other
        return None


def read_heif(file: MediaFile) -> Heif | None:
    """Read the boxes of a file; `None` where it names no image, e.g. in a sequence.

    Raises:
        BadBoxes: If they contradict each other.
    """
    meta = _find_meta(file)
    if meta is None:
        return None
    boxes = dict(_boxes(meta[4:]))
    if "pitm" not in boxes or "iinf" not in boxes:
        return None
    try:
        items = dict(_items(boxes["iinf"]))
        for number, where, extents in _locations(boxes.get("iloc", b"\0" * 8)):
            if number in items:
                items[number].where, items[number].extents = where, extents
        for kind, number, others in _references(boxes.get("iref")):
            if number in items:
                items[number].refers.setdefault(kind, []).extend(others)
        for number, prop in _properties(boxes.get("iprp")):
            if number in items:
                items[number].properties.append(prop)
        pitm = boxes["pitm"]
        primary = int.from_bytes(pitm[4:6] if pitm[0] == 0 else pitm[4:8])
    except IndexError as exc:
        raise BadBoxes("its boxes are cut") from exc
    return Heif(file, primary, items, boxes.get("idat", b"")) if primary in items else None


def _find_meta(file: MediaFile) -> bytes | None:
    at = 0
    for _ in range(64):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return None
        size, start = int.from_bytes(head[:4]), 8
        if size == 1:
            size, start = int.from_bytes(head[8:16]), 16
        size = size or file.size_bytes - at
        if size < start:
            return None
        if head[4:8] == b"meta":
            if size > _MOST_META_BYTES:
                raise BadBoxes("its list of items is too long")
            file.seek(at + start)
            return file.read(size - start)
        at += size
    return None


def _boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, start = int.from_bytes(data[at : at + 4]), 8
        if size == 1:
            size, start = int.from_bytes(data[at + 8 : at + 16]), 16
        size = size or len(data) - at
        if size < start or at + size > len(data):
            raise BadBoxes("its boxes are cut")
        yield data[at + 4 : at + 8].decode("latin-1"), data[at + start : at + size]
        at += size


class _Reader:
    """Big-endian numbers one after the other."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data, self.at = data, at

    def number(self, size: int) -> int:
        if self.at + size > len(self._data):
            raise BadBoxes("its boxes are cut")
        self.at += size
        return int.from_bytes(self._data[self.at - size : self.at])


def _items(iinf: bytes) -> Iterator[tuple[int, Item]]:
    for kind, body in _boxes(iinf[6 if iinf[0] == 0 else 8 :]):
        if kind == "infe" and body[0] in (2, 3):
            read = _Reader(body, 4)
            number = read.number(2 if body[0] == 2 else 4)
            at = read.at + 2
            yield number, Item(number, body[at : at + 4].decode("latin-1"))


def _locations(iloc: bytes) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    version = iloc[0]
    offset_bytes, length_bytes = iloc[4] >> 4, iloc[4] & 15
    base_bytes, index_bytes = iloc[5] >> 4, (iloc[5] & 15 if version else 0)
    read = _Reader(iloc, 6)
    wide = 4 if version == 2 else 2
    for _ in range(read.number(wide)):
        number = read.number(wide)
        where = read.number(2) & 15 if version else 0
        read.number(2)
        base = read.number(base_bytes)
        extents = []
        for _ in range(read.number(2)):
            read.number(index_bytes)
            offset = read.number(offset_bytes)
            extents.append((base + offset, read.number(length_bytes)))
        yield number, where, extents


def _references(iref: bytes | None) -> Iterator[tuple[str, int, list[int]]]:
    if iref is None:
        return
    wide = 2 if iref[0] == 0 else 4
    for kind, body in _boxes(iref[4:]):
        read = _Reader(body)
        number = read.number(wide)
        yield kind, number, [read.number(wide) for _ in range(read.number(2))]


def _properties(iprp: bytes | None) -> Iterator[tuple[int, tuple[str, bytes]]]:
    if iprp is None:
        return
    parts = list(_boxes(iprp))
    known = [prop for kind, body in parts if kind == "ipco" for prop in _boxes(body)]
    for kind, body in parts:
        if kind != "ipma":
            continue
        read = _Reader(body, 4)
        for _ in range(read.number(4)):
            number = read.number(2 if body[0] == 0 else 4)
            for _ in range(read.number(1)):
                index = read.number(2) & 0x7FFF if body[3] & 1 else read.number(1) & 0x7F
                if 0 < index <= len(known):
                    yield number, known[index - 1]
