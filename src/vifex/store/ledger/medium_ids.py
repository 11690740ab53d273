"""The ids of many media as numbers: 20 bytes for each medium, where a dictionary of texts takes over 100."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.store.ledger.identities import U64, are_hex, find_lanes, hex_lanes, lanes_of

__all__ = ["MediumIds"]


class MediumIds:
    """Ids of media, each once, each with its place in the order in which they were given.

    Args:
        high: Upper halves of the ids, `[N]`.
        low: Lower halves, `[N]`.
    """

    def __init__(self, high: U64, low: U64) -> None:
        self._order = np.argsort(high, kind="stable").astype(np.uint32)
        self._high, self._low = high[self._order], low[self._order]

    @classmethod
    def of(cls, columns: Iterable[pa.Array], count: int) -> MediumIds:
        """Read ids.

        Args:
            columns: Pieces of a column of ids, 32 hex digits each.
            count: How many ids there are in all.

        Raises:
            BrokenTableError: If one is no id: the column was damaged.
        """
        high, low, at = np.empty(count, np.uint64), np.empty(count, np.uint64), 0
        for column in columns:
            part = slice(at, at + len(column))
            high[part], low[part] = hex_lanes(column)
            at = part.stop
        return cls(high, low)

    def __len__(self) -> int:
        return len(self._high)

    def __contains__(self, medium_id: object) -> bool:
        return isinstance(medium_id, str) and self.place_of(medium_id) >= 0

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self._high.nbytes + self._low.nbytes + self._order.nbytes

    def place_of(self, medium_id: str) -> int:
        """Return the place of an id, -1 where it is not there."""
        try:
            high, low = lanes_of(medium_id)
        except ValueError:
            return -1
        place = int(self._high.searchsorted(np.uint64(high)))
        while place < len(self._high) and int(self._high[place]) == high:
            if int(self._low[place]) == low:
                return int(self._order[place])
            place += 1
        return -1

    def places_of(self, medium_ids: pa.Array) -> npt.NDArray[np.int64]:
        """Return the place of each id, int64 `[M]`: -1 where it is not there, or is no id."""
        known = are_hex(medium_ids)
        if known.all():
            return self._find(*hex_lanes(medium_ids))
        places = np.full(len(known), -1, np.int64)
        places[known] = self._find(*hex_lanes(medium_ids.filter(pa.array(known))))
        return places

    def _find(self, high: U64, low: U64) -> npt.NDArray[np.int64]:
        found = find_lanes(self._high, self._low, high, low)
        known = found >= 0
        found[known] = self._order[found[known]]
        return found
