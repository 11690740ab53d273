"""Stored features as examples: one example for each medium, with its rows in the order of time."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.training.config import Data
from vifex.training.data.examples import SCHEMA, Examples
from vifex.values import InputError
from vifex.values.registry import near

__all__ = ["from_store", "sequences"]


def from_store(path: Path, data: Data) -> Examples:
    """Read a view's features.

    Args:
        path: The store.
        data: `view` and `column` say which features.

    Returns:
        One example for each medium with rows; where the view has no labels, its folder is its label. The
        column `features` holds float32 lists of `size` numbers for each row; the table's metadata has `size`.

    Raises:
        InputError: If the view has no such column, or several and none is named.
    """
    from vifex.store import open_store

    with open_store(path) as store:
        view = store.view(data.view)
        known = list(view.columns)
        column = data.column or (known[0] if len(known) == 1 else "")
        if column not in known:
            raise InputError(
                f"the view {data.view!r} has no features {column!r}."
                if column
                else f"the view {data.view!r} has {len(known)} columns of features.",
                of=str(path),
                todo=f"{near(column, known)}Set data.column to one of {', '.join(known)}.",
            )
        names = [n for n in ("uri", "label", "split", "ordinal") if n in view.schema.names]
        table = view.to_arrow([*names, column])
    return _by_medium(table, column)


def _by_medium(table: pa.Table, column: str) -> Examples:
    values = table[column].combine_chunks()
    size = int(values.type.list_size)
    features = np.asarray(values.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(-1, size)
    uris = np.array(table["uri"].to_pylist())
    media, first, of = np.unique(uris, return_index=True, return_inverse=True)
    order = np.lexsort((table["ordinal"].to_numpy(), of))
    ends = np.cumsum(np.bincount(of, minlength=len(media)))
    lists = pa.LargeListArray.from_arrays(
        pa.array(np.concatenate([[0], ends * size]), pa.int64()), pa.array(features[order].reshape(-1))
    )
    count = len(media)
    columns: dict[str, Any] = {name: pa.nulls(count, SCHEMA.field(name).type) for name in SCHEMA.names}
    columns["uri"] = pa.array(media.tolist(), pa.string())
    columns["name"] = pa.array([u.rpartition("/")[2] for u in media], pa.string())
    for name in ("label", "split"):
        if name in table.column_names:
            columns[name] = pa.array(table[name].take(pa.array(first)).to_pylist(), pa.string())
    if columns["label"].null_count == count:
        columns["label"] = pa.array(_folders(media.tolist()), pa.string())
    made = pa.table({**columns, "features": lists}).replace_schema_metadata({"size": str(size)})
    return Examples(made)


def _folders(uris: list[str]) -> list[str | None]:
    """Return the names of the media's folders as labels; none where all are in one folder."""
    names = [unquote(uri.rpartition("/")[0].rpartition("/")[2]) for uri in uris]
    return list(names) if len(set(names)) > 1 else [None] * len(names)


def sequences(examples: Examples) -> list[npt.NDArray[np.float32]]:
    """Return the features of each example, `[T, D]`, where T differs.

    Raises:
        InputError: If the examples are not from a store.
    """
    if "features" not in examples.table.column_names:
        raise InputError("the examples have no features.", todo="Give a store as data.train.")
    size = int((examples.table.schema.metadata or {})[b"size"])
    return [
        np.asarray(value.values.to_numpy(zero_copy_only=False), np.float32).reshape(-1, size)
        for value in examples.table["features"]
    ]
