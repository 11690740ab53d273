"""Deleting, relabelling, moving and copying media of a view; no feature is computed.

Each takes as many media as one commit holds, in one commit: first the rows change, then the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import pyarrow as pa

from vifex.store.commit.view_tables import ViewTables
from vifex.store.ledger.entries import take_entries
from vifex.store.schema import EXTRA_FIELD, Entries, deleted_entries, has_extra, relabelled_entries

__all__ = [
    "CopiedMedium",
    "LabelChange",
    "MovedMedium",
    "copy_media",
    "delete_media",
    "move_media",
    "relabel_media",
]


class LabelChange(TypedDict, total=False):
    """What is to change of a medium's label and split; `None` takes it away."""

    label: str | None
    split: str | None


@dataclass(frozen=True, slots=True)
class MovedMedium:
    """What a medium is called in its new place, where its bytes are the same."""

    medium_id: str
    uri: str
    name: str
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class CopiedMedium(MovedMedium):
    """A medium whose bytes are those of another one that stays, and what its source says of it."""

    label: str | None
    split: str | None


def delete_media(tables: ViewTables, medium_ids: Sequence[str]) -> int:
    """Delete known media with their rows in one commit; return how many.

    Raises:
        StoreError: If the commit fails; the store stays as it was after the last one.
    """
    with tables.failing():
        entries = _entries_of(tables, medium_ids)
        tables.change_rows((), tables.with_rows(medium_ids))
        tables.enter(deleted_entries(entries))
    tables.maintain(at_end=False)
    return len(medium_ids)


def relabel_media(tables: ViewTables, medium_ids: Sequence[str], changes: Mapping[str, LabelChange]) -> int:
    """Give known media other labels and splits in one commit; return how many have other ones now.

    Args:
        tables: Of the view.
        medium_ids: Each has a change.
        changes: By id.

    Raises:
        StoreError: If the commit fails; the store stays as it was after the last one.
    """
    with tables.failing():
        entries = _entries_of(tables, medium_ids)
        before = list(zip(entries["label"], entries["split"], strict=True))
        after = [
            (changes[m].get("label", label), changes[m].get("split", split))
            for m, (label, split) in zip(medium_ids, before, strict=True)
        ]
        kept = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        if not kept:
            return 0
        named = {medium_ids[i]: after[i] for i in kept}
        entries = {name: [values[i] for i in kept] for name, values in entries.items()}
        with_rows = tables.with_rows(named)
        new = tables.write(_relabelled(tables, with_rows, named)) if with_rows else []
        tables.change_rows(new, with_rows)
        labels, splits = zip(*named.values(), strict=True)
        tables.enter(relabelled_entries(entries, labels, splits))
    tables.maintain(at_end=False)
    return len(kept)


def move_media(tables: ViewTables, medium_ids: Sequence[str], moves: Mapping[str, MovedMedium]) -> int:
    """Give known media other addresses in one commit; return how many.

    A medium leaves under its old id and is there under its new one, with its rows, or neither.

    Args:
        tables: Of the view.
        medium_ids: Each has a move, to a medium that the view does not know.
        moves: By id.

    Raises:
        StoreError: If the commit fails; the store stays as it was after the last one.
    """
    with tables.failing():
        entries = _entries_of(tables, medium_ids)
        with_rows = tables.with_rows(medium_ids)
        new = tables.write(_moved(tables, with_rows, moves)) if with_rows else []
        tables.change_rows(new, with_rows)
        gone = deleted_entries(entries)
        new_media = [moves[m] for m in medium_ids]
        there = {
            **entries,
            **{n: [getattr(one, n) for one in new_media] for n in ("medium_id", "uri", "name", "mtime_ns")},
        }
        tables.enter({name: [*gone[name], *there[name]] for name in entries})
    tables.maintain(at_end=False)
    return len(medium_ids)


