"""Query vectors: from a `.npy` file, from a row of the store, or from pixels by a function given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.search.columns import as_matrix, layer_of
from vifex.search.hits import sql_text
from vifex.search.query import (
    FrameQuery,
    ImageQuery,
    PixelsQuery,
    Query,
    RowQuery,
    TextQuery,
    VectorQuery,
    no_words,
)
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["Embed", "load_vector", "query_vector"]

Embed = Callable[[ImageQuery | FrameQuery | PixelsQuery | TextQuery], npt.ArrayLike]
"""Makes the vector `[D]` of an image or a frame as the view's recipe made its rows, or of words."""


def query_vector(
    view: View, query: Query, *, column: str, embed: Embed | None = None
) -> npt.NDArray[np.floating[Any]]:
    """Turn a query into the vector `[D]` that is compared with a column.

    Args:
        view: The view that is searched.
        query: What `parse_query` gave.
        column: Feature column, settled.
        embed: For images and frames; called with the query.

    Raises:
        InputError: If the row is not there, the file holds no fitting vector, or pixels cannot be embedded.
    """
    if isinstance(query, RowQuery):
        return _row_vector(view, query, column)
    if isinstance(query, VectorQuery):
        return load_vector(query.path, size=layer_of(view, column).size, column=column)
    if embed is None:
        if isinstance(query, TextQuery):
            raise no_words(query)
        raise InputError(
            "pixels cannot be turned into a query here.",
            of="an image in memory" if isinstance(query, PixelsQuery) else query.name,
            todo="Search through vifex.open(...), or give a vector.",
        )
    return np.asarray(embed(query)).reshape(-1)


def load_vector(path: Path, *, size: int, column: str) -> npt.NDArray[np.floating[Any]]:
    """Read the one vector of a `.npy` file, shape `[D]` or `[1, D]`, any float dtype.

    Args:
        path: The file. Pickled objects in it are never loaded.
        size: D of the column.
        column: Its name, for messages.

    Raises:
        InputError: If the file holds anything else, or NaN or infinity.
    """
    try:
        # Mapped, so that a large matrix given by mistake is refused without being read.
        array = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, OSError, EOFError) as exc:
        raise InputError(
            "this is not a readable .npy file of numbers.", of=str(path), todo="Write it with numpy.save."
        ) from exc
    if array.dtype.kind != "f":
        raise InputError(
            f"a query vector holds floating point numbers, this file {array.dtype}.",
            of=str(path),
            todo="Convert it with .astype('float32') before saving.",
        )
    if array.ndim == 2 and array.shape[0] != 1:
        raise InputError(
            f"the file holds {array.shape[0]} vectors, a query is one.",
            of=str(path),
            todo="Save one row of it, or search from Python with Searcher.nearest_many.",
        )
    if array.ndim not in (1, 2) or array.shape[-1] != size:
        raise InputError(
            f"the file holds an array {list(array.shape)}, column {column!r} has {size} numbers a row.",
            of=str(path),
            todo=f"Give a vector [{size}] made by the same model and layer, or name another column.",
        )
    vector = np.array(array.reshape(-1))
    if not np.isfinite(vector).all():
        raise InputError("the vector holds NaN or infinity.", of=str(path), todo="Make it anew.")
    return vector


def _row_vector(view: View, query: RowQuery, column: str) -> npt.NDArray[np.floating[Any]]:
    table = view.to_arrow(columns=[column], where=f"key = {sql_text(query.key)}")
    if table.num_rows == 0:
        raise InputError(
            "the view has no such row.",
            of=f"row:{query.key}",
            todo=f"Take a key of view {view.name!r} from `vifex export` or from the hits of a search.",
        )
    vector: npt.NDArray[np.floating[Any]] = as_matrix(table[column].combine_chunks())[0]
    return vector
