"""Identity and times of samples as columns: the one schema of everything that is not a vector.

A decoder packs a record for each sample, the pipeline slices arrays of records, and the store's columns are
read off them. No object is made for each sample.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.values.media import Box
from vifex.values.rows import BOX_SIDES, OF_SAMPLE, ROW_COLUMNS
from vifex.values.sampling import Sample

__all__ = [
    "BOX_NUMBER",
    "FACT_DTYPE",
    "NO_BOX_NUMBER",
    "NO_INT",
    "Corners",
    "FactsBuilder",
    "Records",
    "SampleFacts",
    "fact_column",
    "fact_values",
]

Records = npt.NDArray[np.void]
"""Array of `FACT_DTYPE`."""
Corners = npt.NDArray[np.float64]
"""Boxes `[K, 5]`: x0, y0, x1, y1, and the place among the medium's own boxes, -1 for none of them."""

NO_INT: Final = -(1 << 63)
"""Stands for `None` in a column of integers; FFmpeg's own mark of a `pts` that is not known."""

_TEXT_BYTES: Final = 24
"""Two integers of 31 bits with a stroke between them need 21."""

# For each type of a row's columns: the type in a record, the same for `struct`, and what stands for `None`.
_TYPES: Final[Mapping[str, tuple[str, str, Any]]] = {
    "int64": ("<i8", "q", NO_INT),
    "float64": ("<f8", "d", float("nan")),
    "float32": ("<f8", "d", float("nan")),
    "string": (f"S{_TEXT_BYTES}", f"{_TEXT_BYTES}s", b""),
}
_FIELDS: Final = [c for of in ("sample", "box") for c in ROW_COLUMNS if c.of == of]

BOX_NUMBER: Final = "box_number"
"""Field of a record: the place of the row's box among the medium's own, `NO_BOX_NUMBER` for none of them."""
NO_BOX_NUMBER: Final = -1

FACT_DTYPE: Final = np.dtype([*((c.name, _TYPES[c.type][0]) for c in _FIELDS), (BOX_NUMBER, "<i4")])
"""One record for each sample: the columns of a row that belong to a sample or its box, and the number of the
box. `NO_INT`, NaN and the empty text stand for `None`."""

_RECORD: Final = struct.Struct("<" + "".join(_TYPES[c.type][1] for c in _FIELDS) + "i")
_NONES: Final = tuple(_TYPES[c.type][2] for c in _FIELDS if c.of == "sample")
_NO_BOX: Final = tuple(_TYPES[c.type][2] for c in _FIELDS if c.of == "box")
_TEXTS: Final = [place for place, none in enumerate(_NONES) if none == b""]
_of_sample: Final[Callable[[Sample], tuple[Any, ...]]] = attrgetter(*OF_SAMPLE)
_of_box: Final[Callable[[Box], tuple[float, ...]]] = attrgetter(*BOX_SIDES)
# Images without boxes are all alike, and most media are such.
_STILL_VALUES: Final = tuple(0 if name == "ordinal" else None for name in OF_SAMPLE)


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What is known of N samples beside their pixels."""

    records: Records
    """`[N]` of `FACT_DTYPE`."""
    boxes: tuple[Corners, ...] = ()
    """Where boxes are read off the maps of a sample: for each sample its `Corners`, in pixels of the upright
    image; else empty."""
    sizes_px: tuple[tuple[int, int], ...] = field(default=())
    """With `boxes`: width and height of each sample's upright image."""

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, part: slice) -> SampleFacts:
        return SampleFacts(self.records[part], self.boxes[part], self.sizes_px[part])

    @staticmethod
    def joined(parts: Sequence[SampleFacts]) -> SampleFacts:
        """Put facts one after the other; all parts have boxes on maps, or none."""
        if len(parts) == 1:
            return parts[0]
        return SampleFacts(
            np.concatenate([part.records for part in parts]),
            tuple(box for part in parts for box in part.boxes),
            tuple(size for part in parts for size in part.sizes_px),
        )


class FactsBuilder:
    """Gathers the facts of samples one by one."""

    def __init__(self) -> None:
        self._records = bytearray()
        self._boxes: list[Corners] = []
        self._sizes_px: list[tuple[int, int]] = []

    def add(self, sample: Sample) -> None:
        """Take what is known of a sample; its pixels are not kept."""
        self._records += _pack(sample)
        if sample.size_px is not None:
            numbers = sample.box_numbers or (NO_BOX_NUMBER,) * len(sample.boxes)
            corners = [(b.x0, b.y0, b.x1, b.y1, n) for b, n in zip(sample.boxes, numbers, strict=True)]
            self._boxes.append(np.array(corners, np.float64).reshape(-1, 5))
            self._sizes_px.append(sample.size_px)

    def take(self) -> SampleFacts:
        """Return the facts of all samples since the last call."""
        records = np.frombuffer(bytes(self._records), FACT_DTYPE)
        facts = SampleFacts(records, tuple(self._boxes), tuple(self._sizes_px))
        self._records, self._boxes, self._sizes_px = bytearray(), [], []
        return facts


def _pack(sample: Sample) -> bytes:
    """Return one record of `FACT_DTYPE`."""
    values, box = _of_sample(sample), sample.box
    if box is None and values == _STILL_VALUES:
        return _STILL
    if box is None:
        return _RECORD.pack(*_packed(values), *_NO_BOX, NO_BOX_NUMBER)
    number = sample.box_numbers[0] if sample.box_numbers else NO_BOX_NUMBER
    return _RECORD.pack(*_packed(values), *_of_box(box), number)


def _packed(values: Sequence[Any]) -> list[Any]:
    """Return the values of a sample as a record holds them.

    Raises:
        ValueError: If a text is too long for it.
    """
    packed = [none if value is None else value for value, none in zip(values, _NONES, strict=True)]
    for place in _TEXTS:
        text = packed[place]
        if text:
            packed[place] = text.encode()
            if len(packed[place]) > _TEXT_BYTES:
                raise ValueError(f"a text of more than {_TEXT_BYTES} bytes in a row: {text}")
    return packed


_STILL: Final = _RECORD.pack(*_packed(_STILL_VALUES), *_NO_BOX, NO_BOX_NUMBER)


def fact_column(records: Records, name: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Give a field of records as an array, and where it is `None` as a mask `[N]`.

    Args:
        records: `[N]` of `FACT_DTYPE`.
        name: A field of it.
    """
    values = records[name]
    if values.dtype.kind == "i":
        return values, values == NO_INT
    return values, np.isnan(values) if values.dtype.kind == "f" else values == b""


def fact_values(records: Records, name: str) -> list[Any]:
    """Return a field of records as plain values, `None` where there is none."""
    values, is_none = fact_column(records, name)
    return [None if none else value for value, none in zip(values.tolist(), is_none.tolist(), strict=True)]
