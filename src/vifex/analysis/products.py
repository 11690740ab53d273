"""Products of all rows with all rows, block by block: int8 where the processor is fast at it, else float32.

The products come with a bound on their error. A caller leaves out the pairs whose bound is below what it
looks for, and computes the others with `exact_products`. So int8 changes the time and not the answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FloatMatrix
from vifex.engines.cores import available_cores
from vifex.search.scan.blas import one_blas_thread
from vifex.search.scan.int8 import LARGEST, Int8Products
from vifex.search.scan.products import Queries

__all__ = ["BLOCK", "SENT_FROM", "Chunk", "FloatVector", "each_chunk", "exact_products"]

FloatVector = npt.NDArray[np.float32]

BLOCK: Final = 2048
"""Rows that are multiplied with all others at a time, as the columns of the products."""
SENT_FROM: Final = 1 << 32
"""Products of two numbers from which it pays to send the rows to other machines."""
_ROWS: Final = 128
"""Of one product: the products of a chunk nearly fit into the second level of a cache."""
_WORTH_INT8: Final = 1 << 36
"""Products of two numbers from which the import and the compilation for int8 pay."""
_ROUNDING: Final = 2.0**-23
"""For each number of a row: twice a bound on the error of a product of rows of length 1 in float32."""
_GATHERED: Final = 1 << 21
"""Numbers of the rows that `exact_products` copies at the same time."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Products of neighbouring rows with neighbouring columns."""

    rows: slice
    """Of the left matrix."""
    columns: slice
    """Of the right matrix."""
    products: FloatMatrix
    """`[rows, columns]`; those of a row are multiplied by its factor. The next chunk overwrites them."""
    factors: FloatVector
    """`[rows]`, above 0."""
    error: FloatVector
    """`[rows]`: largest error of the products of a row, divided by its factor."""


def each_chunk(
    left: FloatMatrix,
    right: FloatMatrix | None,
    work: Callable[[Chunk], None],
    *,
    before: Callable[[slice], None] | None = None,
    after: Callable[[int], None] | None = None,
    part: slice | None = None,
    threads: int | None = None,
) -> None:
    """Multiply rows with rows and show the products to `work`.

    Args:
        left: Rows `[N, D]` of length 1 or of zeros.
        right: Rows `[M, D]` of length 1 or of zeros, the columns of the products. `None` means `left`; each
            pair of different rows then comes at least once, in either order.
        work: Called with each chunk, in several threads at the same time.
        before: Called before each block of columns, in this thread, with its columns.
        after: Called after each block of columns, in this thread, with the column after its last one.
        part: The columns that are multiplied; by default all.
        threads: By default one for each core.
    """
    columns = left if right is None else right
    first, last = (0, len(columns)) if part is None else (part.start, part.stop)
    threads = threads or available_cores()
    peaks = _peaks(left)
    fast = left.size * (last - first) >= _WORTH_INT8
    with one_blas_thread(), ThreadPoolExecutor(threads, "vifex-products") as pool:
        for start in range(first, last, BLOCK):
            block = slice(start, min(start + BLOCK, last))
            int8 = _int8_products(columns[block], threads) if fast else None
            fast = int8 is not None
            job = _Job(left, peaks, columns[block], block, int8)
            if before is not None:
                before(block)
            parts = _Shared(_slices(0 if right is not None else start, len(left)))
            for done in [pool.submit(job.run, parts, work) for _ in range(threads)]:
                done.result()
            if after is not None:
                after(block.stop)


def exact_products(
    left: FloatMatrix, rows: npt.NDArray[np.integer], right: FloatMatrix, columns: npt.NDArray[np.integer]
) -> FloatVector:
    """Multiply pairs of rows `left[rows[i]] * right[columns[i]]` in float32, `[P]`."""
    found = np.empty(len(rows), np.float32)
    step = max(1, _GATHERED // left.shape[1])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        np.vecdot(left[rows[part]], right[columns[part]], out=found[part])
    return found


class _Job:
    """The products of one block of columns with all rows."""

    def __init__(
        self,
        left: FloatMatrix,
        peaks: FloatVector,
        columns: FloatMatrix,
        block: slice,
        int8: Int8Products | None,
    ) -> None:
        self._left, self._peaks, self._columns, self._block = left, peaks, columns, block
        self._int8 = int8
        if int8 is not None:
            # The bound is linear in the largest number of a row.
            none, whole = int8.errors(0.0), int8.errors(1.0)
            self._fixed, self._by_peak = np.float32(none.max()), np.float32((whole - none).max())

    def run(self, parts: Iterable[slice], work: Callable[[Chunk], None]) -> None:
        """Work on parts of the rows in one thread."""
        float32_error = np.float32(_ROUNDING * (self._left.shape[1] + 16))
        request = None if self._int8 is None else self._int8.request()
        out = np.empty((_ROWS, len(self._columns)), np.float32)
        for part in parts:
            rows, peaks = self._left[part], self._peaks[part]
            if request is None:
                products = np.matmul(rows, self._columns.T, out=out[: len(rows)])
                factors, error = np.ones(len(rows), np.float32), np.full(len(rows), float32_error)
            else:
                factors = (LARGEST / np.where(peaks > 0, peaks, 1)).astype(np.float32)
                products = request.multiply(rows, factors)
                error = self._fixed + self._by_peak * peaks + float32_error
            work(Chunk(part, self._block, products, factors, error))


def _int8_products(columns: FloatMatrix, threads: int) -> Int8Products | None:
    """Compile the products; `None` where a sum of int8 products is not exact on this processor."""
    products = Int8Products(Queries.of(columns.astype(np.float64)), columns.dtype, threads)
    return products if products.is_right and products.rows >= _ROWS else None


def _peaks(rows: FloatMatrix) -> FloatVector:
    """Return the largest absolute number of each row."""
    parts = [np.abs(rows[part]).max(axis=1) for part in _slices(0, len(rows))]
    return np.concatenate(parts)


def _slices(start: int, stop: int) -> Iterator[slice]:
    for first in range(start, stop, _ROWS):
        yield slice(first, min(first + _ROWS, stop))


class _Shared:
    """An iterator that several threads may draw from."""

    def __init__(self, parts: Iterator[slice]) -> None:
        self._parts, self._turn = parts, threading.Lock()

    def __iter__(self) -> Iterator[slice]:
        while True:
            with self._turn:
                part = next(self._parts, None)
            if part is None:
                return
            yield part
