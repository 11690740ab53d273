"""Comparing the media of a view with those of another view of the same recipe, without changing either.

In memory are 24 bytes for each medium of either view, and the entries of a few thousand media.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vifex.store.commit.row_places import RowPlaces
from vifex.store.files.lance_adapter import Table
from vifex.store.files.memory import release_freed_memory
from vifex.store.ledger.entries import newest_mask, read_entries, take_entries
from vifex.store.ledger.finished import FinishedMedia
from vifex.store.ledger.identities import U64, find_lanes, hash_texts, hex_lanes, mix_lanes
from vifex.store.merging.deciding import Choice, Entry, MergeConflict, choose, label_conflicts, labels_of_both
from vifex.store.reading.view import View
from vifex.store.schema import LEDGER_SCHEMA

__all__ = ["ENTRY_NAMES", "Held", "Verdict", "compare", "held_by"]

ENTRY_NAMES: Final = tuple(n for n in LEDGER_SCHEMA.names if n not in ("rows_version", "commit", "checksum"))
"""What comes over of an entry, besides the run, whose number is another one."""
_COMPARED_ROWS: Final = 4
"""Rows of each of two media with one content that are compared, from the first on."""
_BLOCK: Final = 2048
_SAME: Final = 0.999
"""Cosine from which two vectors count as of the same image: the shape of a batch changes the last bits."""


@dataclass(frozen=True, slots=True)
class Held:
    """A view that takes another in, as it stands at any moment."""

    finished: FinishedMedia
    ledger: Callable[[], Table]
    rows: Callable[[], Table]
    places: RowPlaces
    columns: Sequence[str]
    """Names of the feature columns."""

    def entries(self, medium_ids: Sequence[str]) -> dict[str, Entry]:
        """Read the newest entries of those of some media that the view has, by their ids."""
        known = {m: place for m in medium_ids if (place := self.finished.place_of(m)) is not None}
        if not known:
            return {}
        found = take_entries(self.ledger(), list(known.values())).to_pylist()
        return dict(zip(known, found, strict=True))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one medium of the other view."""

    entry: Entry
    """Its newest entry there."""
    choice: Choice
    label: str | None
    """After merging."""
    split: str | None
    ours: Entry | None = None
    """The newest entry of the medium in the view that takes it in, or of the medium that it is a copy of."""
    conflicts: tuple[MergeConflict, ...] = ()


def held_by(view: View) -> Held:
    """Return an open view as one that would take another in."""
    ledger, rows = view.tables
    return Held(FinishedMedia(lambda: ledger), lambda: ledger, lambda: rows, RowPlaces(), view.columns)


def compare(
    ours: Held | None,
    source: View,
    places: RowPlaces,
    *,
    copies: bool,
    wanted: Callable[[str], bool] | None = None,
) -> Iterator[list[Verdict]]:
    """Yield what becomes of the media of a view, some thousand at a time, in the order of their commits.

    Args:
        ours: The view that takes it in; `None` where it is not there yet.
        source: The other view.
        places: Where the rows of `source` stand.
        copies: Whether media whose content is there at another address are added too.
        wanted: Whether a medium, by its id, is looked at at all.
    """
    ledger, _ = source.tables
    derived = source.recipe.is_derived
    index = None if ours is None or copies or derived else _ContentIndex(ours, source)
    for batch in read_entries(ledger, ENTRY_NAMES, mask=newest_mask(ledger)):
        for start in range(0, batch.num_rows, _BLOCK):
            block = batch.slice(start, _BLOCK)
            entries = [e for e in block.to_pylist() if wanted is None or wanted(e["medium_id"])]
            known = {} if ours is None else ours.entries([e["medium_id"] for e in entries])
            twins = {} if index is None else index.copies_of(block, known, source, places)
            yield [_verdict(e, known.get(e["medium_id"]), twins, derived=derived) for e in entries]


def _verdict(theirs: Entry, ours: Entry | None, twins: dict[str, Entry], *, derived: bool) -> Verdict:
    twin = twins.get(theirs["medium_id"])
    if ours is None and twin is None:
        return Verdict(theirs, "added", theirs["label"], theirs["split"])
    if ours is None:
        assert twin is not None
        return Verdict(
            theirs, "copy", *labels_of_both(twin, theirs), twin, tuple(label_conflicts(twin, theirs))
        )
    choice, conflict = choose(ours, theirs, derived=derived)
    conflicts = (*([] if conflict is None else [conflict]), *label_conflicts(ours, theirs))
    return Verdict(theirs, choice, *labels_of_both(ours, theirs), ours, conflicts)


