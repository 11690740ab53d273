"""Vectors of chosen rows of a feature column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.search.columns import as_matrix, layer_of

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["vectors_at"]


def vectors_at(view: View, column: str, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Read the vectors of some rows, float32 `[n, D]`.

    Args:
        view: An open view.
        column: A feature column of it.
        places: Places in the stored order, in any order and without repeats.
    """
    out = np.empty((len(places), layer_of(view, column).size), np.float32)
    mapped = view.mapped(column)
    if mapped is None:
        table = view.take(places.tolist(), [column])
        out[:] = as_matrix(table.column(0).combine_chunks())
        return out
    order = np.argsort(places)
    parts: Iterator[tuple[Any, slice]] = mapped.select(places[order])
    for rows, where in parts:
        out[order[where]] = rows
    return out
