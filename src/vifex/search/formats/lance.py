"""`.lance`: a plain Lance table with all row columns and feature columns, typed as in the store.

`lance.dataset(path)` reads it without Vifex. What a feature column is stands in its field's metadata, and
the view's recipe in that of the schema. It has no ledger and no index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vifex.search.columns import layer_of, rows_per_batch, thrifty
from vifex.search.formats.base import Format, typed_schema
from vifex.store.files.plain_lance import is_lance_table, write_plain_table

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.store import View

__all__ = ["LANCE"]


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    schema = typed_schema(view, columns)
    step = rows_per_batch(sum(layer_of(view, column).size for column in columns))
    rows = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for batch in thrifty(view.batches(columns=schema.names, where=where, batch_rows=step)):
            rows += batch.num_rows
            yield batch.select(schema.names).cast(schema)

    write_plain_table(path, schema, batches())
    return rows


LANCE = Format(
    name="lance",
    suffix=".lance",
    one_column=False,
    summary="A plain Lance table, which `lance.dataset` reads, with the recipe in the metadata.",
    write=_write,
    is_folder=True,
    is_own=is_lance_table,
)
