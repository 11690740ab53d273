"""The index of finished media: what a resume looks up for every file, in 40 bytes for each medium.

A medium is found by its id. A 64-bit fingerprint shows whether its newest entry still holds, two hashes of
32 bits show whether label and split are the same, and one number holds the place of the entry in the ledger
and its status. The index is a few sorted runs of NumPy arrays; what came last lies in a small dictionary
until it becomes a run of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vifex.store.files import format_1
from vifex.store.files.lance_adapter import Table
from vifex.store.files.memory import release_freed_memory
from vifex.store.ledger.entries import last_of_each, read_entries, take_entries
from vifex.store.ledger.identities import (
    are_hex,
    find_lanes,
    hash_text,
    hash_texts,
    hex_lanes,
    lanes_of,
    mix,
    mix_lanes,
)
from vifex.store.schema import DELETED, MEDIUM, LedgerEntry
from vifex.values import Medium, Status

__all__ = ["FinishedMedia"]

U64 = npt.NDArray[np.uint64]

_COLUMNS: Final = (
    "medium_id",
    "kind",
    "label",
    "split",
    "size_bytes",
    "mtime_ns",
    "spec_hash",
    "recipe_hash",
    "status",
    "rows",
)
_STATUSES: Final[tuple[Status, ...]] = ("ok", "partial", "skipped", "failed")
_STATUS_ARRAY: Final = pa.array(_STATUSES, pa.large_string())
_KINDS: Final = pa.array([MEDIUM, DELETED], pa.large_string())
# The bits of the last number: status 0 and 1, deleted 2, has rows 3, place in the ledger from 4 on.
_IS_DELETED: Final = 1 << 2
_HAS_ROWS: Final = 1 << 3
_PLACE: Final = 4
_RECENT: Final = 1 << 15
"""Media in the dictionary before they become a run."""
_GROWTH: Final = 4
"""A run is merged with the one before it unless that is so many times larger."""
_SEED: Final = 0x9E3779B97F4A7C15
_LOW_32: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class _Run:
    """Media in the order of their ids, none twice; uint64 `[N]` each."""

    high: U64
    low: U64
    fingerprint: U64
    labels: U64
    facts: U64

    @property
    def columns(self) -> tuple[U64, U64, U64, U64, U64]:
        """All of them."""
        return self.high, self.low, self.fingerprint, self.labels, self.facts

    def find(self, high: int, low: int) -> int | None:
        """Return the place of an id."""
        place = int(self.high.searchsorted(np.uint64(high)))
        while place < len(self.high) and int(self.high[place]) == high:
            if int(self.low[place]) == low:
                return place
            place += 1
        return None

    def at(self, place: int) -> tuple[int, int, int]:
        """Return fingerprint, labels and facts of a medium."""
        return int(self.fingerprint[place]), int(self.labels[place]), int(self.facts[place])


class FinishedMedia(Mapping[str, LedgerEntry]):
    """The newest entry of each medium by its id, as the ledger stands; deleted media are not in it.

    Looking up an entry reads it from the ledger; `status_of` and `has_rows` read nothing. One thread may
    add entries while another one looks media up.

    Args:
        ledger: Returns the newest version of the ledger.
    """

    def __init__(self, ledger: Callable[[], Table]) -> None:
        self._ledger = ledger
        self._entries = 0
        self._has_format_1 = False
        self._recent: dict[tuple[int, int], tuple[int, int, int]] = {}
        self._runs: tuple[_Run, ...] = ()
        self._load(ledger())
        release_freed_memory()

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in the entries of a commit, which are newer than all before."""
        new = self._unsorted(batch.select(list(_COLUMNS)))
        high, low, *values = (column.tolist() for column in new.columns)
        self._recent.update(zip(zip(high, low, strict=True), zip(*values, strict=True), strict=True))
        if len(self._recent) >= _RECENT:
            self._settle()

    def status_of(self, medium: Medium, recipe_hash: str) -> Status | None:
        """Return how a medium ended if its newest entry still holds for it, else `None`.

        It holds while size, time of change, span, boxes and recipe are the same.
        """
        found = self._find(medium.medium_id)
        if found is None:
            return None
        fingerprint, _, facts = found
        if fingerprint != _fingerprint(medium, recipe_hash) and not (
            self._has_format_1 and self._holds_by_format_1(medium, recipe_hash, facts)
        ):
            return None
        return _STATUSES[facts & 3]

    def has_labels_of(self, medium: Medium) -> bool:
        """Return whether a medium's newest entry has the label and the split that the medium states.

        What the medium does not state counts as the same.
        """
        found = self._find(medium.medium_id)
        if found is None:
            return True
        _, labels, _ = found
        label = medium.label is None or hash_text(medium.label) & _LOW_32 == labels >> 32
        return label and (medium.split is None or hash_text(medium.split) & _LOW_32 == labels & _LOW_32)

    def has_rows(self, medium_id: str) -> bool:
        """Return whether a medium has rows."""
        found = self._find(medium_id)
        return found is not None and bool(found[2] & _HAS_ROWS)

    def with_rows(self, medium_ids: Iterable[str]) -> list[str]:
        """Return those of some media that have rows, in less time than one by one."""
        ids = list(medium_ids)
        texts = pa.array(ids, pa.large_string())
        if not are_hex(texts).all():
            return [medium_id for medium_id in ids if self.has_rows(medium_id)]
        high, low = hex_lanes(texts)
        facts = np.zeros(len(ids), np.uint64)
        recent = [self._recent.get(key) for key in zip(high.tolist(), low.tolist(), strict=True)]
        for place, found in enumerate(recent):
            if found is not None:
                facts[place] = found[2]
        left = np.flatnonzero([found is None for found in recent])
        for run in reversed(self._runs):
            places = find_lanes(run.high, run.low, high[left], low[left])
            facts[left[places >= 0]] = run.facts[places[places >= 0]]
            left = left[places < 0]
        wanted = (facts & np.uint64(_HAS_ROWS | _IS_DELETED)) == np.uint64(_HAS_ROWS)
        return [ids[place] for place in np.flatnonzero(wanted).tolist()]

    def place_of(self, medium_id: str) -> int | None:
        """Return the place of a medium's newest entry in the ledger."""
        found = self._find(medium_id)
        return None if found is None else found[2] >> _PLACE

    def __contains__(self, medium_id: object) -> bool:
        return isinstance(medium_id, str) and self._find(medium_id) is not None

    def __getitem__(self, medium_id: str) -> LedgerEntry:
        place = self.place_of(medium_id)
        if place is None:
            raise KeyError(medium_id)
        return self._entry(place)

    def __iter__(self) -> Iterator[str]:
        """Yield ids in the order of the commits of their newest entries."""
        whole = self._whole()
        for place in np.argsort(whole.facts >> np.uint64(_PLACE), kind="stable").tolist():
            if not int(whole.facts[place]) & _IS_DELETED:
                yield f"{int(whole.high[place]):016x}{int(whole.low[place]):016x}"

    def __len__(self) -> int:
        facts = self._whole().facts
        return int(np.count_nonzero((facts & np.uint64(_IS_DELETED)) == 0))

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, without those of the media that came last."""
        return sum(column.nbytes for run in self._runs for column in run.columns)

    def _find(self, medium_id: str) -> tuple[int, int, int] | None:
        try:
            key = lanes_of(medium_id)
        except ValueError:
            return None
        found = self._recent.get(key)  # before the runs: what leaves the dictionary is in a run by then
        if found is None:
            for run in reversed(self._runs):
                place = run.find(*key)
                if place is not None:
                    found = run.at(place)
                    break
        return None if found is None or found[2] & _IS_DELETED else found

    def _entry(self, place: int) -> LedgerEntry:
        return LedgerEntry(*take_entries(self._ledger(), [place]).to_pylist()[0].values())

    def _holds_by_format_1(self, medium: Medium, recipe_hash: str, facts: int) -> bool:
        """Compare with an entry whose hash is of format 1, which covers the labels that it has."""
        entry = self._entry(facts >> _PLACE)
        if not entry.spec_hash.startswith(format_1.PREFIX):
            return False
        if (entry.mtime_ns, entry.size_bytes, entry.recipe_hash) != (
            medium.mtime_ns,
            medium.size_bytes,
            recipe_hash,
        ):
            return False
        said = format_1.spec_hash(medium, entry.label, entry.split)
        return entry.spec_hash == format_1.PREFIX + said

    def _unsorted(self, batch: pa.RecordBatch) -> _Run:
        """Return the media of some entries in the order of these, and count the entries."""
        kinds = batch.column("kind")
        media = pc.is_in(kinds, _KINDS)
        places = self._entries + np.flatnonzero(media.to_numpy(zero_copy_only=False))
        self._entries += batch.num_rows
        batch = batch.filter(media)
        high, low = hex_lanes(batch.column("medium_id"))
        spec = batch.column("spec_hash")
        self._has_format_1 |= pc.any(pc.starts_with(spec, format_1.PREFIX)).as_py() or False
        state = np.full(batch.num_rows, _SEED, np.uint64)
        for values in (
            _as_u64(batch.column("mtime_ns")),
            _as_u64(batch.column("size_bytes")),
            hash_texts(spec),
            hash_texts(batch.column("recipe_hash")),
        ):
            state = mix_lanes(state, values)
        labels = hash_texts(batch.column("label")) << np.uint64(32)
        labels |= hash_texts(batch.column("split")) & np.uint64(_LOW_32)
        status = pc.index_in(batch.column("status"), _STATUS_ARRAY).fill_null(0)
        facts = _as_u64(status.cast(pa.int64())) | (places.astype(np.uint64) << np.uint64(_PLACE))
        gone = pc.equal(batch.column("kind"), DELETED).to_numpy(zero_copy_only=False)
        facts |= np.where(gone, np.uint64(_IS_DELETED), np.uint64(0))
        has_rows = batch.column("rows").to_numpy() > 0
        facts |= np.where(has_rows, np.uint64(_HAS_ROWS), np.uint64(0))
        return _Run(high, low, state, labels, facts)

    def _load(self, ledger: Table) -> None:
        """Read all entries into arrays of their full length: pieces and a copy take twice the memory."""
        columns = [np.empty(ledger.count(), np.uint64) for _ in range(5)]
        at = 0
        for batch in read_entries(ledger, _COLUMNS):
            new = self._unsorted(batch)
            for column, values in zip(columns, new.columns, strict=True):
                column[at : at + len(values)] = values
            at += len(new.high)
        if at:
            last = last_of_each(columns[0][:at], columns[1][:at])
            for number in range(5):  # one by one: a second copy of all would be as large again
                columns[number] = columns[number][:at][last]
            self._runs = (_Run(*columns),)

    def _settle(self) -> None:
        """Make a run of the dictionary, and merge runs of like size."""
        runs = [*self._runs, _run_of(self._recent)]
        while len(runs) > 1 and len(runs[-2].high) < _GROWTH * len(runs[-1].high):
            runs[-2:] = [_merged(runs[-2:])]
        # First the runs and then the dictionary: another thread may be looking one up.
        self._runs = tuple(runs)
        self._recent = {}

    def _whole(self) -> _Run:
        return _merged([*self._runs, _run_of(self._recent)])


def _fingerprint(medium: Medium, recipe_hash: str) -> int:
    # Each value is mixed before the next one comes: two small numbers that change together do not cancel.
    state = _SEED
    for value in (medium.mtime_ns, medium.size_bytes, hash_text(medium.spec_hash), hash_text(recipe_hash)):
        state = mix(state, value)
    return state


def _as_u64(column: pa.Array) -> U64:
    return np.asarray(column.to_numpy().astype(np.int64)).view(np.uint64)


def _run_of(media: Mapping[tuple[int, int], tuple[int, int, int]]) -> _Run:
    values = np.array([(*key, *value) for key, value in media.items()], np.uint64).reshape(-1, 5)
    return _merged([_Run(*(np.ascontiguousarray(column) for column in values.T))])


def _merged(runs: Sequence[_Run]) -> _Run:
    """Sort media of several runs by id; of an id that comes twice the later one counts."""
    columns = [np.concatenate(parts) for parts in zip(*(r.columns for r in runs), strict=True)]
    last = last_of_each(columns[0], columns[1])
    return _Run(*(column[last] for column in columns))
