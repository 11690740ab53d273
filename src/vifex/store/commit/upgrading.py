"""Making a store of format 1 one of format 2, view by view. No feature is computed.

First the recipe is written with its new names. Then the ledger is replaced in one commit like any other: the
entries are written beside the old ones and synced, and one manifest puts the new columns in the place of
the old. STORE.json says the new format when all views have it. A crash leaves views of either format, which
all read, and the next writer goes on.

Views that were made from other views come first: the hash by which they know the entries of their inputs is
translated while the inputs still have the old one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from vifex.store.commit.checkpoints import checkpoint
from vifex.store.commit.recovery import recover
from vifex.store.commit.synced_table import SyncedTable
from vifex.store.files import format_1
from vifex.store.files.lance_adapter import Table
from vifex.store.files.layout import (
    FORMAT,
    StoreInfo,
    list_views,
    read_recipe,
    read_store,
    read_view_id,
    write_recipe,
    write_store,
)
from vifex.store.files.sums import LEDGER
from vifex.store.ledger.entries import first_checksum, newest_mask, raw_batches, read_entries
from vifex.store.ledger.head import find_head
from vifex.store.ledger.medium_ids import MediumIds
from vifex.store.ledger.proving import split_by_commit
from vifex.store.ledger.sealing import FIRST, Seal, seal, with_checksum
from vifex.store.schema import LEDGER_SCHEMA, MEDIUM, maintenance_entry, run_entry
from vifex.values import Recipe
from vifex.values.fusion import SourceEntry, hash_of_sources
from vifex.values.media import HASH_OF_WHOLE_MEDIUM

__all__ = ["needs_upgrade", "upgrade_views"]

Labels = tuple[str | None, str | None]

_NO_LABELS: Labels = (None, None)


def upgrade_views(info: StoreInfo, run: str) -> StoreInfo:
    """Make all views of a store ones of the newest format; the caller holds the lock.

    Args:
        info: Of a store of format 1.
        run: Facts of this run as JSON text, for the ledgers.

    Raises:
        StoreError: If a view cannot be read or written.
    """
    for name in _dependents_first(info):
        paths = info.view(name)
        recipe = read_recipe(paths)
        rows, ledger, _ = recover(paths)
        if read_view_id(paths) is None:
            write_recipe(paths.recipe, recipe, first_checksum(ledger.table))
            checkpoint("upgrade.recipe_written")
        if format_1.is_format_1(ledger.table):
            facts = _facts_of(info, recipe, rows.table, ledger.table)
            _replace_ledger(ledger, rows, recipe.hash, facts, run)
    write_store(info.path, info.id)
    checkpoint("upgrade.store_written")
    return read_store(info.path)


def needs_upgrade(path: str | os.PathLike[str]) -> bool:
    """Return whether a store is of an older format.

    Raises:
        StoreError: If there is no store, or it cannot be read.
    """
    return read_store(Path(path)).format < FORMAT


def _dependents_first(info: StoreInfo) -> list[str]:
    """Return the names of all views, each before the views that it was made from."""
    sources = {name: _sources(read_recipe(info.view(name))) for name in list_views(info)}
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order and name in sources:
            for other in sources:
                if name in sources[other] and other != name:
                    visit(other)
            order.append(name)

    for name in sources:
        visit(name)
    return order


def _sources(recipe: Recipe) -> list[str]:
    """Return the names of the views that a view was made from, one for each input."""
    if recipe.fusion is not None:
        return [part.view for part in recipe.fusion.inputs]
    return [recipe.tree.view] if recipe.tree is not None else []


# -- the ledger -----------------------------------------------------------------------------------------


def _replace_ledger(
    ledger: SyncedTable, rows: SyncedTable, recipe_hash: str, facts: _Facts, run: str
) -> None:
    """Put entries of format 2 in the place of those of format 1, as one commit."""
    last = Seal(0, FIRST, 0)

    def converted() -> Iterator[pa.RecordBatch]:
        nonlocal last
        numbers: dict[str, int] = {}
        for old in split_by_commit(raw_batches(ledger.table)):
            entries = _converted(old, recipe_hash, facts, numbers)
            batch, total = with_checksum(entries, last.checksum)
            last = Seal(int(batch.column("commit")[0].as_py()), total, 0)
            yield batch

    fragments = ledger.write_replacement(converted(), LEDGER_SCHEMA)
    files = rows.take_sums() | {LEDGER: ledger.sum_of(fragments)}
    entry = maintenance_entry("upgraded from format 1 to format 2", recipe_hash)
    batch, _ = seal(entry, last, rows.table.version, files, run_text=run)
    fragments += ledger.write_replacement([batch], LEDGER_SCHEMA)
    checkpoint("upgrade.ledger_written")
    ledger.sync_data(fragments)
    checkpoint("upgrade.ledger_data_synced")
    ledger.replace_all("upgrade.ledger", fragments, LEDGER_SCHEMA)


def _converted(old: pa.Table, recipe_hash: str, facts: _Facts, numbers: dict[str, int]) -> pa.RecordBatch:
    """Return the entries of one commit as format 2 has them, without their checksum.

    Args:
        old: The entries of format 1.
        recipe_hash: Of the view, as format 2 makes it.
        facts: What format 2 says of media and format 1 does not.
        numbers: Numbers of the runs so far, by their texts; a new one is added, and gets an entry.
    """
    said = {name: old.column(name).to_pylist() for name in old.schema.names}
    commit, count = said["commit"][0], old.num_rows
    new = {**said, "checksum": [""] * count, "content_hash": [""] * count}
    new["recipe_hash"] = [recipe_hash] * count
    known = [
        facts.of(medium_id, spec) if kind == MEDIUM else ("", *_NO_LABELS)
        for medium_id, spec, kind in zip(said["medium_id"], said["spec_hash"], said["kind"], strict=True)
    ]
    new["spec_hash"], new["label"], new["split"] = (list(column) for column in zip(*known, strict=True))
    # All entries of a commit were made by one run.
    text = next((t for t in said["run"] if t), "")
    if text and text not in numbers:
        numbers[text] = commit
        added = run_entry(text, recipe_hash)
        added = {**added, "rows_version": [said["rows_version"][0]], "commit": [commit], "checksum": [""]}
        new = {name: [*values, *added.get(name, [0])] for name, values in new.items()}
    new["run"] = [numbers.get(text, 0)] * len(new["commit"])
    return pa.RecordBatch.from_pydict(new, schema=LEDGER_SCHEMA)


# -- what format 1 does not say -------------------------------------------------------------------------


class _Facts(Protocol):
    """The labels and the `spec_hash` of media in an upgraded ledger."""

    def of(self, medium_id: str, spec_hash: str) -> tuple[str, str | None, str | None]:
        """Return `spec_hash`, label and split of a medium by its entry of format 1."""


class _FactsOfMedia:
    """Of a view that was made from media.

    The hash of format 1 covers span, boxes and labels. Where there is neither span nor box, it is the hash
    of a pair of label and split that stands in the rows. Other hashes are kept as they are.
    """

    def __init__(self, rows: Table, ledger: Table) -> None:
        pairs = {_NO_LABELS} | set(_labels_in(rows))
        self._pairs = {format_1.spec_hash_of_whole_medium(*pair): pair for pair in pairs}
        specs = {
            medium_id
            for batch in read_entries(ledger, ["medium_id", "spec_hash", "kind"])
            for medium_id, spec, kind in zip(*(c.to_pylist() for c in batch.columns), strict=True)
            if kind == MEDIUM and spec.removeprefix(format_1.PREFIX) not in self._pairs
        }
        self._labels = _labels_of(rows, specs) if specs else {}

    def of(self, medium_id: str, spec_hash: str) -> tuple[str, str | None, str | None]:
        pair = self._pairs.get(spec_hash)
        if pair is not None:
            return (HASH_OF_WHOLE_MEDIUM, *pair)
        return (format_1.PREFIX + spec_hash, *self._labels.get(medium_id, _NO_LABELS))


class _FactsOfSources:
    """Of a view that was made from other views: the hash is one of the inputs' entries."""

    def __init__(self, sources: list[_Source | None], rows: Table) -> None:
        self._sources = sources
        self._labels = _labels_of(rows)

    def of(self, medium_id: str, spec_hash: str) -> tuple[str, str | None, str | None]:
        labels = self._labels.get(medium_id, _NO_LABELS)
        if any(source is None for source in self._sources):
            return ("", *labels)
        entries = [source.entry_of(medium_id) for source in self._sources if source is not None]
        old = [
            None if e is None or source is None else (source.name, *e)
            for source, e in zip(self._sources, entries, strict=True)
        ]
        if format_1.hash_of_sources(old) != spec_hash:
            return ("", *labels)  # the row is computed again, as it would have been
        new: list[SourceEntry | None] = [
            None if e is None or source is None else (source.id, e[0])
            for source, e in zip(self._sources, entries, strict=True)
        ]
        return (hash_of_sources(new), *labels)


