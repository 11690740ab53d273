"""`.safetensors`: each feature column as a tensor `[N, *shape]`, and `ordinal` and `t_s` `[N]`.

The names and keys of the rows are JSON lists under `names` and `keys` of the metadata, which hold texts. The
format (https://huggingface.co/docs/safetensors) is a length, a JSON header and the bytes of the tensors. It
is written here because the library writes what lies in memory, and views may be larger.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vifex.search.columns import as_matrix, layer_of, rows_per_batch
from vifex.search.formats.base import Format
from vifex.values import InputError, StoreError

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["SAFETENSORS"]

_TYPES: Final = {"float32": ("F32", 4), "float16": ("F16", 2)}
_MOST_HEADER_BYTES: Final = 100_000_000
"""The library reads no larger header."""
_BATCH_ROWS: Final = 4096


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    n_rows = view.count_rows(where)
    header: dict[str, Any] = {"__metadata__": _metadata(view, where)}
    end = 0
    for name, kind, shape, size in _tensors(view, columns, n_rows):
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _MOST_HEADER_BYTES:
        raise InputError(
            f"the names of {n_rows:,} rows do not fit in a header of this format.",
            of=view.name,
            todo="Export to Parquet or npz.",
        )
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for column in columns:
            dtype = np.dtype(layer_of(view, column).dtype).newbyteorder("<")
            step = rows_per_batch(layer_of(view, column).size)
            for batch in view.batches(columns=[column], where=where, batch_rows=step):
                file.write(np.ascontiguousarray(as_matrix(batch.column(column)), dtype=dtype).data)
        for name, code in (("ordinal", "<i8"), ("t_s", "<f8")):
            for batch in view.batches(columns=[name], where=where, batch_rows=_BATCH_ROWS):
                file.write(batch.column(name).to_numpy(zero_copy_only=False).astype(code).data)
        if file.tell() != 8 + len(text) + end:
            raise StoreError(
                f"the view counts {n_rows} rows and gave others.", of=view.name, todo="Run `vifex check`."
            )
    return n_rows


def _tensors(view: View, columns: Sequence[str], n_rows: int) -> list[tuple[str, str, list[int], int]]:
    """Name, type, shape and number of bytes of each tensor, in the order of the file."""
    found = []
    for column in columns:
        spec = layer_of(view, column)
        kind, width = _TYPES[spec.dtype]
        found.append((column, kind, [n_rows, *spec.shape], n_rows * spec.size * width))
    return [*found, ("ordinal", "I64", [n_rows], 8 * n_rows), ("t_s", "F64", [n_rows], 8 * n_rows)]


def _metadata(view: View, where: str | None) -> dict[str, str]:
    names: list[str] = []
    keys: list[str] = []
    for batch in view.batches(columns=["name", "key"], where=where, batch_rows=_BATCH_ROWS):
        names += batch.column("name").to_pylist()
        keys += batch.column("key").to_pylist()
    recipe = json.dumps({"view": view.name, **view.recipe.to_dict()}, ensure_ascii=False)
    return {"names": json.dumps(names), "keys": json.dumps(keys), "vifex.recipe": recipe}


SAFETENSORS = Format(
    name="safetensors",
    suffix=".safetensors",
    one_column=False,
    summary="A tensor [N, ...] per feature column, with names and keys in the metadata.",
    write=_write,
)
