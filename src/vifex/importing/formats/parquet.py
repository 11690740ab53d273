"""Parquet, read page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vifex.importing.features import FeatureFile, damaged, stamp_of
from vifex.importing.tables import table_file

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["open_parquet"]

_BUFFER_BYTES: Final = 1 << 20


def open_parquet(path: Path, wanted: Sequence[str], *, needs_vectors: bool = True) -> FeatureFile:
    """Open a table.

    Raises:
        InputError: If it cannot be read or has no vectors.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema, n_rows = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError) as exc:
        raise damaged(path, exc, "Parquet") from exc

    def batches(columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        # Without a buffer of a fixed size a whole group of rows is read at once.
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file:
            found = file.iter_batches(rows, columns=list(columns), use_threads=False)
            while True:
                try:
                    batch = next(found, None)
                except (pa.ArrowException, OSError) as exc:
                    raise damaged(path, exc, "Parquet") from exc
                if batch is None:
                    return
                yield batch

    return table_file(
        path,
        "parquet",
        schema,
        batches,
        wanted,
        n_rows=n_rows,
        stamp=stamp_of(path),
        needs_vectors=needs_vectors,
    )
