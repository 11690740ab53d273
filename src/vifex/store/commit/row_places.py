"""Where the rows of each medium stand in a table of rows, for replacing, deleting and relabelling them.

The names of the rows' media are read once per fragment, when the first rows are replaced; after a commit
only the new fragments are read. It takes 24 bytes for each medium.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vifex.store.files.lance_adapter import Table
from vifex.store.ledger.identities import are_hex, hex_lanes, lanes_of

__all__ = ["RowPlaces"]


@dataclass(slots=True)
class _Stretches:
    """Stretches of rows of one medium each in one fragment, in the order of the media's ids."""

    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]
    first: npt.NDArray[np.uint32]
    count: npt.NDArray[np.uint32]


class RowPlaces:
    """Addresses of rows by medium; an address is fragment << 32 | place in the fragment."""

    def __init__(self) -> None:
        self._fragments: dict[int, _Stretches] = {}

    def take(self, rows: Table, medium_ids: Sequence[str]) -> npt.NDArray[np.uint64]:
        """Return the addresses of all rows of some media, uint64 `[N]`, and forget them.

        Args:
            rows: The newest version of the rows; the caller deletes what is returned.
            medium_ids: Each once.
        """
        self._follow(rows)
        wanted = np.array([lanes_of(medium_id) for medium_id in medium_ids], np.uint64).reshape(-1, 2)
        found: list[npt.NDArray[np.uint64]] = []
        for number, stretches in self._fragments.items():
            for place in _places(stretches, wanted):
                first, count = int(stretches.first[place]), int(stretches.count[place])
                found.append((number << 32) + np.arange(first, first + count, dtype=np.uint64))
                stretches.count[place] = 0
        return np.concatenate(found) if found else np.empty(0, np.uint64)

    def fragments_of(self, rows: Table, medium_ids: Sequence[str]) -> list[int]:
        """Return the ids of the fragments that hold rows of some media, in stored order."""
        self._follow(rows)
        wanted = np.array([lanes_of(medium_id) for medium_id in medium_ids], np.uint64).reshape(-1, 2)
        found = []
        for fragment in rows.fragments():
            stretches = self._fragments[fragment.id]
            if any(stretches.count[place] for place in _places(stretches, wanted)):
                found.append(fragment.id)
        return found

    def scan(
        self, rows: Table, names: Sequence[str], medium_ids: Sequence[str], where: str | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Read rows of some media in stored order; only fragments that hold some are looked at.

        Args:
            rows: The version of the rows that is read.
            names: Of columns.
            medium_ids: Each once; as many as a filter can list.
            where: A further filter, as Lance takes it.
        """
        listed = ", ".join(f"'{m}'" for m in medium_ids)
        yield from rows.scan(
            names,
            where=f"medium_id IN ({listed})" + (f" AND {where}" if where else ""),
            batch_rows=1024,
            fragments=self.fragments_of(rows, medium_ids),
        )

    def _follow(self, rows: Table) -> None:
        """Read the fragments that are new, and forget those that are gone."""
        numbers = [fragment.id for fragment in rows.fragments()]
        self._fragments = {number: self._fragments.get(number) or _read(rows, number) for number in numbers}


def _places(stretches: _Stretches, wanted: npt.NDArray[np.uint64]) -> list[int]:
    """Return the stretches of the media whose ids are wanted, uint64 `[M, 2]`."""
    starts = np.searchsorted(stretches.high, wanted[:, 0], side="left")
    ends = np.searchsorted(stretches.high, wanted[:, 0], side="right")
    return [
        place
        for number in np.flatnonzero(ends > starts).tolist()
        for place in range(int(starts[number]), int(ends[number]))
        if stretches.low[place] == wanted[number, 1]
    ]


def _read(rows: Table, fragment: int) -> _Stretches:
    parts: list[tuple[npt.NDArray[np.uint64], ...]] = []
    for batch in rows.scan(["medium_id"], batch_rows=1 << 16, addresses=True, fragments=[fragment]):
        addresses = batch.column("_rowaddr").to_numpy() & np.uint64(0xFFFFFFFF)
        names = batch.column("medium_id")
        # A stretch ends where the medium changes, and where deleted rows lie between.
        starts = np.append(True, np.diff(addresses) != 1)
        starts[1:] |= pc.not_equal(names[1:], names[:-1]).to_numpy(zero_copy_only=False)
        places = np.flatnonzero(starts)
        counts = np.diff(places, append=len(addresses))
        owners = names.take(pa.array(places))
        # A damaged id belongs to no medium; `vifex check` reports which media lack rows.
        known = are_hex(owners)
        places, counts = places[known], counts[known]
        high, low = hex_lanes(owners.filter(pa.array(known)))
        parts.append((high, low, addresses[places].astype(np.uint32), counts.astype(np.uint32)))
    if not parts:
        empty = np.empty(0, np.uint64)
        return _Stretches(empty, empty, empty.astype(np.uint32), empty.astype(np.uint32))
    columns = list(map(np.concatenate, zip(*parts, strict=True)))
    parts.clear()
    order = np.argsort(columns[0], kind="stable").astype(np.uint32)
    for number in range(len(columns)):  # one by one: a second copy of all would be as large again
        columns[number] = columns[number][order]
    return _Stretches(*columns)
