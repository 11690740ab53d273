"""Dot product: cosine similarity times both lengths."""

from __future__ import annotations

from vifex.search.distances.base import Distance, FloatArray, Floats, row_dots

__all__ = ["DOT"]


def _score(rows: FloatArray, query: FloatArray) -> FloatArray:
    return row_dots(rows, query)


def _estimate(dots: Floats, row_norms: Floats, query_norms: Floats) -> tuple[Floats, Floats]:
    # The query's own length changes no rank, so the product with the unit query will do.
    return dots, row_norms[:, None]


def _threshold(
    values: FloatArray, row_norms: FloatArray, query_norms: FloatArray, error: float
) -> FloatArray:
    return values[None, :] / row_norms[:, None] - error


DOT = Distance(
    name="dot",
    title="dot product",
    higher_is_better=True,
    score=_score,
    estimate=_estimate,
    threshold=_threshold,
)
