"""Pairs of rows that are near enough to each other: every one of them, in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from vifex.analysis.products import BLOCK, SENT_FROM, Chunk, FloatVector, each_chunk, exact_products
from vifex.analysis.rows import FloatMatrix
from vifex.values import InputError
from vifex.values.machines import Machines, parts_of

__all__ = ["SAME", "Pairs", "near_pairs"]

SAME: Final = 1e-3
"""Rows that are this near or nearer are a pair anywhere: encoding the same image in float16 makes 1e-4."""
_MOST: Final = 50_000_000
"""Pairs that are held: 12 bytes each, and as many again while they are put in order."""

_Found: TypeAlias = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], FloatVector]
"""First rows, second rows and similarities."""


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
    machines: Machines | None = None,
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
        machines: Other machines, which are used where there is much to compare.

    Raises:
        InputError: If there are more pairs than `most`.
        EngineError: If the other machines fail.
    """
    symmetric = other is None
    count = len(unit if other is None else other)
    job = _Comparison(unit, other, radius, other_radius, np.float32(least_radius), most)

    def tell(share: float) -> None:
        if on_progress is not None:
            on_progress(share)

    if machines is None or unit.size * count < SENT_FROM:
        return _pairs_of(job, slice(0, count), after=lambda stop: tell(_share(stop, count, symmetric)))
    every: list[Pairs] = []
    done = 0.0
    for part, found in machines.each(_pairs_of, [job], parts_of(count, BLOCK, machines.width)):
        every.append(found)
        _check_count(sum(map(len, every)), most)
        done += _share(part.stop, count, symmetric) - _share(part.start, count, symmetric)
        tell(done)
    return _in_order([(one.first, one.second, one.similarity) for one in every])


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """What `near_pairs` is asked for."""

    unit: FloatMatrix
    other: FloatMatrix | None
    radius: FloatVector
    other_radius: FloatVector | None
    least: np.float32
    most: int


def _pairs_of(
    asked: _Comparison,
    part: slice,
    threads: int | None = None,
    *,
    after: Callable[[int], None] | None = None,
) -> Pairs:
    """Find the pairs whose second row is in a part of the columns."""
    search = _Search(asked)

    def settle(stop: int) -> None:
        _check_count(search.count, asked.most)
        if after is not None:
            after(stop)

    each_chunk(asked.unit, asked.other, search.take, after=settle, part=part, threads=threads)
    return _in_order(search.found)


def _share(columns: int, count: int, symmetric: bool) -> float:
    """Return how much of all products the first columns have."""
    rest = 1 - columns / count
    return 1 - rest * rest if symmetric else 1 - rest


def _check_count(count: int, most: int) -> None:
    """Check that there are not too many pairs."""
    if count > most:
        raise InputError(
            f"more than {most:,} pairs of rows are as near to each other as this threshold allows.",
            todo="Choose a higher threshold, or leave out rows that look alike with a filter.",
        )


def _in_order(found: Sequence[_Found]) -> Pairs:
    if not found:
        return Pairs(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    first, second, similarity = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], np.minimum(similarity[order], 1))


class _Search:
    """Collects pairs of chunks, in several threads."""

    def __init__(self, asked: _Comparison) -> None:
        self._left = asked.unit
        self._right = asked.unit if asked.other is None else asked.other
        self._symmetric, self._least, self._most = asked.other is None, asked.least, asked.most
        self._radius = asked.radius
        self._right_radius = asked.radius if asked.other_radius is None else asked.other_radius
        self.found: list[_Found] = []
        self.count = 0
        self._turn = threading.Lock()

    def take(self, chunk: Chunk) -> None:
        """Look for pairs in a chunk."""
        if self.count > self._most:
            return  # the check after the block says so
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
                self.found.append(pairs)
                self.count += len(pairs[0])
