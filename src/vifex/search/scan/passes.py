"""One pass over the blocks of a column for any number of queries, in several threads.

Products in float32 sort out rows that cannot be among the best, with a bound on their own error; for many
queries, products in int8 come before them. The rows that are left are scored in float64. So blocks, threads,
processors and BLAS libraries change no score and no rank.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.engines.cores import available_cores
from vifex.search.scan.best import Best, KeysOf, Match
from vifex.search.scan.blas import one_blas_thread
from vifex.search.scan.blocks import Block
from vifex.search.scan.prefilter import Prefilter
from vifex.search.scan.products import Products, Queries

if TYPE_CHECKING:
    from vifex.search.distances import Distance, FloatArray
    from vifex.search.scan.products import Float32Array

__all__ = ["Pass"]

_QUERIES_AT_ONCE: Final = 128
_BOUNDS_AT_ONCE: Final = 1 << 18  # rows times queries: 1 MiB of float32
_FEW_ROWS: Final = 64  # are scored without a look at their lower bounds
_FEW_QUERIES: Final = 8  # for more, widening is a small part of the work
_EXACT_NUMBERS: Final = 1 << 20  # that are float64 at the same time
_HELD_NUMBERS: Final = 1 << 23  # of rows that wait to be scored, for all queries of a group
_EXACT_ERROR: Final = 2.0**-53  # unit roundoff of float64
_FEW_LEFT: Final = 1 / 16
"""Share of a block that coarse products may leave; where they leave more, fine ones are faster."""


class Pass:
    """Finds the best rows of each query.

    Args:
        queries: float64 `[Q, D]`, checked.
        k: Number of rows to find for each.
        how: The distance.
        keys_of: Reads the keys of rows by their places.
        rows: About how many rows there are.
        coarse: Whether products of about 7 bits come first, where blocks know the lengths of their rows.
    """

    def __init__(
        self,
        queries: FloatArray,
        k: int,
        how: Distance,
        keys_of: KeysOf,
        *,
        rows: int = 0,
        coarse: bool = False,
    ) -> None:
        with np.errstate(all="ignore"):
            ready = Queries.of(queries)
        self._best = [Best(k, higher_is_better=how.higher_is_better, keys_of=keys_of) for _ in queries]
        self._how, self._keys_of = how, keys_of
        self._threads = available_cores()
        self._groups = [
            _Group(part, self._best[some], Prefilter(part, how, rows, self._threads))
            for start in range(0, len(queries), _QUERIES_AT_ONCE)
            for some in [slice(start, start + _QUERIES_AT_ONCE)]
            for part in [ready.part(some)]
        ]
        self._size = queries.shape[1]
        self._coarse = coarse and how.estimate is not None
        self._turn = threading.Lock()

    def over(self, blocks: Iterable[Block]) -> list[list[Match]]:
        """Look at all blocks; call it once.

        Returns:
            For each query at most `k` matches, the nearest first.
        """
        stream = _Shared(blocks)
        if self._threads == 1:
            self._work(stream)
        else:
            with one_blas_thread(), ThreadPoolExecutor(self._threads, "vifex-search") as pool:
                for done in [pool.submit(self._work, stream) for _ in range(self._threads)]:
                    done.result()
        with np.errstate(all="ignore"):
            for group in self._groups:
                for i, one in enumerate(group.best):
                    self._score_held(group.queries, i, one)
        places = sorted({place for one in self._best for place in one.places})
        keys = dict(zip(places, self._keys_of(places), strict=True))
        return [one.matches(keys) for one in self._best]

    def _work(self, blocks: Iterable[Block]) -> None:
        products = Products(self._size)
        groups = [(group, group.prefilter.thread()) for group in self._groups]
        # Overflow, 0 / 0 and NaN are expected of some rows and are met row by row.
        with np.errstate(all="ignore"):
            for block in blocks:
                for group, prefilter in groups:
                    self._show_all(prefilter.kept(block, group.best, products), group, products)
            for group, prefilter in groups:
                self._show_all(prefilter.rest(), group, products)

    def _show_all(self, block: Block | None, group: _Group, products: Products) -> None:
        """Show a block to a group in steps that fit into a cache."""
        if block is None:
            return
        step = max(1, _BOUNDS_AT_ONCE // len(group.queries))
        for start in range(0, len(block.rows), step):
            self._show(block.part(slice(start, start + step)), group.queries, group.best, products)

    def _show(self, block: Block, queries: Queries, best: list[Best], products: Products) -> None:
        """Show one block to some of the queries."""
        if self._how.estimate is None:
            every = np.arange(len(block.rows))
            for i, one in enumerate(best):
                self._score(block.rows, block.places_of(every), queries, i, one)
            return
        bounds = self._bounds(block, queries, best, products)
        if not bounds.maybe.any():
            return
        most = max(1, _HELD_NUMBERS // (len(queries) * self._size))
        for i in map(int, np.flatnonzero(bounds.maybe.any(axis=1))):
            rows = np.flatnonzero(bounds.maybe[i])
            low, high = bounds.low(i, rows), bounds.high[i, rows].astype(np.float64)
            if len(rows) > _FEW_ROWS:
                with self._turn:
                    bar = best[i].bar_with(low)
                near = ~(high < bar)
                rows, low, high = rows[near], low[near], high[near]
            if len(rows) > most:
                self._score(block.rows[rows], block.places_of(rows), queries, i, best[i])
                continue
            with self._turn:
                best[i].hold(block.rows[rows], block.places_of(rows), low, high)
            if best[i].held > most:
                self._score_held(queries, i, best[i])

    def _bounds(self, block: Block, queries: Queries, best: list[Best], products: Products) -> _Bounds:
        """Bound the value of every row of a block for every query."""
        bars = np.array([one.bar for one in best])
        lengths = block.lengths
        if lengths is None:
            dots, lengths = products.fine_with_lengths(block.rows, queries)
            return self._bounded(dots, lengths, queries, products.error, bars)
        few = len(queries) <= _FEW_QUERIES
        if (
            self._coarse
            and few
            and block.shortest
            and np.isfinite(bars).all()
            and products.can_be_coarse(block.rows)
        ):
            error = products.coarse_error(block.shortest)
            bounds = self._bounded(products.coarse(block.rows, queries), lengths, queries, error, bars)
            if np.count_nonzero(bounds.maybe) <= _FEW_LEFT * bounds.maybe.size:
                return bounds
        return self._bounded(products.fine(block.rows, queries), lengths, queries, products.error, bars)

    def _bounded(
        self, dots: Float32Array, lengths: Float32Array, queries: Queries, error: float, bars: FloatArray
    ) -> _Bounds:
        assert self._how.estimate is not None
        # Queries are the slow axis in memory, and the last one of what a distance is given.
        values, scales = self._how.estimate(dots.T, lengths, queries.norms32)
        return _Bounds(values.T, scales.T * np.float32(error), bars)

    def _score_held(self, queries: Queries, i: int, best: Best) -> None:
        """Score the rows that one query holds, without those that better rows have passed."""
        with self._turn:
            held = best.take_held()
        if held is not None:
            self._score(*held, queries, i, best)

    def _score(
        self, rows: npt.NDArray[Any], places: npt.NDArray[np.int64], queries: Queries, i: int, best: Best
    ) -> None:
        """Score rows `[n, D]` exactly for one query."""
        step = max(1, _EXACT_NUMBERS // self._size)
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            exact = rows[part].astype(np.float64)
            scores = self._how.score(exact, queries.vectors[i])
            low = self._exact_low(exact, queries, i)
            with self._turn:
                best.offer(scores, places[part])
                if low is not None:
                    best.raise_bar(low)

    def _exact_low(self, rows: FloatArray, queries: Queries, i: int) -> FloatArray | None:
        """Bound the values of rows from below in float64, where the bounds are narrow."""
        if self._how.estimate is None:
            return None
        lengths = np.sqrt((rows * rows).sum(axis=1))
        dots = (rows * queries.units[i]).sum(axis=1)
        values, scales = self._how.estimate(dots[:, None], lengths, queries.norms[i : i + 1])
        low = (values - 4 * (self._size + 16) * _EXACT_ERROR * scales)[:, 0]
        return np.where(np.isfinite(low), low, -np.inf)


@dataclass(frozen=True, slots=True)
class _Group:
    """Queries that are compared at the same time."""

    queries: Queries
    best: list[Best]
    prefilter: Prefilter


class _Bounds:
    """Between which numbers the values of rows lie for each query, `[Q, n]`."""

    def __init__(self, values: Float32Array, margin: Float32Array, bars: FloatArray) -> None:
        self._values, self._margin = values, np.broadcast_to(margin, values.shape)
        self.high = values + margin
        # Comparing in float32 must not raise a bar.
        lowered = np.nextafter(bars.astype(np.float32), np.float32(-np.inf))
        self.maybe: npt.NDArray[np.bool_] = ~(self.high < lowered[:, None])
        """Rows that can be among the best: also those without a bound, which is NaN."""

    def low(self, query: int, rows: npt.NDArray[np.intp]) -> FloatArray:
        """Return the lower bounds of some rows; -inf where nothing is known."""
        low = self._values[query, rows].astype(np.float64) - self._margin[query, rows]
        return np.where(np.isfinite(low) & np.isfinite(self.high[query, rows]), low, -np.inf)


class _Shared:
    """An iterator that several threads may draw from."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = iter(blocks)
        self._turn = threading.Lock()

    def __iter__(self) -> Iterator[Block]:
        while True:
            with self._turn:
                block = next(self._blocks, None)
            if block is None:
                return
            yield block
