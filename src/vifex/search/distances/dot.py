"""Dot product: cosine similarity times both lengths."""

from __future__ import annotations

import numpy as np

from vifex.search.distances.base import Distance, FloatArray, row_dots

__all__ = ["DOT"]


def _score(rows: FloatArray, query: FloatArray) -> FloatArray:
    return row_dots(rows, query)


def _estimate(
    dots: FloatArray, row_norms: FloatArray, query_norms: FloatArray
) -> tuple[FloatArray, FloatArray]:
    # The query's own length changes no rank, so the product with the unit query will do.
    return dots, np.broadcast_to(row_norms[:, None], dots.shape)


DOT = Distance(name="dot", title="dot product", higher_is_better=True, score=_score, estimate=_estimate)
