"""`.safetensors`: each feature column as a tensor `[N, *shape]`, and the row columns with numbers as `[N]`.

The names and keys of the rows are JSON lists under `names` and `keys` of the metadata, which hold texts. The
other texts that a row states are two tensors each: `label.utf8` has their bytes one behind the other, and
`label.offsets` `[N + 1]` says where each begins and ends. Times and boxes that are absent are NaN, whole
numbers the lowest of int64, texts empty. A column that no row states has no tensor.

The format (https://huggingface.co/docs/safetensors) is a length, a JSON header and the bytes of the tensors.
It is written here because the library writes what lies in memory, and views may be larger.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.search.columns import as_matrix, layer_of, rows_per_batch, thrifty
from vifex.search.formats.base import RECIPE, Format, recipe_text
from vifex.search.formats.facts import CODES, Stated, numbers_of, stated
from vifex.values import InputError, StoreError

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["SAFETENSORS"]

_TYPES: Final = {"<f4": "F32", "<f2": "F16", "<f8": "F64", "<i8": "I64", "|u1": "U8"}
_MOST_HEADER_BYTES: Final = 100_000_000
"""The library reads no larger header."""
_BATCH_ROWS: Final = 4096
_IN_METADATA: Final = ("key", "medium_id", "name")
"""Texts that are lists in the metadata; a key begins with the id."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    code: str
    """As NumPy writes the type."""
    shape: tuple[int, ...]
    column: str

    @property
    def size_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.code).itemsize


def _write(view: View, path: Path, columns: Sequence[str], where: str | None) -> int:
    n_rows = view.count_rows(where)
    header: dict[str, Any] = {"__metadata__": _metadata(view, where)}
    tensors = _tensors(view, columns, stated(view, where), n_rows)
    end = 0
    for tensor in tensors:
        start, end = end, end + tensor.size_bytes
        header[tensor.name] = {
            "dtype": _TYPES[tensor.code],
            "shape": tensor.shape,
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _MOST_HEADER_BYTES:
        raise _too_many(view)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors:
            for part in _parts(view, tensor, where):
                file.write(part.data)
        if file.tell() != 8 + len(text) + end:
            raise StoreError(
                f"the view counts {n_rows} rows and gave others.", of=view.name, todo="Run `vifex check`."
            )
    return n_rows


def _tensors(view: View, columns: Sequence[str], facts: dict[str, Stated], n_rows: int) -> list[_Tensor]:
    """Return the tensors in the order of the file, wide types first, so that all are aligned."""
    found = []
    for column in columns:
        spec = layer_of(view, column)
        found.append(
            _Tensor(column, np.dtype(spec.dtype).newbyteorder("<").str, (n_rows, *spec.shape), column)
        )
    facts.setdefault("t_s", Stated("t_s", "float64"))
    for fact in facts.values():
        if fact.kind != "string":
            found.append(_Tensor(fact.name, CODES[fact.kind], (n_rows,), fact.name))
        elif fact.name not in _IN_METADATA:
            found.append(_Tensor(f"{fact.name}.utf8", "|u1", (fact.size_bytes,), fact.name))
            found.append(_Tensor(f"{fact.name}.offsets", "<i8", (n_rows + 1,), fact.name))
    return sorted(found, key=lambda tensor: -np.dtype(tensor.code).itemsize)


def _parts(view: View, tensor: _Tensor, where: str | None) -> Iterator[npt.NDArray[Any]]:
    """Yield the numbers of a tensor, one batch of rows after the other."""
    is_feature = tensor.column in view.columns
    step = rows_per_batch(layer_of(view, tensor.column).size) if is_feature else _BATCH_ROWS
    end = np.int64(0)
    if tensor.name.endswith(".offsets"):
        yield np.zeros(1, "<i8")
    for batch in thrifty(view.batches(columns=[tensor.column], where=where, batch_rows=step)):
        column = batch.column(tensor.column)
        if is_feature:
            yield np.ascontiguousarray(as_matrix(column), dtype=tensor.code)
        elif tensor.name.endswith(".utf8"):
            yield np.frombuffer("".join(text or "" for text in column.to_pylist()).encode(), np.uint8)
        elif tensor.name.endswith(".offsets"):
            ends = end + np.cumsum([len((text or "").encode()) for text in column.to_pylist()])
            end = ends[-1]
            yield ends.astype("<i8")
        else:
            kind = next(name for name, code in CODES.items() if code == tensor.code)
            yield numbers_of(column, kind)


def _metadata(view: View, where: str | None) -> dict[str, str]:
    lists: dict[str, list[str]] = {"name": [], "key": []}
    size = 0
    for batch in view.batches(columns=list(lists), where=where, batch_rows=_BATCH_ROWS):
        for column, texts in lists.items():
            texts += batch.column(column).to_pylist()
            size += batch.column(column).nbytes
        if size > _MOST_HEADER_BYTES:
            raise _too_many(view)
    return {
        "names": json.dumps(lists["name"]),
        "keys": json.dumps(lists["key"]),
        RECIPE: recipe_text(view),
    }


def _too_many(view: View) -> InputError:
    return InputError(
        f"the names of {view.count_rows():,} rows do not fit in a header of this format.",
        of=view.name,
        todo="Export to Parquet or npz.",
    )


SAFETENSORS = Format(
    name="safetensors",
    suffix=".safetensors",
    one_column=False,
    summary="A tensor [N, ...] per feature column, with names and keys in the metadata.",
    write=_write,
)
