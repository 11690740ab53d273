"""The tables of one view as its writer changes them: first the rows, then the ledger, then maintenance.

The order makes commits safe. Rows are written as fragments and synced, and their manifest is committed and
synced. Only then are the entries that name this version of the rows appended and synced. The next writer
removes what no entry names after a crash.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa

from vifex.store.commit import maintenance
from vifex.store.commit.checkpoints import checkpoint
from vifex.store.commit.recovery import recover
from vifex.store.commit.row_places import RowPlaces
from vifex.store.files.faults import explained
from vifex.store.files.lance_adapter import Fragment
from vifex.store.files.layout import StoreInfo, ViewPaths
from vifex.store.files.readers import Wanted
from vifex.store.files.sums import LEDGER
from vifex.store.ledger.entries import commits_since_maintenance, file_sums, runs_of
from vifex.store.ledger.finished import FinishedMedia
from vifex.store.ledger.sealing import seal
from vifex.store.outside import RowsPlace
from vifex.store.schema import EXTRA_FIELD, LEDGER_SCHEMA, Entries, has_extra, maintenance_entry, row_schema
from vifex.values import Recipe, StoreError

__all__ = ["ViewTables"]


class ViewTables:
    """The rows and the ledger of a view that one thread at a time changes.

    Args:
        info: The store.
        paths: Where the view lies.
        recipe: How its rows are made.
        run: Facts of this run as JSON text; the ledger keeps them once.

    Raises:
        StoreError: If the view cannot be recovered.
    """

    def __init__(self, info: StoreInfo, paths: ViewPaths, recipe: Recipe, run: str) -> None:
        self.name = paths.name
        self.recipe_hash = recipe.hash
        self.state: Literal["open", "failed", "closed"] = "open"
        self._info, self._paths, self._recipe = info, paths, recipe
        with explained(info.path):
            self.rows, self.ledger, self.seal = recover(paths)
            self._numbers = {text: n for n, text in reversed(runs_of(self.ledger.table).items())}
            self._run = self._numbers.get(run, 0)
            self.finished = FinishedMedia(lambda: self.ledger.table)
            self._since_maintenance = commits_since_maintenance(self.ledger.table, self.seal)
        self.places = RowPlaces()
        self._run_text = run

    def place(self) -> RowsPlace:
        """Return where the rows lie, for other processes."""
        path = self._info.path
        return RowsPlace(str(path.absolute() if isinstance(path, Path) else path), self._info.id, self.name)

    @property
    def schema(self) -> pa.Schema:
        """The columns of the rows as the table has them now."""
        return row_schema(self._recipe, extra=has_extra(self.rows.table.schema))

    def write(self, batches: Iterable[pa.RecordBatch], *, extra: bool = False) -> list[Fragment]:
        """Write rows as fragments, neither synced nor committed.

        Args:
            batches: Of rows, with or without extra columns.
            extra: Whether a batch has some. The table gets the column then, where it lacks it: a version of
                its own, which belongs to nothing until an entry names it or a later one.
        """
        if extra and not has_extra(self.rows.table.schema):
            self.rows.add_column("rows.column", EXTRA_FIELD)
        schema = self.schema
        return self.rows.write((_filled(batch, schema) for batch in batches), schema)

    def with_rows(self, medium_ids: Iterable[str]) -> list[str]:
        """Return those of some media that have rows."""
        return self.finished.with_rows(medium_ids)

    def change_rows(self, new: Sequence[Fragment], replaced: Sequence[str]) -> None:
        """Commit new fragments, and delete the rows that some media had, as one version of the rows."""
        if not new and not replaced:
            return
        checkpoint("rows.written")
        changed: list[Fragment] = []
        gone: list[int] = []
        if replaced:
            changed, gone = self.rows.delete_rows(self.places.take(self.rows.table, replaced))
        checkpoint("rows.deletions_written")
        self.rows.sync_data(new)
        checkpoint("rows.data_synced")
        self.rows.commit("rows.manifest", new, changed, gone)

    def enter(self, entries: Entries) -> None:
        """Commit the entries that make the newest version of the rows count."""
        files = self.rows.take_sums() | {LEDGER: self.ledger.sum_of_data()}
        entered, sealed = seal(
            entries,
            self.seal,
            self.rows.table.version,
            files,
            run=self._run,
            run_text="" if self._run else self._run_text,
            unix_s=time.time(),
        )
        fragments = self.ledger.write([entered], LEDGER_SCHEMA)
        checkpoint("ledger.written")
        self.ledger.sync_data(fragments)
        checkpoint("ledger.data_synced")
        self.ledger.commit("ledger.manifest", fragments)
        self.seal = sealed
        if self._run_text and not self._run:
            self._run = self._numbers[self._run_text] = sealed.commit
        self.finished.update(entered)
        self._since_maintenance += 1

    @contextlib.contextmanager
    def as_run(self, text: str) -> Iterator[None]:
        """Let the commits inside belong to another run, which had its media computed elsewhere."""
        before = self._run, self._run_text
        self._run, self._run_text = self._numbers.get(text, 0), text
        try:
            yield
        finally:
            self._run, self._run_text = before

    def maintain(self, *, at_end: bool) -> None:
        """Do maintenance if it is due."""
        if not maintenance.due(self.rows.table, self._since_maintenance, at_end=at_end):
            return
        self._merge(maintenance.choose)

    def compact(self) -> None:
        """Merge all small fragments, drop deleted rows and remove old versions, if there is anything to do.

        Raises:
            StoreError: If that fails; the view stays as it was after the last commit.
        """
        rows = self.rows.table.fragments()
        small = maintenance.choose_all(rows, maintenance.sizes_of(self.rows.table, rows))
        # The ledger of a compacted view has what was merged, and the two entries that say so.
        if small or len(self.ledger.table.fragments()) > 3 or self.old_versions()[0]:
            self._merge(maintenance.choose_all)

    def old_versions(self) -> tuple[int, int]:
        """Count the versions that maintenance would remove, and those that it would keep for others."""
        return maintenance.old_versions(self.rows.table, self.ledger.table, self._wanted())

    def _merge(self, rule: maintenance.Rule) -> None:
        with self.failing():
            rows = maintenance.compact(self.rows, "maintenance.rows", file_sums(self.ledger.table), rule)
            ledger = maintenance.compact(self.ledger, "maintenance.ledger", rule=rule)
            said = "merged {} fragments of rows into {}, {} of the ledger into {}".format(*rows, *ledger)
            self.enter(maintenance_entry(said, self.recipe_hash))
            checkpoint("maintenance.entered")
        self.remove_old_versions()
        self._since_maintenance = 0

    def remove_old_versions(self) -> None:
        """Remove the versions before the newest two, with the files that only they need."""
        with self.failing():
            # The same rows under a second manifest: two versions must not depend on one file.
            self.rows.commit("maintenance.repeat", ())
            self.enter(maintenance_entry("removing older versions", self.recipe_hash))
            checkpoint("maintenance.confirmed")
            maintenance.clean(self.rows.table, self.ledger.table, self._wanted())

    def _wanted(self) -> Wanted:
        return maintenance.wanted_versions(self._info, self._paths)

    def remove(self, fragments: Iterable[Fragment]) -> None:
        """Remove the files of fragments that were not committed."""
        names = [n for f in fragments for n in f.files]
        self.rows.forget(names)
        for name in names:
            (self.rows.table.data / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """Refuse all further work after a failure inside; the next writer recovers the view."""
        try:
            with explained(self._info.path):
                yield
        except BaseException:
            self.state = "failed"
            raise

    def must_be_open(self) -> None:
        """Raise a StoreError if the tables were closed, or a change of them failed."""
        if self.state != "open":
            raise StoreError(
                f"the writer of the view {self.name!r} has {self.state}.",
                of=str(self._info.path),
                todo="Open the store again; all that was committed is kept.",
            )


def _filled(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give rows the extra columns that others of the view have, without values."""
    if batch.num_columns == len(schema):
        return batch
    return pa.RecordBatch.from_arrays(
        [*batch.columns, pa.nulls(batch.num_rows, EXTRA_FIELD.type)], schema=schema
    )