class _ContentIndex:
    """Media of a view by their content, without those that the other view has at the same address.

    Both would be there if one run had extracted all, so only what the other view lacks can replace anything.
    A merge that was cut short also finds what it found before.
    """

    def __init__(self, ours: Held, source: View) -> None:
        self._ours = ours
        theirs = source.medium_ids()
        ledger = ours.ledger()
        parts: list[tuple[U64, U64, U64]] = []
        columns = ["medium_id", "content_hash", "spec_hash", "status"]
        at, mask = 0, newest_mask(ledger)
        for batch in read_entries(ledger, columns):
            places = np.arange(at, at + batch.num_rows)
            at += batch.num_rows
            kept = mask[places] & _has_content(batch) & (theirs.places_of(batch.column("medium_id")) < 0)
            found = batch.filter(pa.array(kept))
            parts.append((*_keys(found), places[kept].astype(np.uint64)))
        high, low, numbers = (np.concatenate([p[i] for p in parts]) for i in range(3))
        order = np.argsort(high, kind="stable")
        self._high, self._low, self._places = high[order], low[order], numbers[order]
        del parts, high, low, numbers
        release_freed_memory()

    def copies_of(
        self, block: pa.RecordBatch, known: dict[str, Entry], source: View, places: RowPlaces
    ) -> dict[str, Entry]:
        """Return, for media of the other view that are copies, the entry of what they are copies of."""
        able = block.filter(pa.array(_has_content(block)))
        found = find_lanes(self._high, self._low, *_keys(able))
        pairs = {
            entry["medium_id"]: (entry, int(self._places[place]))
            for entry, place in zip(able.to_pylist(), found.tolist(), strict=True)
            if place >= 0 and entry["medium_id"] not in known
        }
        if not pairs:
            return {}
        ours = take_entries(self._ours.ledger(), [place for _, place in pairs.values()]).to_pylist()
        twins = {
            medium_id: mine
            for (medium_id, (theirs, _)), mine in zip(pairs.items(), ours, strict=True)
            if (mine["size_bytes"], mine["rows"]) == (theirs["size_bytes"], theirs["rows"])
        }
        agreeing = self._agreeing(twins, source, places)
        return {m: mine for m, mine in twins.items() if m in agreeing}

    def _agreeing(self, twins: dict[str, Entry], source: View, places: RowPlaces) -> set[str]:
        """Return the media whose first rows are those of their twins: a content hash samples large files."""
        _, theirs = source.tables
        own = _first_rows(theirs, places, self._ours.columns, list(twins))
        twin_ids = list(dict.fromkeys(e["medium_id"] for e in twins.values()))
        other = _first_rows(self._ours.rows(), self._ours.places, self._ours.columns, twin_ids)
        return {
            medium_id
            for medium_id, twin in twins.items()
            if _are_alike(own.get(medium_id, {}), other.get(twin["medium_id"], {}))
        }


_Rows = dict[int, list[npt.NDArray[Any]]]
"""The vectors of each column by the ordinal of their row."""


def _first_rows(
    rows: Table, places: RowPlaces, columns: Sequence[str], medium_ids: Sequence[str]
) -> dict[str, _Rows]:
    found: dict[str, _Rows] = {}
    names = ["medium_id", "ordinal", *columns]
    for batch in places.scan(rows, names, medium_ids, where=f"ordinal < {_COMPARED_ROWS}"):
        vectors = [
            batch.column(c).flatten().to_numpy().astype(np.float32).reshape(batch.num_rows, -1)
            for c in columns
        ]
        keys = zip(*(batch.column(n).to_pylist() for n in ("medium_id", "ordinal")), strict=True)
        for number, (medium_id, ordinal) in enumerate(keys):
            found.setdefault(medium_id, {})[ordinal] = [column[number] for column in vectors]
    return found


def _are_alike(a: _Rows, b: _Rows) -> bool:
    return a.keys() == b.keys() and all(
        _cosine(x, y) >= _SAME for ordinal in a for x, y in zip(a[ordinal], b[ordinal], strict=True)
    )


def _cosine(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    if np.array_equal(a, b):
        return 1.0
    norm = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(a @ b) / norm if norm else 0.0


def _has_content(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Return which entries are of finished media whose content is known."""
    known = pc.and_(
        pc.not_equal(batch.column("status"), "failed"), pc.not_equal(batch.column("content_hash"), "")
    )
    return np.asarray(known.to_numpy(zero_copy_only=False), np.bool_)


def _keys(batch: pa.RecordBatch) -> tuple[U64, U64]:
    """Return 128 bits that stand for content and spec of each medium: spans of a video share its content."""
    high, low = hex_lanes(batch.column("content_hash"))
    return high, mix_lanes(low, hash_texts(batch.column("spec_hash")))
