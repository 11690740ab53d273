"""`.npy`: the matrix of one feature column, `[N, *shape]`, as `numpy.load` reads it (also mapped)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from vifex.search.columns import as_matrix, layer_of, rows_per_batch, thrifty
from vifex.search.formats.base import Format
from vifex.values import StoreError

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["NPY", "write_matrix"]


def write_matrix(view: View, file: IO[bytes], column: str, where: str | None) -> int:
    """Write a feature column as one `.npy` stream, batch by batch, and return the number of rows.

    The file is not memory-mapped: on a full disk, writing to a map kills the process by a signal.
    """
    spec = layer_of(view, column)
    n_rows = view.count_rows(where)
    dtype = np.dtype(spec.dtype).newbyteorder("<")
    header = {"descr": dtype.str, "fortran_order": False, "shape": (n_rows, *spec.shape)}
    np.lib.format.write_array_header_1_0(file, header)
    written = 0
    for batch in thrifty(view.batches(columns=[column], where=where, batch_rows=rows_per_batch(spec.size))):
        matrix = np.ascontiguousarray(as_matrix(batch.column(column)), dtype=dtype)
        file.write(matrix.data)
        written += len(matrix)
    if written != n_rows:
        raise StoreError(
            f"the view counts {n_rows} rows and gave {written}.", of=view.name, todo="Run `vifex check`."
        )
    return written


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    with path.open("wb") as file:
        return write_matrix(view, file, columns[0], where)


NPY = Format(
    name="npy",
    suffix=".npy",
    one_column=True,
    summary="One array [N, ...] of a feature column, in the order of the rows.",
    write=_write,
)
