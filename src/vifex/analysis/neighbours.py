"""The neighbour graph of a set of vectors: the K most similar others of each, exactly, in bounded memory.

Clusters, outliers, maps and label checks share it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FloatMatrix
from vifex.values import InputError

__all__ = ["Neighbours", "nearest_neighbours"]

_PRODUCTS_AT_ONCE = 1 << 25
"""Similarities that are in memory at the same time: 128 MiB of float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """For each row its most similar other rows, the most similar first."""

    rows: npt.NDArray[np.int32]
    """`[N, K]`: indices of rows."""
    similarity: FloatMatrix
    """`[N, K]`: cosine similarity in [-1, 1]; the distance is `1 - similarity`."""


def nearest_neighbours(unit: FloatMatrix, k: int, *, of: FloatMatrix | None = None) -> Neighbours:
    """Find the `k` most similar rows of each row by float32 products.

    Args:
        unit: Rows of length 1, `[N, D]`; see `vifex.analysis.rows.unit_vectors`.
        k: At least 1, below N (at most N where `of` is given).
        of: Rows `[M, D]` of length 1 whose neighbours in `unit` are wanted; by default those of `unit`
            itself, where no row is its own neighbour.

    Raises:
        InputError: If `k` does not fit.
    """
    others = len(unit) - (of is None)
    if not 1 <= k <= others:
        raise InputError(f"{k} neighbours of each row were asked for, and a row has {others} others.")
    queries = unit if of is None else of
    rows = np.empty((len(queries), k), np.int32)
    similarity = np.empty((len(queries), k), np.float32)
    step = max(1, _PRODUCTS_AT_ONCE // len(unit))
    for start in range(0, len(queries), step):
        part = queries[start : start + step] @ unit.T
        if of is None:
            part[np.arange(len(part)), np.arange(start, start + len(part))] = -np.inf
        top = np.argpartition(part, part.shape[1] - k, axis=1)[:, -k:]
        values = np.take_along_axis(part, top, axis=1)
        # Equal similarities come in the order of the rows.
        order = np.lexsort((top, -values), axis=1)
        rows[start : start + step] = np.take_along_axis(top, order, axis=1)
        similarity[start : start + step] = np.take_along_axis(values, order, axis=1)
    return Neighbours(rows, np.clip(similarity, -1, 1))
