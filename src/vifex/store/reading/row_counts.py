"""How many rows each medium has and should have, in 28 bytes for each medium."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.store.files.lance_adapter import Table
from vifex.store.files.memory import release_freed_memory
from vifex.store.ledger.entries import newest_mask, read_entries
from vifex.store.ledger.medium_ids import MediumIds

__all__ = ["RowCounts"]


class RowCounts:
    """Counts of rows by medium, as a ledger says and as they are found.

    Args:
        ledger: The version whose newest entries count.

    Raises:
        BrokenTableError: If the ledger does not read.
    """

    def __init__(self, ledger: Table) -> None:
        self._ledger = ledger
        self._newest = newest_mask(ledger)
        release_freed_memory()
        count = int(np.count_nonzero(self._newest))
        self._missing: npt.NDArray[np.int64] = np.empty(count, np.int64)
        at = 0
        for batch in read_entries(ledger, ["rows"], mask=self._newest):
            self._missing[at : at + batch.num_rows] = batch.column(0).to_numpy()
            at += batch.num_rows
        ids = (batch.column(0) for batch in read_entries(ledger, ["medium_id"], mask=self._newest))
        self._ids = MediumIds.of(ids, count)
        self.has_foreign_rows = False
        """Whether a row was found whose medium is not in the ledger."""

    def __len__(self) -> int:
        """Number of media."""
        return len(self._missing)

    def add(self, medium_ids: pa.Array) -> None:
        """Count rows that were found.

        Args:
            medium_ids: Of each row; a damaged one counts as no medium's.
        """
        places = self._ids.places_of(medium_ids)
        known = places[places >= 0]
        self.has_foreign_rows |= len(known) < len(places)
        np.subtract.at(self._missing, known, 1)

    def names_of_wrong(self) -> list[str]:
        """Return the names of the media that have more or fewer rows than the ledger says.

        Raises:
            BrokenTableError: If the ledger does not read.
        """
        if not self._missing.any():
            return []
        mask = np.zeros(len(self._newest), np.bool_)
        mask[np.flatnonzero(self._newest)[self._missing != 0]] = True
        batches = read_entries(self._ledger, ["name"], mask=mask)
        return [name for batch in batches for name in batch.column(0).to_pylist()]
