"""The neighbour graph of a set of vectors: the K most similar others of each, exactly, in bounded memory.

Clusters, outliers, maps and label checks share it. Large sets are compared by `vifex.analysis.products`: a
row whose bound is below the K-th best of a query so far is left out, and the others are computed in float32.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.products import BLOCK, SENT_FROM, Chunk, each_chunk, exact_products
from vifex.analysis.rows import FloatMatrix
from vifex.values import InputError
from vifex.values.machines import Machines, parts_of

__all__ = ["Neighbours", "nearest_neighbours"]

_PRODUCTS_AT_ONCE: Final = 1 << 25
"""Similarities that are in memory at the same time: 128 MiB of float32."""
_FEW: Final = 1 << 24
"""Pairs of rows up to which all similarities are sorted through."""
_FIRST: Final = 2048
"""Rows by which each query gets its first bar."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """For each row its most similar other rows, the most similar first."""

    rows: npt.NDArray[np.int32]
    """`[N, K]`: indices of rows."""
    similarity: FloatMatrix
    """`[N, K]`: cosine similarity in [-1, 1]; the distance is `1 - similarity`."""


def nearest_neighbours(
    unit: FloatMatrix, k: int, *, of: FloatMatrix | None = None, machines: Machines | None = None
) -> Neighbours:
    """Find the `k` most similar rows of each row. Equal similarities come in the order of the rows.

    Args:
        unit: Rows of length 1, `[N, D]`; see `vifex.analysis.rows.unit_vectors`.
        k: At least 1, below N (at most N where `of` is given).
        of: Rows `[M, D]` of length 1 whose neighbours in `unit` are wanted; by default those of `unit`
            itself, where no row is its own neighbour.
        machines: Other machines, which are used where there is much to compare.

    Raises:
        InputError: If `k` does not fit.
        EngineError: If the other machines fail.
    """
    others = len(unit) - (of is None)
    if not 1 <= k <= others:
        raise InputError(f"{k} neighbours of each row were asked for, and a row has {others} others.")
    queries = unit if of is None else of
    if len(unit) * len(queries) <= _FEW:
        return _sorted_through(unit, queries, k, own=of is None)
    unit, queries = np.ascontiguousarray(unit), np.ascontiguousarray(queries)
    if machines is None or unit.size * len(queries) < SENT_FROM:
        return _neighbours_of(unit, queries, k, of is None, slice(0, len(queries)))
    rows = np.empty((len(queries), k), np.int32)
    similarity = np.empty((len(queries), k), np.float32)
    # The rows are sent once, though they are the queries too.
    shared = (unit, None if of is None else queries, k, of is None)
    parts = parts_of(len(queries), BLOCK, machines.width)
    for part, found in machines.each(_neighbours_of, shared, parts):
        rows[part], similarity[part] = found.rows, found.similarity
    return Neighbours(rows, similarity)


def _neighbours_of(
    unit: FloatMatrix, queries: FloatMatrix | None, k: int, own: bool, part: slice, threads: int | None = None
) -> Neighbours:
    """Find the neighbours of some of the queries."""
    queries = unit if queries is None else queries
    search = _Search(unit, queries, k, part, own=own)
    each_chunk(unit, queries, search.take, before=search.begin, part=part, threads=threads)
    return search.found()


def _sorted_through(unit: FloatMatrix, queries: FloatMatrix, k: int, *, own: bool) -> Neighbours:
    rows = np.empty((len(queries), k), np.int32)
    similarity = np.empty((len(queries), k), np.float32)
    step = max(1, _PRODUCTS_AT_ONCE // len(unit))
    for start in range(0, len(queries), step):
        part = queries[start : start + step] @ unit.T
        if own:
            part[np.arange(len(part)), np.arange(start, start + len(part))] = -np.inf
        top = np.argpartition(part, part.shape[1] - k, axis=1)[:, -k:]
        values = np.take_along_axis(part, top, axis=1)
        order = np.lexsort((top, -values), axis=1)
        rows[start : start + step] = np.take_along_axis(top, order, axis=1)
        similarity[start : start + step] = np.take_along_axis(values, order, axis=1)
    return Neighbours(rows, np.clip(similarity, -1, 1))


class _Search:
    """Collects the nearest rows of one block of queries after the other, in several threads."""

    def __init__(self, unit: FloatMatrix, queries: FloatMatrix, k: int, part: slice, *, own: bool) -> None:
        self.unit, self.queries, self._k, self._part, self._own = unit, queries, k, part, own
        self._rows = np.empty((part.stop - part.start, k), np.int32)
        self._similarity = np.empty((part.stop - part.start, k), np.float32)
        self._some = np.random.default_rng(0).permutation(len(unit))[: max(_FIRST, 4 * (k + 1))]
        self._block = slice(0, 0)
        self._bar = np.empty(0, np.float32)
        self._best = _Candidates.none()
        self._waiting: list[_Candidates] = []
        self._turn = threading.Lock()

    def begin(self, block: slice) -> None:
        """Settle the last block of queries and give each query of the next one a bar."""
        self._settle()
        self._block, self._best = block, _Candidates.none()
        count = self._k + self._own  # a query may be among the first rows itself
        products = self.queries[block] @ self.unit[self._some].T
        if count <= products.shape[1]:
            kth = np.partition(products, -count, axis=1)[:, -count]
            # A product in float32 is wrong by less than this.
            self._bar = kth - np.float32(2.0**-23 * (self.unit.shape[1] + 16))
        else:
            self._bar = np.full(len(products), -np.inf, np.float32)

    def take(self, chunk: Chunk) -> None:
        """Look at a chunk for rows that can be among the nearest."""
        bound = chunk.products * (1 / chunk.factors)[:, None]
        bound += chunk.error[:, None]
        i, query = np.nonzero(bound >= self._bar)
        row = i + chunk.rows.start
        if self._own:
            other = row != query + self._block.start
            row, query = row[other], query[other]
        similarity = exact_products(self.unit, row, self.queries, query + self._block.start)
        near = similarity >= self._bar[query]
        found = _Candidates(query[near], row[near], similarity[near])
        with self._turn:
            self._waiting.append(found)
            if sum(len(one.query) for one in self._waiting) > self._k * len(self._bar):
                self._merge()

    def found(self) -> Neighbours:
        """Return what was found."""
        self._settle()
        return Neighbours(self._rows, np.clip(self._similarity, -1, 1))

    def _merge(self) -> None:
        """Keep the best K candidates of each query and raise the bars."""
        every = _Candidates.joined([self._best, *self._waiting])
        self._best, self._waiting = every.best(self._k, len(self._bar)), []
        last = self._best.last(self._k, len(self._bar))
        self._bar = np.maximum(self._bar, last)

    def _settle(self) -> None:
        if self._block.stop:
            self._merge()
            size = (len(self._bar), self._k)
            place = slice(self._block.start - self._part.start, self._block.stop - self._part.start)
            self._rows[place] = self._best.row.reshape(size)
            self._similarity[place] = self._best.similarity.reshape(size)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Rows that may be among the nearest of queries."""

    query: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float32]

    @classmethod
    def none(cls) -> _Candidates:
        nothing = np.empty(0, np.int64)
        return cls(nothing, nothing, np.empty(0, np.float32))

    @classmethod
    def joined(cls, parts: list[_Candidates]) -> _Candidates:
        return cls(
            np.concatenate([part.query for part in parts]),
            np.concatenate([part.row for part in parts]),
            np.concatenate([part.similarity for part in parts]),
        )

    def best(self, k: int, queries: int) -> _Candidates:
        """Return the best `k` of each query, by query and then the most similar first."""
        order = np.lexsort((self.row, -self.similarity, self.query))
        counts = np.bincount(self.query, minlength=queries)
        firsts = np.cumsum(counts) - counts
        rank = np.arange(len(order)) - np.repeat(firsts, counts)
        kept = order[rank < k]
        return _Candidates(self.query[kept], self.row[kept], self.similarity[kept])

    def last(self, k: int, queries: int) -> npt.NDArray[np.float32]:
        """Return the `k`-th best similarity of each query; -inf where fewer are known."""
        found = np.full(queries, -np.inf, np.float32)
        ends = np.cumsum(np.bincount(self.query, minlength=queries))
        full = np.diff(ends, prepend=0) == k
        found[full] = self.similarity[ends[full] - 1]
        return found
