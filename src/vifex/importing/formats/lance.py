"""Plain Lance tables, in the order of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vifex.importing.features import FeatureFile
from vifex.importing.tables import table_file
from vifex.store.files.plain_lance import PlainTable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["open_lance"]


def open_lance(path: Path, wanted: Sequence[str], *, needs_vectors: bool = True) -> FeatureFile:
    """Open the newest version of a table.

    Raises:
        InputError: If it cannot be read or has no vectors.
    """
    table = PlainTable(path)

    def batches(columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        return table.batches(columns, rows)

    return table_file(
        path,
        "lance",
        table.schema,
        batches,
        wanted,
        n_rows=table.n_rows,
        stamp=(table.n_rows, table.version),
        needs_vectors=needs_vectors,
    )
