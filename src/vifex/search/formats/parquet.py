"""`.parquet`: all row columns and feature columns, typed as in the store.

Vectors stay fixed-size lists of float32 or float16. What a feature column is stands in its field's
metadata; the view's recipe is JSON under the file's key `vifex.recipe`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vifex.search.columns import layer_of, rows_per_batch
from vifex.search.formats.base import Format, row_columns

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["PARQUET"]


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [*row_columns(view), *columns]
    recipe = json.dumps({"view": view.name, **view.recipe.to_dict()}, ensure_ascii=False)
    schema = pa.schema(
        [view.schema.field(name) for name in names],
        metadata={**(view.schema.metadata or {}), "vifex.recipe": recipe},
    )
    size = sum(layer_of(view, column).size for column in columns)
    rows = 0
    # Dictionaries gain nothing on features and cost the time of trying them.
    texts = [f.name for f in schema if pa.types.is_string(f.type)]
    # Arrow does not accept paths with bytes that are not text, so it gets an open file.
    with (
        path.open("wb") as file,
        pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=texts) as writer,
    ):
        for batch in view.batches(columns=names, where=where, batch_rows=rows_per_batch(size)):
            writer.write_batch(batch.select(names).cast(schema))
            rows += batch.num_rows
    return rows


PARQUET = Format(
    name="parquet",
    suffix=".parquet",
    one_column=False,
    summary="All row columns and vectors, typed, with the recipe in the metadata.",
    write=_write,
)
