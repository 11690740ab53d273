"""A prefilter for many queries in one pass: int8 products leave out rows that are near none of the queries.

It only leaves out rows. The rows that it keeps go the way of all rows, so the answers do not change.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.search.scan.int8 import DTYPES, LARGEST, Int8Products, Int8Request, is_imported

if TYPE_CHECKING:
    from vifex.search.distances import Distance
    from vifex.search.scan.best import Best
    from vifex.search.scan.blocks import Block
    from vifex.search.scan.products import Float32Array, Products, Queries

__all__ = ["Prefilter", "PrefilterThread", "largest_share"]

_FEWEST_QUERIES: Final = 16
"""For fewer, the conversion to int8 takes as long as the products in float32."""
_BLOCKS: Final = 4
"""That are measured without the prefilter, and with it."""
_SAVED_S: Final = 1.5e-11
"""About what the prefilter saves in a product of two numbers, in seconds of one core."""
_START_S, _COMPILE_S = 0.4, 0.04
"""What it takes to begin, with the import of OpenVINO and without it."""
_SLACK: Final = 2.0**-18
"""Allowed for the roundings of float32 around a product and a threshold, which are a few times 2^-24."""
_NOT_FINITE: Final = 0x7C00
"""The bits of an infinite float16, without the sign; those of NaN are larger."""
_ALIKE: Final = 1.1
"""Lengths that differ by this factor at most are treated as one."""


class Prefilter:
    """Leaves out the rows that cannot be among the best of any of some queries, where that is faster.

    It begins after the first blocks, from which every query has a bar. It is given up if the first blocks
    that it filters take longer than those that it did not.

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
        self._seconds: dict[bool, list[float]] = {False: [], True: []}
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

    def products_for(self, rows: npt.NDArray[Any]) -> Int8Products | None:
        """Return the products that filter some rows; `None` if they are not filtered."""
        if self._given_up or len(self._seconds[False]) < _BLOCKS:
            return None
        with self._lock:
            if self._products is None:
                if rows.dtype not in DTYPES:
                    return None
                self._products = Int8Products(self._queries, rows.dtype, self._threads)
                self._given_up = not self._products.is_right
        return self._products if not self._given_up and self._products.takes(rows) else None

    def note(self, seconds: float, *, filtered: bool) -> None:
        """Take in how long a row took, all its comparisons included."""
        if self._given_up or len(self._seconds[filtered]) == _BLOCKS:
            return
        with self._lock:
            self._seconds[filtered].append(seconds)
            if len(self._seconds[True]) == _BLOCKS:
                self._given_up = min(self._seconds[True]) > min(self._seconds[False])


class PrefilterThread:
    """The part of a `Prefilter` that one thread uses."""

    def __init__(self, prefilter: Prefilter, queries: Queries, how: Distance) -> None:
        self._prefilter, self._queries, self._how = prefilter, queries, how
        self._request: Int8Request | None = None
        self._filtered = False

    @contextmanager
    def measured(self, block: Block) -> Iterator[None]:
        """Measure how long a block takes with all its comparisons."""
        self._filtered = False
        began_s = perf_counter()
        yield
        self._prefilter.note((perf_counter() - began_s) / max(1, len(block.rows)), filtered=self._filtered)

    def kept(self, block: Block, best: Sequence[Best], products: Products) -> Block:
        """Return the rows of a block that can be among the best of some query, or the block as it is.

        Args:
            block: Rows in the order of the store.
            best: One for each query.
            products: Measures the rows where the block does not know their lengths.
        """
        codes = self._prefilter.products_for(block.rows)
        if codes is None or not all(np.isfinite(one.bar) for one in best):
            return block
        if self._request is None:
            self._request = codes.request()
        self._filtered = True
        if block.lengths is None:
            block = replace(block, lengths=products.lengths(block.rows))
        return block.take(self._near(block, codes, self._request, best, products.error))

    def _near(
        self, block: Block, codes: Int8Products, request: Int8Request, best: Sequence[Best], error: float
    ) -> npt.NDArray[np.intp]:
        assert self._how.threshold is not None
        assert block.lengths is not None
        known = ~np.isnan(block.lengths)
        share = largest_share(block.rows, block.lengths)
        factor = LARGEST / share
        factors = np.where(known, np.float32(factor) / block.lengths, np.float32(0))
        margin = codes.errors(share) + error + _SLACK
        lengths = block.lengths.astype(np.float64)
        found = [np.flatnonzero(~known)]
        for start in range(0, len(block.rows), codes.rows):
            part = slice(start, start + codes.rows)
            bars = np.array([one.bar for one in best])
            least = self._how.threshold(bars, lengths[part], self._queries.norms, error) - margin
            cosines = request.multiply(block.rows[part], factors[part])
            # A threshold of NaN, as a query of zeros has, leaves no row out.
            near = np.flatnonzero(~(cosines < (least * factor).astype(np.float32)))
            found.append(near // len(best) + start)
        return np.unique(np.concatenate(found))


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
