"""Cosine similarity: 1 for the same direction, 0 for a right angle, -1 for the opposite."""

from __future__ import annotations

import numpy as np

from vifex.search.distances.base import Distance, FloatArray, Floats, row_dots

__all__ = ["COSINE"]


def _score(rows: FloatArray, query: FloatArray) -> FloatArray:
    norms = np.sqrt(row_dots(rows, rows)) * np.sqrt(row_dots(query[None], query))
    # A row of zeros has no direction: 0 / 0 is NaN, which means no score.
    cosines: FloatArray = np.clip(row_dots(rows, query) / norms, -1.0, 1.0)
    return cosines


def _estimate(dots: Floats, row_norms: Floats, query_norms: Floats) -> tuple[Floats, Floats]:
    return dots / row_norms[:, None], np.ones((1, 1), dots.dtype)


def _threshold(
    values: FloatArray, row_norms: FloatArray, query_norms: FloatArray, error: float
) -> FloatArray:
    return values[None, :] - error


COSINE = Distance(
    name="cosine",
    title="cosine similarity",
    higher_is_better=True,
    score=_score,
    estimate=_estimate,
    threshold=_threshold,
    needs_direction=True,
)
