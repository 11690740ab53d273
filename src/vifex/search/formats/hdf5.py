"""`.h5`: a dataset for each row column and each feature column, all in the order of the rows.

Feature columns are `[N, *shape]` in the type of the store, texts are UTF-8 of variable length, empty where
nothing is stated; whole numbers that are absent are the lowest of their type, other numbers NaN. The
attribute `vifex.recipe` of the file is the view's recipe as JSON. Needs h5py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.search.columns import as_matrix, layer_of, rows_per_batch, thrifty
from vifex.search.formats.base import RECIPE, Format, recipe_text, row_columns
from vifex.search.formats.facts import ABSENT
from vifex.values.registry import require

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.store import View

__all__ = ["HDF5"]

_TYPES: Final = {"int64": "int64", "double": "float64", "float": "float32", "string": "string"}
"""Names of types of Arrow, as `ABSENT` has them."""


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    h5py = require("h5py", extra="export", needed_for="HDF5")
    n_rows = view.count_rows(where)
    plain = row_columns(view)
    step = rows_per_batch(sum(layer_of(view, column).size for column in columns))
    # h5py does not take every name of a file that the system does, so it writes to an open file.
    with path.open("w+b") as raw, h5py.File(raw, "w") as file:
        file.attrs[RECIPE] = recipe_text(view)
        sets = {name: _dataset(h5py, file, name, view.schema.field(name).type, n_rows) for name in plain}
        for column in columns:
            spec = layer_of(view, column)
            sets[column] = file.create_dataset(column, (n_rows, *spec.shape), spec.dtype)
        at = 0
        for batch in thrifty(view.batches(columns=[*plain, *columns], where=where, batch_rows=step)):
            end = at + batch.num_rows
            for name in plain:
                sets[name][at:end] = _values(batch.column(name))
            for column in columns:
                sets[column][at:end] = as_matrix(batch.column(column)).reshape(
                    -1, *layer_of(view, column).shape
                )
            at = end
    return at


def _dataset(h5py: Any, file: Any, name: str, kind: pa.DataType, n_rows: int) -> Any:
    dtype = h5py.string_dtype() if str(kind) == "string" else kind.to_pandas_dtype()
    return file.create_dataset(name, (n_rows,), dtype)


def _values(column: pa.Array) -> Any:
    import pyarrow.compute as pc

    filled = pc.fill_null(column, ABSENT[_TYPES[str(column.type)]])
    return filled.to_pylist() if str(column.type) == "string" else filled.to_numpy(zero_copy_only=False)


HDF5 = Format(
    name="hdf5",
    suffix=".h5",
    one_column=False,
    summary="A dataset per column, in the order of the rows (needs h5py).",
    write=_write,
)
