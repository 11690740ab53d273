"""A distance: an exact score and, where possible, a cheap estimate with a bound on its error.

The scan ranks by `score`, in float64. It uses `estimate` to leave out rows that cannot be among the best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Distance", "FloatArray", "Floats", "Threshold", "row_dots"]

FloatArray = npt.NDArray[np.float64]

Score = Callable[[FloatArray, FloatArray], FloatArray]
"""`(rows [n, D], query [D]) -> scores [n]`; NaN for a row that has no score."""

Floats = npt.NDArray[Any]
"""float32 or float64."""

Estimate = Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]
"""`(dots [n, Q], row_norms [n], query_norms [Q]) -> (values [n, Q], scales [n, Q])`.

`dots` are products of rows with queries scaled to length 1. `values` rank as the scores do; a higher value is
nearer. An error of `u` in a dot relative to the norm of its row, or in a norm relative to itself, moves a
value by at most `u * scale`. The arrays are all float32 or all float64, and so are the results. A few
roundings of the computation itself, each at most one unit roundoff times `scale`, are allowed for. `scales`
may be of any shape that broadcasts to `[n, Q]` and has two axes. A norm of a row may be NaN; then its values
or its scales must be NaN.
"""

Threshold = Callable[[FloatArray, FloatArray, FloatArray, float], FloatArray]
"""`(values [Q], row_norms [n], query_norms [Q], error) -> cosines [n or 1, Q]`.

The least cosine between a row and a query with which the row can reach a value of `Estimate`, where the norm
of the row is wrong by at most `error` relative to itself. A cosine is the dot that `Estimate` takes, divided
by the norm that is given here. All arrays are float64. A value that no row reaches gives a number above 1.
"""


@dataclass(frozen=True, slots=True)
class Distance:
    """A way to say how near a row is to a query.

    Scores must not depend on the rows beside a row, so that a search gives the same numbers whatever
    the batches are.
    """

    name: str
    """As on the command line, e.g. `cosine`."""
    title: str
    """As in a heading, e.g. `cosine similarity`."""
    higher_is_better: bool
    score: Score
    estimate: Estimate | None = None
    """`None`: every row is scored exactly, which is slower."""
    threshold: Threshold | None = None
    """`None`: many queries in one call are compared in float32, which is slower."""
    needs_direction: bool = False
    """A query of zeros has no answer here and is refused."""

    @property
    def meaning(self) -> str:
        """The score in words, e.g. `cosine similarity, higher is better`."""
        return f"{self.title}, {'higher' if self.higher_is_better else 'lower'} is better"


def row_dots(rows: FloatArray, other: FloatArray) -> FloatArray:
    """Products `[n]` of rows `[n, D]` with a vector `[D]` or, one by one, with rows `[n, D]`.

    Each sum runs over its own row in a fixed order. BLAS does not promise that: there, equal rows may
    get scores that differ in the last bit, by their place in the batch.
    """
    return np.asarray((rows * other).sum(axis=1), dtype=np.float64)
