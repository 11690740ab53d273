"""A prefilter for many queries in one pass: int8 products leave out rows that are near none of the queries.

It only leaves out rows. The rows that it keeps go the way of all rows, so the answers do not change.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.search.scan.blocks import Block
from vifex.search.scan.int8 import DTYPES, LARGEST, Int8Products, Int8Request, is_imported

if TYPE_CHECKING:
    from vifex.search.distances import Distance
    from vifex.search.scan.best import Best
    from vifex.search.scan.products import Float32Array, Products, Queries

__all__ = ["Prefilter", "PrefilterThread", "largest_share"]

_FEWEST_QUERIES: Final = 16
"""For fewer, the conversion to int8 takes as long as the products in float32."""
_BLOCKS: Final = 4
"""That are not filtered, so that the queries have bars."""
_TRIAL_NUMBERS: Final = 1 << 17
"""In the rows on which the products are tried."""
_TRIALS: Final = 16
"""Short ones, of which the fastest counts: a busy machine interrupts most of the longer ones."""
_JUDGED_ROWS: Final = 1 << 14
"""After so many rows the prefilter may be given up."""
_MOST_KEPT: Final = 0.5
"""Share of the rows; where more are kept, products in float32 alone are faster."""
_SAVED_S: Final = 1.5e-11
"""About what the prefilter saves in a product of two numbers, in seconds of one core."""
_START_S, _COMPILE_S = 0.4, 0.04
"""What it takes to begin, with the import of OpenVINO and without it."""
_WAITING_NUMBERS: Final = 1 << 19
"""In the rows that are kept together: 1,024 rows of 512."""
_SLACK: Final = 2.0**-18
"""Allowed for the roundings of float32 around a product and a threshold, which are a few times 2^-24."""
_NOT_FINITE: Final = 0x7C00
"""The bits of an infinite float16, without the sign; those of NaN are larger."""
_ALIKE: Final = 1.1
"""Lengths that differ by this factor at most are treated as one."""


class Prefilter:
    """Leaves out the rows that cannot be among the best of any of some queries, where that is faster.

    It begins after the first blocks, from which every query has a bar. It is not used if products in int8 are
    slower than those in float32 on this processor, and given up if it leaves out too few rows.

    Args:
        queries: That are compared at the same time.
        how: The distance.
        rows: About how many rows there are.
        threads: Number of threads that use it.
    """

    def __init__(self, queries: Queries, how: Distance, rows: int, threads: int) -> None:
        self._queries, self._how, self._threads = queries, how, threads
        self._lock = threading.Lock()
        self._products: Int8Products | None = None
        self._before, self._rows, self._kept = 0, 0, 0
        numbers = rows * queries.units.size
        start_s = _COMPILE_S if is_imported() else _START_S
        self._given_up = (
            how.threshold is None
            or len(queries) < _FEWEST_QUERIES
            or numbers * _SAVED_S < 2 * start_s * threads
        )

    def thread(self) -> PrefilterThread:
        """Return what one thread filters with."""
        return PrefilterThread(self, self._queries, self._how)

    def products_for(self, rows: npt.NDArray[Any], products: Products) -> Int8Products | None:
        """Return the products that filter a block; `None` if it is not filtered.

        Args:
            rows: `[n, D]`, the whole block.
            products: In float32, of the calling thread.
        """
        if self._given_up:
            return None
        with self._lock:
            self._before += 1
            if self._before <= _BLOCKS:
                return None
            if self._products is None:
                self._products = self._compiled(rows, products)
                if self._products is None:
                    return None
        return self._products if not self._given_up and self._products.takes(rows) else None

    def note(self, rows: int, kept: int) -> None:
        """Take in how many rows a block had and how many of them were kept."""
        with self._lock:
            self._rows += rows
            self._kept += kept
            self._given_up |= self._rows >= _JUDGED_ROWS and self._kept > _MOST_KEPT * self._rows

    def _compiled(self, rows: npt.NDArray[Any], products: Products) -> Int8Products | None:
        """Compile the products, if the block is large enough to try them on it."""
        if rows.dtype not in DTYPES or rows.size < _TRIAL_NUMBERS:
            return None
        codes = Int8Products(self._queries, rows.dtype, self._threads)
        self._given_up = not codes.is_right or not _is_faster(codes, self._queries, rows, products)
        return codes


def _is_faster(codes: Int8Products, queries: Queries, rows: npt.NDArray[Any], products: Products) -> bool:
    """Try products in int8 and in float32 on some rows: processors differ."""
    some = rows[: max(1, _TRIAL_NUMBERS // rows.shape[1])]
    contenders = (
        partial(codes.request().multiply, some, np.ones(len(some), np.float32)),
        partial(products.fine, some, queries),
    )
    fastest = [np.inf, np.inf]
    for _ in range(_TRIALS):
        for i, multiply in enumerate(contenders):
            began_s = perf_counter()
            multiply()
            fastest[i] = min(fastest[i], perf_counter() - began_s)
    return fastest[0] < fastest[1]


class PrefilterThread:
    """The part of a `Prefilter` that one thread uses."""

    def __init__(self, prefilter: Prefilter, queries: Queries, how: Distance) -> None:
        self._prefilter, self._queries, self._how = prefilter, queries, how
        self._request: Int8Request | None = None
        self._waiting: list[Block] = []

    def kept(self, block: Block, best: Sequence[Best], products: Products) -> Block | None:
        """Leave rows of a block out.

        Rows of several blocks are kept together, because a comparison of few rows costs as much as one of
        many.

        Returns:
            Rows of this block and of earlier ones that can be among the best of some query; `None` while they
            are few. `rest` returns the last ones. A block that is not filtered is returned as it is.

        Args:
            block: Rows in the order of the store.
            best: One for each query.
            products: Measures the rows where the block does not know their lengths.
        """
        codes = self._prefilter.products_for(block.rows, products)
        if codes is None or not all(np.isfinite(one.bar) for one in best):
            return block
        if self._request is None:
            self._request = codes.request()
        kept = [
            part.take(self._near(part, codes, self._request, best, products.error))
            for start in range(0, len(block.rows), codes.rows)
            for part in [_measured(block.part(slice(start, start + codes.rows)), products)]
        ]
        self._prefilter.note(len(block.rows), sum(len(part.rows) for part in kept))
        self._waiting += kept
        numbers = sum(waiting.rows.size for waiting in self._waiting)
        return self.rest() if numbers >= _WAITING_NUMBERS else None

    def rest(self) -> Block | None:
        """Return the rows that were kept and not returned; `None` if there are none."""
        waiting, self._waiting = self._waiting, []
        return Block.joined(waiting) if waiting else None

    def _near(
        self, block: Block, codes: Int8Products, request: Int8Request, best: Sequence[Best], error: float
    ) -> npt.NDArray[np.intp]:
        """Return which rows of a block can be among the best of some query."""
        assert self._how.threshold is not None
        assert block.lengths is not None
        known = ~np.isnan(block.lengths)
        share = largest_share(block.rows, block.lengths)
        factor = LARGEST / share
        factors = np.where(known, np.float32(factor) / block.lengths, np.float32(0))
        bars = np.array([one.bar for one in best])
        least = self._how.threshold(bars, block.lengths.astype(np.float64), self._queries.norms, error)
        least -= codes.errors(share) + error + _SLACK
        cosines = request.multiply(block.rows, factors)
        # A threshold of NaN, as a query of zeros has, leaves no row out.
        near = np.flatnonzero(~(cosines < (least * factor).astype(np.float32))) // len(best)
        return np.unique(np.concatenate([near, np.flatnonzero(~known)]))


def _measured(block: Block, products: Products) -> Block:
    return block if block.lengths is not None else replace(block, lengths=products.lengths(block.rows))


def largest_share(rows: npt.NDArray[Any], lengths: Float32Array) -> float:
    """Return the largest number of a row relative to the row's length, over all rows.

    Args:
        rows: `[n, D]`, float16 or float32.
        lengths: `[n]`; rows of length NaN do not count.
    """
    known = ~np.isnan(lengths)
    if not known.any():
        return 1.0
    shortest, longest = float(lengths[known].min()), float(lengths[known].max())
    alike = known.all() and longest <= _ALIKE * shortest
    top = _top(rows) if alike else None
    share = float((_tops(rows)[known] / lengths[known]).max()) if top is None else top / shortest
    # The length is rounded; no number is larger than the length.
    return min(share * (1 + 2.0**-10), 1 + 2.0**-10)


def _top(rows: npt.NDArray[Any]) -> float | None:
    """Return the largest magnitude; `None` if a number is not finite."""
    if rows.dtype == np.float16:
        highest, lowest = int(rows.view(np.int16).max()), int(rows.view(np.uint16).max())
        bits = max(highest, lowest & 0x7FFF if lowest & 0x8000 else 0)
        return float(np.array(bits, np.uint16).view(np.float16)) if bits < _NOT_FINITE else None
    top = max(float(rows.max()), -float(rows.min()))
    return top if np.isfinite(top) else None


def _tops(rows: npt.NDArray[Any]) -> Float32Array:
    """Return the largest magnitude of each row `[n]`."""
    if rows.dtype == np.float16:
        bits = (rows.view(np.uint16) & 0x7FFF).max(axis=1)
        return np.asarray(bits.view(np.float16), dtype=np.float32)
    return np.asarray(np.abs(rows).max(axis=1), dtype=np.float32)
