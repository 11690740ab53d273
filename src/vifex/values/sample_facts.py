"""Identity and times of samples as columns: the one schema of everything that is not a vector.

A decoder packs a record for each sample, the pipeline slices arrays of records, and the store's columns are
read off them. No object is made for each sample.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.values.sampling import Sample

__all__ = [
    "FACT_DTYPE",
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
"""Boxes `[K, 4]`."""

NO_INT: Final = -(1 << 63)
"""Stands for `None` in a column of integers; FFmpeg's own mark of a `pts` that is not known."""

_TEXT_BYTES: Final = 24
"""Two integers of 31 bits with a stroke between them need 21."""

FACT_DTYPE: Final = np.dtype(
    [
        ("ordinal", "<i8"),
        ("frame_index", "<i8"),
        ("pts", "<i8"),
        ("t_s", "<f8"),
        ("t_start_s", "<f8"),
        ("t_end_s", "<f8"),
        ("x0", "<f8"),
        ("y0", "<f8"),
        ("x1", "<f8"),
        ("y1", "<f8"),
        ("time_base", f"S{_TEXT_BYTES}"),
    ]
)
"""One record for each sample, with the meaning of the fields of `Sample`. `NO_INT`, NaN and the empty text
stand for `None`; a box is `x0` to `y1`."""

_RECORD: Final = struct.Struct(f"<qqqddddddd{_TEXT_BYTES}s")
_NAN: Final = float("nan")
_NO_BOX: Final = (_NAN, _NAN, _NAN, _NAN)
_NO_TIMES: Final = (None,) * 6
_STILL: Final = _RECORD.pack(0, NO_INT, NO_INT, *(_NAN,) * 7, b"")


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What is known of N samples beside their pixels."""

    records: Records
    """`[N]` of `FACT_DTYPE`."""
    boxes: tuple[Corners, ...] = ()
    """Where boxes are read off the maps of a sample: for each sample `[K, 4]`, `x0, y0, x1, y1` in pixels of
    the upright image; else empty."""
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
            corners = [(b.x0, b.y0, b.x1, b.y1) for b in sample.boxes]
            self._boxes.append(np.array(corners, np.float64).reshape(-1, 4))
            self._sizes_px.append(sample.size_px)

    def take(self) -> SampleFacts:
        """Return the facts of all samples since the last call."""
        records = np.frombuffer(bytes(self._records), FACT_DTYPE)
        facts = SampleFacts(records, tuple(self._boxes), tuple(self._sizes_px))
        self._records, self._boxes, self._sizes_px = bytearray(), [], []
        return facts


def _pack(sample: Sample) -> bytes:
    """Give one record of `FACT_DTYPE`."""
    box = sample.box
    times = (sample.frame_index, sample.pts, sample.t_s, sample.t_start_s, sample.t_end_s, sample.time_base)
    if box is None and sample.ordinal == 0 and times == _NO_TIMES:
        return _STILL
    return _RECORD.pack(
        sample.ordinal,
        _int(sample.frame_index),
        _int(sample.pts),
        _float(sample.t_s),
        _float(sample.t_start_s),
        _float(sample.t_end_s),
        *(_NO_BOX if box is None else (box.x0, box.y0, box.x1, box.y1)),
        _text(sample.time_base),
    )


def _int(value: int | None) -> int:
    return NO_INT if value is None else value


def _float(value: float | None) -> float:
    return _NAN if value is None else value


def _text(value: str | None) -> bytes:
    packed = b"" if value is None else value.encode()
    if len(packed) > _TEXT_BYTES:
        raise ValueError(f"a time base of more than {_TEXT_BYTES} characters: {value}")
    return packed


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
