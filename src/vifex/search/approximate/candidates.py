"""The best rows among candidates: each is scored as exact search scores it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.search.columns import as_matrix
from vifex.search.scan.best import Best, KeysOf, Match

if TYPE_CHECKING:
    from vifex.search.distances import Distance, FloatArray
    from vifex.store import View

__all__ = ["best_of", "scores_of", "vectors_at"]


def vectors_at(view: View, column: str, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Read the vectors of rows by their places, in any order: `[N, D]` in the dtype of the column."""
    mapped = view.mapped(column)
    if mapped is None:
        return as_matrix(view.take(places.tolist(), [column]).column(0).combine_chunks())
    order = np.argsort(places, kind="stable")
    parts = [rows for rows, _ in mapped.select(places[order])]
    if not parts:
        return np.empty((0, mapped.parts[0].rows.shape[1] if mapped.parts else 0), np.float32)
    found = np.concatenate(parts)
    out = np.empty_like(found)
    out[order] = found
    return out


def scores_of(
    view: View, column: str, places: npt.NDArray[np.int64], query: FloatArray, how: Distance
) -> FloatArray:
    """Score rows by their places, as exact search does: float64 `[N]`, NaN for a row without a score."""
    rows = vectors_at(view, column, places).astype(np.float64)
    if not len(rows):
        return np.empty(0)
    with np.errstate(all="ignore"):
        return how.score(rows, query)


def best_of(
    scored: Iterator[tuple[FloatArray, npt.NDArray[np.int64]]], k: int, how: Distance, keys_of: KeysOf
) -> list[Match]:
    """Return the best of some scored rows, no row twice, ordered as exact search orders them."""
    best = Best(k, higher_is_better=how.higher_is_better, keys_of=keys_of)
    for scores, places in scored:
        best.offer(scores, places)
    keys = dict(zip(best.places, keys_of(best.places), strict=True))
    return best.matches(keys)