class _Source:
    """An input of a derived view: its id, and the newest entry of each medium, in 28 bytes for each."""

    def __init__(self, name: str, view_id: str, ledger: Table) -> None:
        self.name, self.id = name, view_id
        newest = newest_mask(ledger)
        count = int(np.count_nonzero(newest))
        ids = (batch.column(0) for batch in read_entries(ledger, ["medium_id"], mask=newest))
        self._ids = MediumIds.of(ids, count)
        self._commits, at = np.empty(count, np.int64), 0
        self._checksums: dict[int, str] = {}
        for batch in read_entries(ledger, ["commit", "checksum"], mask=newest):
            self._commits[at : at + batch.num_rows] = batch.column("commit").to_numpy()
            self._checksums.update(zip(*(c.to_pylist() for c in batch.columns), strict=True))
            at += batch.num_rows

    def entry_of(self, medium_id: str) -> tuple[int, str] | None:
        """Return commit and checksum of a medium's newest entry, `None` where it has none."""
        place = self._ids.place_of(medium_id)
        if place < 0:
            return None
        commit = int(self._commits[place])
        return commit, self._checksums[commit]


def _facts_of(info: StoreInfo, recipe: Recipe, rows: Table, ledger: Table) -> _Facts:
    if not recipe.is_derived:
        return _FactsOfMedia(rows, ledger)
    return _FactsOfSources([_source(info, name) for name in _sources(recipe)], rows)


