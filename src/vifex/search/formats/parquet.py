"""`.parquet`: all row columns and feature columns, typed as in the store.

Vectors stay fixed-size lists of float32 or float16. What a feature column is stands in its field's
metadata; the view's recipe is JSON under the file's key `vifex.recipe`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vifex.search.columns import layer_of, rows_per_batch, thrifty
from vifex.search.formats.base import Format, typed_schema

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["PARQUET"]

_GROUP_BYTES: Final = 32 << 20
"""Of a group of rows."""


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = typed_schema(view, columns)
    size = sum(layer_of(view, column).size for column in columns)
    rows = 0
    # Dictionaries gain nothing on features and cost the time of trying them.
    texts = [f.name for f in schema if pa.types.is_string(f.type)]
    # Arrow does not accept paths with bytes that are not text, so it gets an open file.
    with (
        path.open("wb") as file,
        pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=texts) as writer,
    ):
        group: list[pa.RecordBatch] = []
        for batch in thrifty(
            view.batches(columns=schema.names, where=where, batch_rows=rows_per_batch(size))
        ):
            group.append(batch.select(schema.names).cast(schema))
            rows += batch.num_rows
            # The writer would hold the pages of a group of a million rows in memory.
            if sum(part.nbytes for part in group) >= _GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(group))
                group = []
        if group:
            writer.write_table(pa.Table.from_batches(group))
    return rows


PARQUET = Format(
    name="parquet",
    suffix=".parquet",
    one_column=False,
    summary="All row columns and vectors, typed, with the recipe in the metadata.",
    write=_write,
)
