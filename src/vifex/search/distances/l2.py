"""Euclidean distance: 0 for the same vector."""

from __future__ import annotations

import numpy as np

from vifex.search.distances.base import Distance, FloatArray, Floats, row_dots

__all__ = ["L2"]


def _score(rows: FloatArray, query: FloatArray) -> FloatArray:
    # By differences: the expanded form |x|^2 - 2xq + |q|^2 loses all digits where x is close to q.
    apart = rows - query
    return np.sqrt(row_dots(apart, apart))


def _estimate(dots: Floats, row_norms: Floats, query_norms: Floats) -> tuple[Floats, Floats]:
    x, q = row_norms[:, None], query_norms[None, :]
    return 2 * q * dots - x * x - q * q, (x + q) ** 2


def _threshold(
    values: FloatArray, row_norms: FloatArray, query_norms: FloatArray, error: float
) -> FloatArray:
    x, q = row_norms[:, None], query_norms[None, :]
    return (values[None, :] + x * x + q * q - error * (x + q) ** 2) / (2 * q * x)


L2 = Distance(
    name="l2",
    title="Euclidean distance",
    higher_is_better=False,
    score=_score,
    estimate=_estimate,
    threshold=_threshold,
)
