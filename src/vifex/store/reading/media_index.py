"""An index of the media of a view: the newest ledger entry of each, and where its rows are, in arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vifex.values import Status

if TYPE_CHECKING:
    from vifex.store.reading.view import View

__all__ = ["MediaIndex", "MediumFacts"]

_ROWS_AT_ONCE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class MediumFacts:
    """What the newest entry of a medium says."""

    status: Status
    reason: str
    rows: int
    commit: int
    """Of that entry; with the view's id it names the entry."""


class MediaIndex:
    """The newest entry of each medium of a view and the places of its rows, in 57 bytes for each medium.

    A medium whose rows lie in several stretches takes 16 bytes for each more. A text of a reason is held
    once.

    Args:
        view: An open view.

    Raises:
        StoreError: If the view cannot be read.
    """

    def __init__(self, view: View) -> None:
        self._ids = view.medium_ids()
        count = len(self._ids)
        self._status = np.empty(count, np.uint8)
        self._reason = np.empty(count, np.uint32)
        self._rows, self._commit = np.empty(count, np.int64), np.empty(count, np.int64)
        self._statuses: list[str] = []
        self._reasons: list[str] = []
        self._read_ledger(view)
        self._starts: npt.NDArray[np.int64]
        self._counts: npt.NDArray[np.int64]
        self._firsts: npt.NDArray[np.int64]
        self._read_rows(view)

    def __len__(self) -> int:
        """Number of media."""
        return len(self._ids)

    def find(self, medium_id: str) -> MediumFacts | None:
        """Return what the newest entry of a medium says, `None` where it has none."""
        place = self._ids.place_of(medium_id)
        if place < 0:
            return None
        return MediumFacts(
            cast(Status, self._statuses[self._status[place]]),
            self._reasons[self._reason[place]],
            int(self._rows[place]),
            int(self._commit[place]),
        )

    def __getitem__(self, medium_id: str) -> MediumFacts:
        known = self.find(medium_id)
        if known is None:
            raise KeyError(medium_id)
        return known

    def places(self, medium_id: str) -> npt.NDArray[np.int64]:
        """Return the places of the rows of a medium in the view's stored order, int64, rising."""
        place = self._ids.place_of(medium_id)
        if place < 0:
            return np.empty(0, np.int64)
        own = slice(self._firsts[place], self._firsts[place + 1])
        pairs = zip(self._starts[own].tolist(), self._counts[own].tolist(), strict=True)
        parts = [np.arange(start, start + count, dtype=np.int64) for start, count in pairs]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _read_ledger(self, view: View) -> None:
        statuses: dict[str, int] = {}
        reasons: dict[str, int] = {}
        at = 0
        for batch in view.ledger_batches(["status", "reason", "rows", "commit"]):
            part = slice(at, at + batch.num_rows)
            self._status[part] = _codes(batch.column("status"), statuses)
            self._reason[part] = _codes(batch.column("reason"), reasons)
            self._rows[part] = batch.column("rows").to_numpy()
            self._commit[part] = batch.column("commit").to_numpy()
            at = part.stop
        self._statuses, self._reasons = list(statuses), list(reasons)

    def _read_rows(self, view: View) -> None:
        """Find the stretches of rows that are of one medium each."""
        owners: list[npt.NDArray[np.int64]] = []
        counts: list[npt.NDArray[np.int64]] = []
        for batch in view.batches(["medium_id"], batch_rows=_ROWS_AT_ONCE):
            encoded = pc.run_end_encode(batch.column(0))
            counts.append(np.diff(encoded.run_ends.to_numpy(), prepend=0).astype(np.int64))
            owners.append(self._ids.places_of(encoded.values))
        owner = np.concatenate(owners) if owners else np.empty(0, np.int64)
        count = np.concatenate(counts) if counts else np.empty(0, np.int64)
        start = np.cumsum(count) - count
        order = np.argsort(owner, kind="stable")
        order = order[np.searchsorted(owner[order], 0) :]  # rows whose medium the ledger does not know
        self._starts, self._counts = start[order], count[order]
        self._firsts = np.searchsorted(owner[order], np.arange(len(self._ids) + 1))


def _codes(texts: pa.Array, known: dict[str, int]) -> npt.NDArray[np.int64]:
    """Return a number for each text, and note new texts with their numbers."""
    encoded = texts.dictionary_encode()
    codes = [known.setdefault(text, len(known)) for text in encoded.dictionary.to_pylist()]
    found: npt.NDArray[np.int64] = np.array(codes, np.int64)[encoded.indices.to_numpy()]
    return found
