"""`.npz`: arrays `X` `[N, *shape]`, `names`, `keys`, `t_s` and the other columns, in the order of the rows.

Texts are fixed-width unicode arrays, so `numpy.load` needs no pickle. Times and boxes that are absent are
NaN, whole numbers the lowest of int64, texts empty. A column that no row states has no array. `recipe` is the
view's recipe as JSON, with the name of the `column`. `X` is stored as it is, all else is deflated.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import numpy as np

from vifex.search.formats.base import Format, recipe_text
from vifex.search.formats.facts import CODES, Stated, numbers_of, stated
from vifex.search.formats.npy import write_matrix

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["NPZ"]

_BATCH_ROWS = 4_096
_OTHER_NAMES: Final = {"name": "names", "key": "keys"}


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    facts = stated(view, where)
    facts.setdefault("t_s", Stated("t_s", "float64"))
    del facts["medium_id"]  # a key begins with it
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        with _member(archive, "X", zipfile.ZIP_STORED) as file:
            n_rows = write_matrix(view, file, columns[0], where)
        for fact in facts.values():
            called = _OTHER_NAMES.get(fact.name, fact.name)
            with _member(archive, called, zipfile.ZIP_DEFLATED) as file:
                _write_fact(view, file, fact, where, n_rows)
        with _member(archive, "recipe", zipfile.ZIP_DEFLATED) as file:
            recipe = json.dumps({**json.loads(recipe_text(view)), "column": columns[0]})
            np.save(file, np.array(recipe), allow_pickle=False)
    return n_rows


def _write_fact(view: View, file: IO[bytes], fact: Stated, where: str | None, n_rows: int) -> None:
    is_text = fact.kind == "string"
    dtype = np.dtype(f"<U{max(1, fact.chars)}" if is_text else CODES[fact.kind])
    header = {"descr": dtype.str, "fortran_order": False, "shape": (n_rows,)}
    np.lib.format.write_array_header_1_0(file, header)
    for batch in view.batches(columns=[fact.name], where=where, batch_rows=_BATCH_ROWS):
        column = batch.column(fact.name)
        if is_text:
            values = np.array([text or "" for text in column.to_pylist()], dtype=dtype)
        else:
            values = numbers_of(column, fact.kind)
        # Bytes, not a memoryview: the buffer protocol does not know numpy's unicode.
        file.write(values.tobytes())


def _member(archive: zipfile.ZipFile, name: str, compression: int) -> IO[bytes]:
    # A fixed date: the same rows give the same bytes.
    info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = compression
    return archive.open(info, "w", force_zip64=True)


NPZ = Format(
    name="npz",
    suffix=".npz",
    one_column=True,
    summary="Arrays X [N, ...], names, keys, t_s and the other columns, in the order of the rows.",
    write=_write,
)
