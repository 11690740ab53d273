"""Row columns as plain arrays, for formats that know no absent values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.values.extra import EXTRA
from vifex.values.rows import ROW_COLUMNS, RowColumn

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.store import View

__all__ = ["ABSENT", "CODES", "Stated", "numbers_of", "stated"]

CODES: Final = {"int64": "<i8", "float64": "<f8", "float32": "<f4"}
"""Types of arrays, by those of row columns."""
ABSENT: Final = {"int64": np.iinfo(np.int64).min, "float64": np.nan, "float32": np.nan, "string": ""}
"""What stands where a row has no value, by the type of the column."""
_BATCH_ROWS: Final = 4_096


class Stated:
    """A row column that at least one row states."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind
        self.chars = 0
        """Of the longest text."""
        self.size_bytes = 0
        """Of all texts in UTF-8."""

    def look(self, column: pa.Array) -> None:
        """Count the texts of a batch."""
        import pyarrow.compute as pc

        self.chars = max(self.chars, pc.max(pc.utf8_length(column)).as_py() or 0)
        self.size_bytes += pc.sum(pc.binary_length(column)).as_py() or 0


def stated(view: View, where: str | None) -> dict[str, Stated]:
    """Return the row columns that are required or that a row states, in the order of the store."""
    found: dict[str, Stated] = {}
    columns = (*ROW_COLUMNS, *([RowColumn(EXTRA, "string", "row")] if view.has_extra else []))
    names = [column.name for column in columns]
    for batch in view.batches(columns=names, where=where, batch_rows=_BATCH_ROWS):
        for row_column in columns:
            column = batch.column(row_column.name)
            if column.null_count == len(column):
                continue
            one = found.setdefault(row_column.name, Stated(row_column.name, row_column.type))
            if row_column.type == "string":
                one.look(column)
    required = {c.name: Stated(c.name, c.type) for c in columns if c.required}
    return {c.name: {**required, **found}[c.name] for c in columns if c.name in {*required, *found}}


def numbers_of(column: pa.Array, kind: str) -> npt.NDArray[Any]:
    """Return a column of numbers as an array, with `ABSENT` where there is none."""
    import pyarrow.compute as pc

    filled = pc.fill_null(column, ABSENT[kind])
    return np.ascontiguousarray(filled.to_numpy(zero_copy_only=False), dtype=CODES[kind])
