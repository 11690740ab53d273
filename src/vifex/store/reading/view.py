"""A view as of one commit: its rows, its ledger, its runs. It stays the same while others write."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.store.files.faults import explained
from vifex.store.files.format_1 import is_format_1
from vifex.store.files.lance_adapter import Table
from vifex.store.files.layout import (
    ViewPaths,
    read_recipe,
    read_view_id,
)
from vifex.store.files.places.place import beside
from vifex.store.ledger.entries import first_checksum, index_facts, newest_mask, read_entries, runs_of
from vifex.store.ledger.head import Head
from vifex.store.ledger.medium_ids import MediumIds
from vifex.store.reading.checking import ViewCheck, check_view
from vifex.store.reading.extra import plain_json
from vifex.store.reading.filters import checked_filter, evaluation_error
from vifex.store.reading.indexed import ViewIndex, index_of
from vifex.store.reading.mapped import MappedColumn, map_column, row_places
from vifex.store.schema import LEDGER_SCHEMA, has_extra
from vifex.values import InputError, LayerSpec, VifexError
from vifex.values.extra import EXTRA
from vifex.values.registry import near

if TYPE_CHECKING:
    from vifex.store.reading.store import Store

__all__ = ["View"]

_EXTRA_TEXT = pa.field(EXTRA, pa.string())
# A batch of wide rows (whole maps) is cut to about this much.
_BATCH_BYTES = 32 << 20


class View:
    """The rows of one view and what became of its media, as of one commit."""

    def __init__(self, paths: ViewPaths, head: Head, store: Store) -> None:
        self.name = paths.name
        self.folder = paths.folder
        self.recipe = read_recipe(paths)
        self._head = head
        self._store = store  # keeps the registration alive
        self._mapped: dict[str, MappedColumn | None] = {}
        self._indices: dict[str, ViewIndex] | None = None
        self._layers: dict[str, LayerSpec] = {t.column: t for t in self.recipe.layers}
        self._newest: npt.NDArray[np.bool_] | None = None
        self._id = read_view_id(paths)

    @property
    def id(self) -> str:
        """Names the view; another view that is made later under the same name has another id."""
        if self._id is None:
            with explained(self._store.path):
                self._id = first_checksum(self._head.ledger)
        return self._id

    @property
    def kept_files(self) -> Path:
        """Folder of this machine with the files that the view keeps beside its tables."""
        return beside(self.folder)

    @property
    def columns(self) -> list[str]:
        """Names of the feature columns."""
        return list(self._layers)

    @property
    def schema(self) -> pa.Schema:
        """All columns. The metadata of a feature column name its layer, shape and pooling.

        Extra columns of the rows are one, `extra`, a text of JSON.
        """
        schema = self._head.rows.schema
        return schema.set(schema.get_field_index(EXTRA), _EXTRA_TEXT) if has_extra(schema) else schema

    @property
    def has_extra(self) -> bool:
        """Whether a row may have extra columns."""
        return has_extra(self._head.rows.schema)

    @property
    def versions(self) -> tuple[int, int]:
        """The versions of ledger and rows that are read."""
        return self._head.ledger.version, self._head.rows.version

    @property
    def tables(self) -> tuple[Table, Table]:
        """The tables of ledger and rows that are read, for other parts of the store."""
        return self._head.ledger, self._head.rows

    @property
    def commit(self) -> int:
        """Number of the commit that is read; with `checksum` it names this state of the view."""
        return self._head.seal.commit

    @property
    def checksum(self) -> str:
        """Checksum of that commit, which covers every entry before it."""
        return self._head.seal.checksum

    def count_rows(self, where: str | None = None) -> int:
        """Count rows, or those that an SQL filter lets through.

        Raises:
            InputError: If the filter is wrong.
        """
        ready = self._ready(where)
        with self._filtering(where, ready):
            return self._head.rows.count(ready)

    def to_arrow(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Read rows in stored order: media in the order of their commits, each by its ordinals.

        Args:
            columns: Names of columns or of layers; all by default.
            where: A filter in SQL, e.g. `split = 'train' AND t_s < 10`.

        Raises:
            InputError: If a column or the filter is wrong.
        """
        schema = self._projected(columns)
        return pa.Table.from_batches(self.batches(columns, where), schema=schema)

    def to_numpy(self, column: str | None = None, where: str | None = None) -> npt.NDArray[Any]:
        """Read one column as an array.

        Args:
            column: A feature column, the name of its layer, or a fixed column without nulls; the first
                feature column by default.
            where: A filter in SQL.

        Returns:
            `[N, *shape]` for features with the shape that the recipe says, `[N]` for others, in the
            order of `to_arrow`.

        Raises:
            InputError: If the column or the filter is wrong.
        """
        name = self._column(column) if column is not None else self.columns[0]
        spec = self._layers.get(name)
        if spec is None:
            return np.asarray(self.to_arrow([name], where).column(0).to_numpy())
        # Fill one array piece by piece: memory may not hold the vectors twice.
        out = np.empty((self.count_rows(where), *spec.shape), np.dtype(spec.dtype))
        done = 0
        for batch in self.batches([name], where):
            values = batch.column(0).flatten().to_numpy(zero_copy_only=True)
            out[done : done + batch.num_rows] = values.reshape(batch.num_rows, *spec.shape)
            done += batch.num_rows
        return out

    def batches(
        self, columns: Sequence[str] | None = None, where: str | None = None, batch_rows: int = 8192
    ) -> Iterator[pa.RecordBatch]:
        """Read rows in stored order, at most `batch_rows` at a time (fewer where rows are wide).

        Raises:
            InputError: If a column or the filter is wrong.
        """
        schema = self._projected(columns)
        ready = self._ready(where)  # a wrong filter raises here, not at the first batch
        width = sum(self._layers[n].size * 4 for n in schema.names if n in self._layers) + 1
        rows = max(1, min(batch_rows, math.ceil(_BATCH_BYTES / width)))
        return self._batches(schema, where, ready, rows)

    def take(self, places: Sequence[int], columns: Sequence[str] | None = None) -> pa.Table:
        """Read single rows by their places in the stored order, in the order of `places`."""
        schema = self._projected(columns)
        with explained(self._store.path):
            taken = self._head.rows.take(places, schema.names)
        batches = [
            pa.RecordBatch.from_arrays([plain_json(column) for column in batch.columns], schema=schema)
            for batch in taken.to_batches()
        ]
        return pa.Table.from_batches(batches, schema=schema)

    def mapped(self, column: str) -> MappedColumn | None:
        """Map the vectors of a feature column where they lie in the store's files, without a copy.

        Returns:
            The column, valid while the store is open; `None` where its pages are not plain numbers.

        Raises:
            InputError: If there is no such column.
        """
        name = self._column(column)
        if name not in self._mapped:
            with explained(self._store.path):
                self._mapped[name] = map_column(self._head.rows, name)
        return self._mapped[name]

    def indices(self) -> dict[str, ViewIndex]:
        """Return the approximate indexes of the view by their feature columns."""
        if self._indices is None:
            with explained(self._store.path):
                rows = self._head.rows
                facts = index_facts(self._head.ledger) if rows.vector_indices() else {}
                found = {c: index_of(rows, c, f.get("metric", ""), f) for c, f in facts.items()}
            self._indices = {c: index for c, index in found.items() if index is not None}
        return self._indices

    def places(self, where: str) -> npt.NDArray[np.int64]:
        """Find the rows that an SQL filter lets through, as places in the stored order, rising.

        Raises:
            InputError: If the filter is wrong.
        """
        ready = self._ready(where)
        with self._filtering(where, ready):
            return np.concatenate([np.empty(0, np.int64), *row_places(self._head.rows, ready or where)])

    def ledger(
        self,
        history: bool = False,
        *,
        columns: Sequence[str] | None = None,
        where: str | None = None,
    ) -> pa.Table:
        """Read what became of every medium: its newest entry.

        Only the columns that are named are read, and only what the filter lets through is held in memory.

        Args:
            history: Whether all entries ever made are given, those of maintenance, files and runs too.
            columns: Names of columns of the ledger; all by default.
            where: A filter in SQL over the ledger's columns, e.g. `status = 'failed'`.

        Raises:
            InputError: If a column or the filter is wrong.
        """
        schema = self._ledger_schema(columns)
        batches = self.ledger_batches(schema.names, where, history=history)
        return pa.Table.from_batches(batches, schema=schema)

    def ledger_batches(
        self, columns: Sequence[str] | None = None, where: str | None = None, *, history: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Read the same some thousand entries at a time.

        Raises:
            InputError: If a column or the filter is wrong.
        """
        schema = self._ledger_schema(columns)
        table = self._head.ledger
        # Texts are plain for a filter, and so is every column of the ledger.
        try:
            ready = None if where is None else checked_filter(where, table.schema.names, [])
        except InputError as exc:
            if not is_format_1(table):
                raise
            more = "The store has format 1; `vifex upgrade` gives its ledger all columns of format 2."
            raise InputError(exc.what, of=exc.of, todo=f"{exc.todo or ''} {more}".strip()) from exc
        return self._ledger_batches(schema.names, where, ready, history)

    @property
    def ledger_has_labels(self) -> bool:
        """Whether the ledger says labels and splits. One of format 1 does not; there the rows alone do."""
        return not is_format_1(self._head.ledger)

    def count_media(self) -> int:
        """Count the media of the ledger."""
        with explained(self._store.path):
            return int(np.count_nonzero(self._newest_entries()))

    def first_names(self, most: int = 10_000) -> list[str]:
        """Read the names of the first media of the ledger: enough to say what a wrong name may have meant."""
        batches = self.ledger_batches(["name"])
        return list(islice((name for b in batches for name in b.column(0).to_pylist()), most))

    def medium_ids(self) -> MediumIds:
        """Read the ids of all media, in the order of `ledger`."""
        columns = (batch.column(0) for batch in self.ledger_batches(["medium_id"]))
        return MediumIds.of(columns, self.count_media())

    def runs(self) -> dict[int, str]:
        """Read the facts of all runs that changed the view, JSON text by number, in the order of the runs.

        The column `run` of the ledger names them; 0 stands for a run that said nothing.
        """
        with explained(self._store.path):
            return runs_of(self._head.ledger)

    def verify(self, tick: Callable[[int], None] | None = None) -> ViewCheck:
        """Check every file of the view and every commit of its ledger; see `vifex.store.reading.checking`.

        It reads the whole view, at about 0.9 GB a second if the disk is as fast.

        Args:
            tick: Called after every fragment, with its size in bytes.

        Raises:
            StoreError: If the system cannot read.
        """
        paths = ViewPaths(self.name, self.folder)
        with explained(self._store.path):
            return check_view(paths, self._head, self.recipe, tick)

    def _ledger_batches(
        self, columns: Sequence[str], where: str | None, ready: str | None, history: bool
    ) -> Iterator[pa.RecordBatch]:
        with self._filtering(where, ready):
            mask = None if history else self._newest_entries()
            yield from read_entries(self._head.ledger, columns, where=ready, mask=mask)

    def _newest_entries(self) -> npt.NDArray[np.bool_]:
        if self._newest is None:
            self._newest = newest_mask(self._head.ledger)
        return self._newest

    def _ledger_schema(self, columns: Sequence[str] | None) -> pa.Schema:
        known = LEDGER_SCHEMA.names
        if columns is not None and not columns:
            raise InputError("no column of the ledger is named.", todo=f"It has: {', '.join(known)}.")
        for name in columns or ():
            if name not in known:
                raise InputError(
                    f"the ledger has no column {name!r}.",
                    todo=f"{near(name, known)}It has: {', '.join(known)}.",
                )
        return LEDGER_SCHEMA if columns is None else pa.schema([LEDGER_SCHEMA.field(c) for c in columns])

    def _batches(
        self, schema: pa.Schema, where: str | None, ready: str | None, rows: int
    ) -> Iterator[pa.RecordBatch]:
        with self._filtering(where, ready):
            for batch in self._head.rows.scan(schema.names, where=ready, batch_rows=rows):
                yield pa.RecordBatch.from_arrays(
                    [plain_json(column) for column in batch.columns], schema=schema
                )

    def _projected(self, columns: Sequence[str] | None) -> pa.Schema:
        if columns is None:
            return self.schema
        return pa.schema([self.schema.field(self._column(c)) for c in columns])

    def _column(self, name: str) -> str:
        names = self.schema.names
        if name in names:
            return name
        for spec in self.recipe.layers:
            if spec.layer.name == name:
                return spec.column
        known = [*names, *(t.layer.name for t in self.recipe.layers if t.layer.name not in names)]
        raise InputError(
            f"the view {self.name!r} has no column {name!r}.",
            todo=f"{near(name, known)}It has: {', '.join(names)}.",
        )

    def _ready(self, where: str | None) -> str | None:
        """Check a filter and return it as Lance takes it; see `vifex.store.reading.filters`."""
        if where is None:
            return None
        return checked_filter(where, self._plain(), self.columns, extra=EXTRA if self.has_extra else None)

    def _plain(self) -> list[str]:
        return [n for n in self.schema.names if n not in self._layers]

    @contextlib.contextmanager
    def _filtering(self, where: str | None, ready: str | None) -> Iterator[None]:
        """Return one sentence that says why a filter cannot be evaluated."""
        try:
            with explained(self._store.path):
                yield
        except VifexError:
            raise
        except BaseException as exc:  # a panic of Lance is no Exception
            if where is None or ready is None:
                raise
            error = evaluation_error(exc, where, ready, self._plain())
            if error is None:
                raise
            raise error from exc
