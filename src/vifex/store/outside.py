"""Rows that other processes write into the table of a view, for its writer to commit.

A machine of a cluster that sees the store writes a fragment where it belongs, syncs it, and tells the writer
its name and its checksum. The rows themselves do not travel. A fragment that no commit takes is a file that
nothing uses: the next writer of the view removes it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from vifex.store.files.lance_adapter import Fragment, Table, manifests
from vifex.store.files.layout import read_store
from vifex.store.files.places.place import Place, place_of
from vifex.store.files.sums import file_sum
from vifex.store.files.sync import sync_all
from vifex.values import StoreError, VifexError

__all__ = ["RowsPlace", "RowsThere", "WrittenRows", "open_rows"]


@dataclass(frozen=True, slots=True)
class RowsPlace:
    """The table of a view's rows, for a process that may run on another machine."""

    store: str
    """Path or address of the store."""
    store_id: str
    view: str


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """Rows that lie in the folder of a table, synced and not committed."""

    rows: int
    size_bytes: int
    """Of their files."""
    fragments: tuple[Fragment, ...]
    sums: Mapping[str, str]
    """Checksums of the files, by their paths in the table's folder."""


class RowsThere:
    """Writes rows into the table of a view.

    Args:
        table: Any version of the table.
        schema: Of the rows.
    """

    def __init__(self, table: Table, schema: pa.Schema) -> None:
        self._table, self._schema = table, schema

    def fits(self, rows: pa.RecordBatch) -> bool:
        """Check whether rows have the columns of the table; only its writer can give it more."""
        return bool(rows.schema.names == self._schema.names)

    def write(self, batches: Iterable[pa.RecordBatch]) -> WrittenRows:
        """Write rows and sync them.

        Raises:
            StoreError: If they cannot be written.
        """
        table = self._table
        fragments = table.write(batches, self._schema)
        files = [table.path / path for fragment in fragments for path in fragment.paths]
        try:
            sync_all(files, [table.data, table.path])
            sums = {file.relative_to(table.path).as_posix(): file_sum(file) for file in files}
            size_bytes = sum(file.stat().st_size for file in files)
        except OSError as exc:
            raise StoreError("rows cannot be written.", of=str(table.path), todo=f"{exc}.") from exc
        return WrittenRows(sum(f.rows for f in fragments), size_bytes, tuple(fragments), sums)


def open_rows(place: RowsPlace, schema: pa.Schema) -> RowsThere | None:
    """Open the table of a view to write rows; `None` where this machine does not see it or may not write.

    Args:
        place: Of the table.
        schema: Of its rows.
    """
    with contextlib.suppress(VifexError, OSError):
        info = read_store(place_of(place.store))
        table = info.view(place.view).rows
        if info.id == place.store_id and _is_writable(table):
            return RowsThere(Table.open(table, max(manifests(table))), schema)
    return None


def _is_writable(folder: Place) -> bool:
    # An object store says so when something is written.
    return not isinstance(folder, Path) or os.access(folder, os.W_OK)