def copy_media(tables: ViewTables, medium_ids: Sequence[str], copies: Mapping[str, CopiedMedium]) -> int:
    """Give new media the rows that known ones have, in one commit; return how many.

    Args:
        tables: Of the view.
        medium_ids: Each has a copy.
        copies: By the ids of the known media, each new one once. Rows that one had before are replaced.

    Raises:
        StoreError: If the commit fails; the store stays as it was after the last one.
    """
    with tables.failing():
        entries = _entries_of(tables, medium_ids)
        with_rows = tables.with_rows(medium_ids)
        before = dict(zip(medium_ids, entries["label"], strict=True))
        new = tables.write(_copied(tables, with_rows, copies, before)) if with_rows else []
        there = [copies[m] for m in medium_ids]
        tables.change_rows(new, tables.with_rows([one.medium_id for one in there]))
        own = ("medium_id", "uri", "name", "mtime_ns", "label", "split")
        tables.enter({**entries, **{n: [getattr(one, n) for one in there] for n in own}})
    tables.maintain(at_end=False)
    return len(medium_ids)


def _copied(
    tables: ViewTables,
    medium_ids: Sequence[str],
    copies: Mapping[str, CopiedMedium],
    before: Mapping[str, str | None],
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some media with other addresses, labels and splits, without extra columns.

    The label of a box that differs from its medium's stays: it is the same for both.
    """
    for columns in _rows_of(tables, medium_ids):
        owners = columns["medium_id"].to_pylist()
        new = [copies[m] for m in owners]
        labels = [
            one.label if label == before[owner] else label
            for label, owner, one in zip(columns["label"].to_pylist(), owners, new, strict=True)
        ]
        columns = _at_new_places(tables, columns, new)
        columns["label"] = pa.array(labels, columns["label"].type)
        columns["split"] = pa.array([one.split for one in new], columns["split"].type)
        if EXTRA_FIELD.name in columns and has_extra(tables.schema):
            columns[EXTRA_FIELD.name] = pa.nulls(len(new), EXTRA_FIELD.type)
        yield pa.RecordBatch.from_arrays(list(columns.values()), schema=tables.schema)


def _moved(
    tables: ViewTables, medium_ids: Sequence[str], moves: Mapping[str, MovedMedium]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some media with other addresses, in stored order."""
    for columns in _rows_of(tables, medium_ids):
        columns = _at_new_places(tables, columns, [moves[m] for m in columns["medium_id"].to_pylist()])
        yield pa.RecordBatch.from_arrays(list(columns.values()), schema=tables.schema)


def _at_new_places(
    tables: ViewTables, columns: Mapping[str, pa.Array], new: Sequence[MovedMedium]
) -> dict[str, pa.Array]:
    ordinals = columns["ordinal"].to_pylist()
    texts = {
        "key": [f"{one.medium_id}:{n}" for one, n in zip(new, ordinals, strict=True)],
        "medium_id": [one.medium_id for one in new],
        "uri": [one.uri for one in new],
        "name": [one.name for one in new],
    }
    return {
        **columns,
        **{n: pa.array(values, tables.schema.field(n).type) for n, values in texts.items()},
    }


def _relabelled(
    tables: ViewTables, medium_ids: Sequence[str], named: Mapping[str, tuple[str | None, str | None]]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some media with other labels, in stored order."""
    schema = tables.schema
    for columns in _rows_of(tables, medium_ids):
        said = [named[m] for m in columns["medium_id"].to_pylist()]
        columns["label"] = pa.array([label for label, _ in said], schema.field("label").type)
        columns["split"] = pa.array([split for _, split in said], schema.field("split").type)
        yield pa.RecordBatch.from_arrays(list(columns.values()), schema=schema)


def _rows_of(tables: ViewTables, medium_ids: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
    """Yield the columns of the rows of some media, in stored order."""
    names = tables.schema.names
    for batch in tables.places.scan(tables.rows.table, names, medium_ids):
        yield dict(zip(names, batch.columns, strict=True))


def _entries_of(tables: ViewTables, medium_ids: Sequence[str]) -> Entries:
    """Return the newest entries of known media without what belongs to their commits."""
    places = [tables.finished.place_of(m) for m in medium_ids]
    table = take_entries(tables.ledger.table, [p for p in places if p is not None])
    names = [n for n in table.schema.names if n not in ("rows_version", "run", "commit", "checksum")]
    return {name: table.column(name).to_pylist() for name in names}