def _source(info: StoreInfo, name: str) -> _Source | None:
    paths = info.view(name)
    if not paths.folder.exists():
        return None
    ledger = find_head(paths).ledger
    if not format_1.is_format_1(ledger):
        return None
    return _Source(name, read_view_id(paths) or first_checksum(ledger), ledger)


def _labels_in(rows: Table) -> Iterator[Labels]:
    """Yield the pairs of label and split that rows have, each at least once."""
    for batch in rows.scan(["label", "split"], batch_rows=1 << 16):
        groups = pa.Table.from_batches([batch]).group_by(["label", "split"]).aggregate([])
        yield from zip(groups.column("label").to_pylist(), groups.column("split").to_pylist(), strict=True)


def _labels_of(rows: Table, medium_ids: set[str] | None = None) -> Mapping[str, Labels]:
    """Return label and split of the media with rows that have either; of all, or of those that are named."""
    found: dict[str, Labels] = {}
    columns = ["medium_id", "label", "split"]
    for batch in rows.scan(columns, where="label IS NOT NULL OR split IS NOT NULL", batch_rows=1 << 14):
        values: list[list[Any]] = [batch.column(name).to_pylist() for name in columns]
        for medium_id, label, split in zip(*values, strict=True):
            if medium_ids is None or medium_id in medium_ids:
                found[medium_id] = (label, split)
    return found
