"""`.npz`: arrays `X` `[N, *shape]`, `names`, `keys` and `t_s`, all in the order of the rows.

`names` and `keys` are fixed-width unicode arrays, so `numpy.load` needs no pickle; `t_s` is float64 with
NaN for images. `X` is stored as it is, the strings are deflated.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from vifex.search.formats.base import Format
from vifex.search.formats.npy import write_matrix

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["NPZ"]

_BATCH_ROWS = 4_096


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        with _member(archive, "X", zipfile.ZIP_STORED) as file:
            n_rows = write_matrix(view, file, columns[0], where)
        for array, column in (("names", "name"), ("keys", "key")):
            with _member(archive, array, zipfile.ZIP_DEFLATED) as file:
                _write_strings(view, file, column, where, n_rows)
        with _member(archive, "t_s", zipfile.ZIP_DEFLATED) as file:
            _header(file, "<f8", n_rows)
            for batch in view.batches(columns=["t_s"], where=where, batch_rows=_BATCH_ROWS):
                file.write(batch.column("t_s").to_numpy(zero_copy_only=False).astype("<f8").data)
    return n_rows


def _write_strings(view: View, file: IO[bytes], column: str, where: str | None, n_rows: int) -> None:
    """Write a text column; it is read twice, as the widest text must be known before the first."""
    import pyarrow.compute as pc

    width = 1
    for batch in view.batches(columns=[column], where=where, batch_rows=_BATCH_ROWS):
        width = max(width, pc.max(pc.utf8_length(batch.column(column))).as_py() or 1)
    dtype = np.dtype(f"<U{width}")
    _header(file, dtype.str, n_rows)
    for batch in view.batches(columns=[column], where=where, batch_rows=_BATCH_ROWS):
        # Bytes, not a memoryview: the buffer protocol does not know numpy's unicode.
        file.write(np.array(batch.column(column).to_pylist(), dtype=dtype).tobytes())


def _member(archive: zipfile.ZipFile, name: str, compression: int) -> IO[bytes]:
    # A fixed date: the same rows give the same bytes.
    info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = compression
    return archive.open(info, "w", force_zip64=True)


def _header(file: IO[bytes], descr: str, n_rows: int) -> None:
    header = {"descr": descr, "fortran_order": False, "shape": (n_rows,)}
    np.lib.format.write_array_header_1_0(file, header)


NPZ = Format(
    name="npz",
    suffix=".npz",
    one_column=True,
    summary="Arrays X [N, ...], names, keys and t_s, in the order of the rows.",
    write=_write,
)
