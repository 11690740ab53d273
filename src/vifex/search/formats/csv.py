"""`.csv`: a line per row; each number of a vector is a column of its own, `COLUMN_0`, `COLUMN_1`, ...

UTF-8, a header line, `,` between fields, `"` around texts, nothing for what is absent (times of an image,
a label that nobody gave). Numbers are the shortest that read back to the same float32 or float16.

Texts stand as they are: a file name that begins with `=` is written so, and a spreadsheet may take it
for a formula. Do not open names from strangers in one; a changed name would no longer be the file's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vifex.search.columns import as_matrix, layer_of, rows_per_batch, thrifty
from vifex.search.formats.base import Format, row_columns

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.store import View

__all__ = ["CSV"]


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    import pyarrow as pa
    import pyarrow.csv as pc

    plain = row_columns(view)
    sizes = {column: layer_of(view, column).size for column in columns}
    fields = [view.schema.field(name).remove_metadata() for name in plain]
    fields += [pa.field(f"{c}_{i}", pa.float32()) for c, size in sizes.items() for i in range(size)]
    schema = pa.schema(fields)
    rows = 0
    # Arrow does not accept paths with bytes that are not text, so it gets an open file.
    with path.open("wb") as file, pc.CSVWriter(file, schema) as writer:
        step = rows_per_batch(4 * sum(sizes.values()))
        for batch in thrifty(view.batches(columns=[*plain, *columns], where=where, batch_rows=step)):
            writer.write_batch(_laid_out(batch, plain, list(columns), schema))
            rows += batch.num_rows
    return rows


def _laid_out(
    batch: pa.RecordBatch, plain: list[str], columns: list[str], schema: pa.Schema
) -> pa.RecordBatch:
    """Return each number of each vector its own column."""
    import pyarrow as pa

    arrays = [batch.column(name) for name in plain]
    for column in columns:
        # float16 fits in float32, whose shortest text reads back to the same float16 too.
        numbers = np.ascontiguousarray(as_matrix(batch.column(column)).T, dtype=np.float32)
        arrays += [pa.array(line) for line in numbers]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


CSV = Format(
    name="csv",
    suffix=".csv",
    one_column=False,
    summary="A line per row, a column per number, for other programs.",
    write=_write,
)
