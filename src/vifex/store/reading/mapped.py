"""Feature columns as memory maps: vectors where they lie in the store's files, without a copy.

Lance writes a column of long vectors as plain pages: the numbers of row after row, nothing between them. Such
a page is mapped read-only, so its memory is the system's file cache. Columns that are stored in another way
(short vectors, for example) cannot be mapped; they are read in batches.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.store.files.faults import cut_short
from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place, local

if TYPE_CHECKING:
    from vifex.store.files.lance_adapter import Fragment, Table

__all__ = ["MappedColumn", "MappedPart", "Places", "map_column", "row_places"]

_DTYPES: dict[pa.DataType, np.dtype[Any]] = {pa.float16(): np.dtype("<f2"), pa.float32(): np.dtype("<f4")}
_SCAN_ROWS = 1 << 16
_MOST_FILES = 400
"""Largest number of files to map: each map holds a file open, and systems limit those to about 1,000."""


@dataclass(frozen=True, slots=True, eq=False)
class MappedPart:
    """A page of a mapped column: neighbouring rows of one fragment."""

    rows: npt.NDArray[Any]
    """float16 or float32 `[n, D]`, read-only, deleted rows included."""
    live: npt.NDArray[np.int64] | None
    """Which of `rows` are in the view, rising; `None` means all."""
    place: int
    """Place of the first live row in the stored order of the view."""

    @property
    def count(self) -> int:
        """Number of live rows."""
        return len(self.rows) if self.live is None else len(self.live)


@dataclass(frozen=True, slots=True, eq=False)
class MappedColumn:
    """All vectors of a feature column, in the stored order of the view."""

    parts: tuple[MappedPart, ...]
    table: Table

    def __len__(self) -> int:
        return sum(part.count for part in self.parts)

    def select(self, places: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[Any], slice]]:
        """Read single rows.

        Args:
            places: In the stored order of the view, rising.

        Yields:
            Rows `[n, D]`, copied, and which of `places` they are.
        """
        for part in self.parts:
            low, high = np.searchsorted(places, [part.place, part.place + part.count])
            if low < high:
                mine = places[low:high] - part.place
                yield part.rows[mine if part.live is None else part.live[mine]], slice(int(low), int(high))


def map_column(table: Table, column: str) -> MappedColumn | None:
    """Map a feature column.

    Args:
        table: The rows of a view.
        column: A feature column of it.

    Returns:
        The mapped column; `None` if it lies at an object store, a page of it is not plain or it has more than
        400 files.

    Raises:
        StoreError: If a file is shorter than its pages.
    """
    if isinstance(table.path, ObjectPath):
        return None
    kind = table.schema.field(column).type
    dtype, size = _DTYPES.get(kind.value_type), int(kind.list_size)
    if dtype is None:
        return None
    fragments = table.fragments()
    if sum(len(fragment.files) for fragment in fragments) > _MOST_FILES:
        return None
    parts: list[MappedPart] = []
    place = 0
    for fragment in fragments:
        pages = table.flat_pages(fragment, column, size, 8 * dtype.itemsize)
        if pages is None:
            return None
        live = _live(table, fragment)
        first = 0
        for rows in _pages(pages, dtype, size):
            mine = None if live is None else _between(live, first, len(rows))
            parts.append(MappedPart(rows, mine, place))
            place += parts[-1].count
            first += len(rows)
        if first != fragment.rows + fragment.deleted:
            return None
    mapped = MappedColumn(tuple(parts), table)
    return mapped if _as_read(mapped, column) else None


def row_places(table: Table, where: str) -> Iterator[npt.NDArray[np.int64]]:
    """Find the rows that pass a filter, without reading vectors.

    Args:
        table: The rows of a view.
        where: A filter that was checked.

    Yields:
        Places in the stored order, rising.
    """
    known = Places(table)
    for batch in table.scan([], where=where, batch_rows=_SCAN_ROWS, addresses=True):
        yield known.of(batch.column("_rowaddr").to_numpy())


class Places:
    """The places in the stored order of rows that are known by their addresses.

    An address is fragment << 32 | place in the fragment, deleted rows counted.
    """

    def __init__(self, table: Table) -> None:
        self._firsts: dict[int, int] = {}
        self._live: dict[int, npt.NDArray[np.int64] | None] = {}
        self._counts: dict[int, int] = {}
        place = 0
        for fragment in table.fragments():
            self._firsts[fragment.id], self._live[fragment.id] = place, _live(table, fragment)
            self._counts[fragment.id] = fragment.rows
            place += fragment.rows

    def of(self, addresses: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Return the places of live rows, `[N]`; those of one fragment stand together."""
        found = addresses.astype(np.int64)
        edges = np.flatnonzero(np.diff(found >> 32)) + 1
        parts = [self._of_fragment(run) for run in np.split(found, edges)] if len(found) else []
        return np.concatenate([np.empty(0, np.int64), *parts])

    def of_fragments(self, fragments: Iterable[int]) -> npt.NDArray[np.int64]:
        """Return the places of all live rows of some fragments, rising."""
        firsts = sorted((self._firsts[i], self._counts[i]) for i in fragments)
        parts = [np.arange(first, first + count, dtype=np.int64) for first, count in firsts]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def _of_fragment(self, addresses: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        owner, places = int(addresses[0] >> 32), addresses & 0xFFFFFFFF
        live = self._live[owner]
        return self._firsts[owner] + (places if live is None else np.searchsorted(live, places))


def _pages(
    pages: Sequence[tuple[Place, int, int]], dtype: np.dtype[Any], size: int
) -> Iterator[npt.NDArray[Any]]:
    """Map the pages of one fragment: file, position in bytes and number of rows of each."""
    files: dict[Path, npt.NDArray[np.uint8]] = {}
    for place, position, rows in pages:
        path = local(place)
        if path not in files:
            with path.open("rb") as file:
                files[path] = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        stop = position + rows * size * dtype.itemsize
        if stop > len(files[path]):
            raise cut_short(path)
        yield files[path][position:stop].view(dtype).reshape(rows, size)


def _live(table: Table, fragment: Fragment) -> npt.NDArray[np.int64] | None:
    """Read which rows of a fragment are not deleted; `None` means all."""
    if not fragment.deleted:
        return None
    batches = table.scan([], batch_rows=_SCAN_ROWS, addresses=True, fragments=[fragment.id])
    parts = [batch.column("_rowaddr").to_numpy().astype(np.int64) & 0xFFFFFFFF for batch in batches]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _between(live: npt.NDArray[np.int64], first: int, rows: int) -> npt.NDArray[np.int64]:
    low, high = np.searchsorted(live, [first, first + rows])
    return np.asarray(live[low:high] - first, dtype=np.int64)


def _as_read(mapped: MappedColumn, column: str) -> bool:
    """Compare the first and the last live row of the column with what Lance reads."""
    parts = [part for part in mapped.parts if part.count]
    if not parts:
        return True
    first, last = parts[0], parts[-1]
    ours = [
        first.rows[0 if first.live is None else first.live[0]],
        last.rows[-1 if last.live is None else last.live[-1]],
    ]
    taken = mapped.table.take([0, len(mapped) - 1], [column]).column(0).combine_chunks()
    theirs = taken.flatten().to_numpy(zero_copy_only=False).reshape(2, -1)
    return all(a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True))
