"""How far the vectors of paired rows lie apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.analysis.vectors import vectors_at
from vifex.search.columns import layer_of

if TYPE_CHECKING:
    from vifex.analysis.rows import FeatureRows

__all__ = ["ColumnDifference", "compare_column"]

Ints = npt.NDArray[np.int64]
Matrix = npt.NDArray[Any]

_NUMBERS_AT_ONCE = 1 << 22
"""Numbers of one side that are in memory at the same time: 32 MiB of float64."""


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """A feature column of two views, over the rows that both have."""

    column: str
    rows: int
    """How many rows were compared."""
    differing: int
    """Rows in which some number differs by more than the tolerance, or is NaN or infinite on one side
    alone."""
    not_finite: int
    """Rows in which some number is NaN or infinite on one side alone."""
    largest: float
    """The largest absolute difference of two numbers that are both finite."""
    mean: float
    """The mean absolute difference of these."""
    cosine_mean: float | None
    """Mean cosine of the two vectors of a row, where both are finite and not zero."""
    cosine_min: float | None
    largest_at: str | None
    """Name and time of the row with the largest difference; `None` if no row differs."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def compare_column(
    a: FeatureRows, b: FeatureRows, pairs: tuple[Ints, Ints], column: str, *, tolerance: float
) -> ColumnDifference:
    """Compare the vectors of paired rows.

    Args:
        a: Rows of one view.
        b: Rows of the other.
        pairs: Indices into `a` and `b`, both `[P]`.
        column: A feature column of both views, of one size.
        tolerance: Numbers differ if they are further apart than this.
    """
    sums = _Sums()
    step = max(1, _NUMBERS_AT_ONCE // layer_of(a.view, column).size)
    for first in range(0, len(pairs[0]), step):
        mine, theirs = (side[first : first + step] for side in pairs)
        sums.add(
            vectors_at(a.view, column, a.places[mine]).astype(np.float64),
            vectors_at(b.view, column, b.places[theirs]).astype(np.float64),
            tolerance,
        )
    worst = None
    if sums.largest > tolerance or sums.not_finite:
        worst = _place_of(a, int(pairs[0][sums.worst]))
    return sums.made(column, worst)


class _Sums:
    """What is summed up over blocks of rows."""

    def __init__(self) -> None:
        self.rows = self.differing = self.not_finite = self.worst = self.numbers = self.cosines = 0
        self.largest = self.total = self.cosine = 0.0
        self.least = np.inf
        self._worst = -1.0

    def add(self, a: Matrix, b: Matrix, tolerance: float) -> None:
        both = np.isfinite(a) & np.isfinite(b)
        unlike = ~both & ~((a == b) | (np.isnan(a) & np.isnan(b)))
        apart = np.abs(np.where(both, a - b, 0)) if both.all() else _apart(a, b, both)
        largest = apart.max(axis=1, initial=0)
        lost = unlike.any(axis=1)
        rank = np.where(lost, np.inf, largest)
        if len(rank) and rank.max() > self._worst:
            self._worst, self.worst = float(rank.max()), self.rows + int(rank.argmax())
        self.rows += len(a)
        self.differing += int(np.count_nonzero(lost | (largest > tolerance)))
        self.not_finite += int(np.count_nonzero(lost))
        self.largest = max(self.largest, float(largest.max(initial=0)))
        self.total += float(apart.sum())
        self.numbers += int(np.count_nonzero(both))
        self._add_cosines(a, b)

    def _add_cosines(self, a: Matrix, b: Matrix) -> None:
        with np.errstate(all="ignore"):
            lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
            cosines = np.einsum("nd,nd->n", a, b) / lengths
        cosines = np.clip(cosines[np.isfinite(cosines)], -1, 1)
        if len(cosines):
            self.cosines += len(cosines)
            self.cosine += float(cosines.sum())
            self.least = min(self.least, float(cosines.min()))

    def made(self, column: str, worst: str | None) -> ColumnDifference:
        return ColumnDifference(
            column=column,
            rows=self.rows,
            differing=self.differing,
            not_finite=self.not_finite,
            largest=self.largest,
            mean=self.total / self.numbers if self.numbers else 0.0,
            cosine_mean=self.cosine / self.cosines if self.cosines else None,
            cosine_min=self.least if self.cosines else None,
            largest_at=worst,
        )


def _apart(a: Matrix, b: Matrix, both: Matrix) -> Matrix:
    """Absolute differences, 0 where one of two numbers is not finite."""
    apart: Matrix = np.zeros_like(a)
    apart[both] = np.abs(a[both] - b[both])
    return apart


def _place_of(rows: FeatureRows, index: int) -> str:
    from vifex.search.times import format_time

    name, t_s = rows.media[rows.medium[index]].name, float(rows.t_s[index])
    return name if np.isnan(t_s) else f"{name}@{format_time(t_s)}"
