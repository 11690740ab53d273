"""Blocks: a feature column in pieces of a few megabytes, mapped where possible, read otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.search.columns import as_matrix, layer_of

if TYPE_CHECKING:
    from vifex.store import View
    from vifex.store.reading.mapped import MappedColumn

__all__ = ["Block", "mapped_blocks", "read_blocks", "rows_per_block"]

_NUMBERS: Final = 1 << 22
"""In a block: 8 MiB of float16, as in a page of Lance."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows of a feature column."""

    rows: npt.NDArray[Any]
    """float16 or float32 `[n, D]`."""
    first: int
    """Place of the first row in the stored order of the view."""
    places: npt.NDArray[np.int64] | None = None
    """Place of every row; `None` where they follow each other."""
    lengths: npt.NDArray[np.float32] | None = None
    """Lengths `[n]`, NaN where float32 does not hold the square well; `None` where they are not known."""
    shortest: float = 0.0
    """The smallest of `lengths`, NaN left out."""

    def part(self, some: slice) -> Block:
        """Return neighbouring rows of the block; the slice has a start and a stop."""
        return Block(
            self.rows[some],
            self.first + int(some.start),
            None if self.places is None else self.places[some],
            None if self.lengths is None else self.lengths[some],
            self.shortest,
        )

    def take(self, some: npt.NDArray[np.intp]) -> Block:
        """Return copies of some rows of the block."""
        return Block(
            self.rows[some],
            self.first,
            self.places_of(some),
            None if self.lengths is None else self.lengths[some],
            self.shortest,
        )

    @classmethod
    def joined(cls, blocks: Sequence[Block]) -> Block:
        """Return the rows of several blocks, which all know their lengths or all do not."""
        places = [b.places_of(np.arange(len(b.rows))) for b in blocks]
        lengths = [b.lengths for b in blocks if b.lengths is not None]
        return cls(
            np.concatenate([b.rows for b in blocks]),
            blocks[0].first,
            np.concatenate(places),
            np.concatenate(lengths) if lengths else None,
            min(b.shortest for b in blocks),
        )

    def places_of(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        """Return the places of some rows by their index in the block."""
        return rows.astype(np.int64) + self.first if self.places is None else self.places[rows]


def rows_per_block(size: int) -> int:
    """Return the number of rows of `size` numbers in a block."""
    return max(1, _NUMBERS // max(1, size))


def mapped_blocks(mapped: MappedColumn, places: npt.NDArray[np.int64] | None = None) -> Iterator[Block]:
    """Cut a mapped column into blocks.

    Args:
        mapped: The column.
        places: Rows to take, rising; `None` means all.
    """
    if places is not None:
        for rows, chosen in _selected(mapped, places):
            yield Block(rows, int(chosen[0]), chosen)
        return
    for part in mapped.parts:
        step = rows_per_block(part.rows.shape[1])
        for start in range(0, part.count, step):
            if part.live is None:
                yield Block(part.rows[start : start + step], part.place + start)
            else:
                yield Block(part.rows[part.live[start : start + step]], part.place + start)


def read_blocks(view: View, column: str, where: str | None = None) -> Iterator[Block]:
    """Read a column that cannot be mapped, block by block."""
    places = None if where is None else view.places(where)
    step, at = rows_per_block(layer_of(view, column).size), 0
    for batch in view.batches(columns=[column], where=where, batch_rows=step):
        rows = as_matrix(batch.column(column))
        if places is None:
            yield Block(rows, at)
        else:
            yield Block(rows, 0, places[at : at + len(rows)])
        at += len(rows)


def _selected(
    mapped: MappedColumn, places: npt.NDArray[np.int64]
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.int64]]]:
    for part in mapped.parts:
        low, high = np.searchsorted(places, [part.place, part.place + part.count])
        step = rows_per_block(part.rows.shape[1])
        for start in range(int(low), int(high), step):
            chosen = places[start : min(start + step, int(high))]
            mine = chosen - part.place
            yield part.rows[mine if part.live is None else part.live[mine]], chosen
