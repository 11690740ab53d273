"""Pairs of rows that are near enough to each other: every one of them, in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.products import Chunk, FloatVector, each_chunk, exact_products
from vifex.analysis.rows import FloatMatrix
from vifex.values import InputError

__all__ = ["SAME", "Pairs", "near_pairs"]

SAME: Final = 1e-3
"""Rows that are this near or nearer are a pair anywhere: encoding the same image in float16 makes 1e-4."""
_MOST: Final = 50_000_000
"""Pairs that are held: 12 bytes each, and as many again while they are put in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of rows, ordered by the first and then the second."""

    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    """Rows of the other matrix where two were compared; else `first < second`."""
    similarity: FloatVector
    """Cosine similarity, at most 1."""

    def __len__(self) -> int:
        return len(self.first)

    def chosen(self, some: npt.NDArray[np.bool_]) -> Pairs:
        """Return some of the pairs, in the same order."""
        return Pairs(self.first[some], self.second[some], self.similarity[some])


def near_pairs(
    unit: FloatMatrix,
    other: FloatMatrix | None = None,
    *,
    radius: FloatVector,
    other_radius: FloatVector | None = None,
    least_radius: float = SAME,
    on_progress: Callable[[float], None] | None = None,
    most: int = _MOST,
) -> Pairs:
    """Find all pairs of rows whose distance `1 - cosine` is at most the sum of their radii.

    Args:
        unit: Rows `[N, D]` of length 1; rows of zeros are in no pair.
        other: Rows `[M, D]` that each row is compared with; by default the rows are compared with each other.
        radius: `[N]`. For a plain threshold `t` of the cosine it is `(1 - t) / 2` everywhere.
        other_radius: `[M]`, of `other`.
        least_radius: The sum of two radii counts as at least this.
        on_progress: Called with the share that is done.
        most: Largest number of pairs.

    Raises:
        InputError: If there are more pairs than `most`.
    """
    right = unit if other is None else other
    right_radius = radius if other_radius is None else other_radius
    search = _Search(unit, right, radius, right_radius, np.float32(least_radius), other is None, most)

    def after(columns: int) -> None:
        search.check()
        if on_progress is not None:
            rest = 1 - columns / len(right)
            on_progress(1 - rest * rest if other is None else 1 - rest)

    each_chunk(unit, other, search.take, after=after)
    search.check()
    return search.pairs()


class _Search:
    """Collects pairs of chunks, in several threads."""

    def __init__(
        self,
        left: FloatMatrix,
        right: FloatMatrix,
        radius: FloatVector,
        right_radius: FloatVector,
        least: np.float32,
        symmetric: bool,
        most: int,
    ) -> None:
        self._left, self._right, self._symmetric, self._most = left, right, symmetric, most
        self._radius, self._right_radius, self._least = radius, right_radius, least
        self._found: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], FloatVector]] = []
        self._count = 0
        self._turn = threading.Lock()

    def take(self, chunk: Chunk) -> None:
        """Look for pairs in a chunk."""
        if self._count > self._most:
            return  # `check` says so when the block is done
        radius, right = self._radius[chunk.rows], self._right_radius[chunk.columns]
        # What a product of the row must reach to be near any of the columns.
        widest = np.maximum(radius + right.max(), self._least)
        bar = (1 - widest - chunk.error) * chunk.factors
        rows = np.flatnonzero(chunk.products.max(axis=1) >= bar)
        if not len(rows):
            return
        some = chunk.products[rows]
        i, j = np.nonzero(some >= bar[rows, None])
        k = rows[i]
        highest = some[i, j] / chunk.factors[k] + chunk.error[k]
        near = highest >= 1 - np.maximum(radius[k] + right[j], self._least)
        first, second = k[near] + chunk.rows.start, j[near] + chunk.columns.start
        if self._symmetric:
            # The square on the diagonal holds every pair twice.
            once = first > second
            first, second = second[once], first[once]
        self._keep(first, second)

    def _keep(self, first: npt.NDArray[np.intp], second: npt.NDArray[np.intp]) -> None:
        similarity = exact_products(self._left, first, self._right, second)
        radius = np.maximum(self._radius[first] + self._right_radius[second], self._least)
        # A row of zeros has the product 0 with every row and no direction.
        near = (similarity >= 1 - radius) & (similarity > 0)
        if near.any():
            pairs = first[near].astype(np.int32), second[near].astype(np.int32), similarity[near]
            with self._turn:
                self._found.append(pairs)
                self._count += len(pairs[0])

    def check(self) -> None:
        """Check that there are not too many pairs."""
        if self._count > self._most:
            raise InputError(
                f"more than {self._most:,} pairs of rows are as near to each other as this threshold allows.",
                todo="Choose a higher threshold, or leave out rows that look alike with a filter.",
            )

    def pairs(self) -> Pairs:
        """Return what was found, in order."""
        if not self._found:
            return Pairs(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
        first, second, similarity = (np.concatenate(part) for part in zip(*self._found, strict=True))
        self._found = []
        order = np.lexsort((second, first))
        return Pairs(first[order], second[order], np.minimum(similarity[order], 1))
