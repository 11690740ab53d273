"""Products of rows with queries and lengths of rows, in float32, with a bound on their error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.search.scan.halves import (
    COARSE_ERROR,
    FIRST_NOT_FINITE,
    SCALE,
    SMALLEST_ERROR,
    Halves,
    as_halves,
    can_shift,
)

if TYPE_CHECKING:
    from vifex.search.distances import FloatArray

__all__ = ["Products", "Queries"]

_SAFE_SQUARES: Final = (1e-20, 1e30)
"""Squared lengths outside this range lose digits in float32 or overflow; such rows are scored exactly."""
_UNIT_ROUNDOFF: Final = 2.0**-24  # of float32

_FEW_VECTORS: Final = 5
"""Queries up to which one product of a matrix and a vector for each is faster than one of two matrices."""
_NUMBERS: Final = 1 << 19
"""That are widened at a time: few enough for the second and third level of a cache."""

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Queries in the forms that products need."""

    vectors: FloatArray
    """float64 `[Q, D]`."""
    norms: FloatArray
    norms32: Float32Array
    units: FloatArray
    """Scaled to length 1; a query of zeros stays."""
    units32: Float32Array
    scaled: Float32Array
    """`units32` times `halves.SCALE`, for rows that were widened."""
    odd: Float32Array
    even: Float32Array
    """The numbers of `scaled` at odd and at even indices, for coarse rows."""

    @classmethod
    def of(cls, vectors: FloatArray) -> Queries:
        """Prepare queries `[Q, D]`."""
        norms = np.sqrt((vectors * vectors).sum(axis=1))
        units = vectors / np.where(norms > 0, norms, 1.0)[:, None]
        units32 = units.astype(np.float32)
        scaled = units32 * SCALE
        odd, even = np.ascontiguousarray(scaled[:, 1::2]), np.ascontiguousarray(scaled[:, ::2])
        return cls(vectors, norms, norms.astype(np.float32), units, units32, scaled, odd, even)

    def __len__(self) -> int:
        return len(self.vectors)

    def part(self, some: slice) -> Queries:
        """Return some of the queries."""
        return Queries(
            self.vectors[some],
            self.norms[some],
            self.norms32[some],
            self.units[some],
            self.units32[some],
            self.scaled[some],
            self.odd[some],
            self.even[some],
        )


class Products:
    """Multiplies rows with queries in one thread, in buffers of its own."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._step = max(1, _NUMBERS // size)
        self._halves = Halves(self._step, size) if can_shift() else None
        self.error = 2 * (size + 16) * _UNIT_ROUNDOFF
        """Bound on the error of a product relative to the row's length, and of a length relative to itself.

        A sum of D products in float32 is wrong by less than about D roundings, in any order of summing. Twice
        that covers the errors of product and length together, 16 the roundings around them.
        """

    def fine(self, rows: npt.NDArray[Any], queries: Queries) -> Float32Array:
        """Multiply rows `[n, D]` with the queries scaled to length 1, to `[Q, n]`."""
        dots = np.empty((len(queries), len(rows)), np.float32)
        if self._halves is None or not as_halves(rows):
            _multiply(queries.units32, rows.astype(np.float32, copy=False), dots)
            return dots
        for part in self._parts(rows):
            _multiply(queries.scaled, self._halves.widened(rows[part]), dots[:, part])
        return dots

    def fine_with_lengths(
        self, rows: npt.NDArray[Any], queries: Queries
    ) -> tuple[Float32Array, Float32Array]:
        """Return products as `fine` does, and the lengths `[n]` of the rows as `Block.lengths`."""
        dots = np.empty((len(queries), len(rows)), np.float32)
        squares = np.empty(len(rows), np.float32)
        for part in self._parts(rows):
            wide = self._true(rows[part])
            _multiply(queries.units32, wide, dots[:, part])
            np.vecdot(wide, wide, out=squares[part])
        return dots, _lengths(squares, rows)

    def lengths(self, rows: npt.NDArray[Any]) -> Float32Array:
        """Return the lengths `[n]` of rows as `Block.lengths`."""
        squares = np.empty(len(rows), np.float32)
        for part in self._parts(rows):
            wide = self._true(rows[part])
            np.vecdot(wide, wide, out=squares[part])
        return _lengths(squares, rows)

    def _parts(self, rows: npt.NDArray[Any]) -> Iterator[slice]:
        for start in range(0, len(rows), self._step):
            yield slice(start, min(start + self._step, len(rows)))

    def _true(self, rows: npt.NDArray[Any]) -> Float32Array:
        """Return rows as float32; infinity and NaN in float16 become large numbers."""
        if self._halves is None or not as_halves(rows):
            return rows.astype(np.float32, copy=False)
        wide = self._halves.widened(rows)
        np.multiply(wide, SCALE, out=wide)
        return wide

    def coarse_error(self, shortest: float) -> float:
        """Bound the error of `coarse` as `error` does, for rows of at least this length."""
        return (
            self.error + COARSE_ERROR + (SMALLEST_ERROR * self._size**0.5 / shortest if shortest else np.inf)
        )

    def can_be_coarse(self, rows: npt.NDArray[Any]) -> bool:
        """Return whether `coarse` takes these rows."""
        return self._halves is not None and self._size % 2 == 0 and as_halves(rows)

    def coarse(self, rows: npt.NDArray[Any], queries: Queries) -> Float32Array:
        """Multiply as `fine` does in half the time, with an error of `coarse_error`."""
        assert self._halves is not None
        dots = np.empty((len(queries), len(rows)), np.float32)
        for part in self._parts(rows):
            odd, even = self._halves.coarse(rows[part])
            other = np.empty((len(queries), len(odd)), np.float32)
            _multiply(queries.odd, odd, dots[:, part])
            _multiply(queries.even, even, other)
            dots[:, part] += other
        return dots


def _multiply(queries: Float32Array, rows: Float32Array, out: Float32Array) -> None:
    """Write the products `[Q, n]` of queries `[Q, D]` with rows `[n, D]` to `out`.

    BLAS is two to four times slower where the matrix of queries comes first and has few rows.
    """
    if len(queries) <= _FEW_VECTORS:
        for query, products in zip(queries, out, strict=True):
            np.matmul(rows, query, out=products)
    else:
        out[...] = (rows @ queries.T).T


def _lengths(squares: Float32Array, rows: npt.NDArray[Any]) -> Float32Array:
    # Rows of float16 that hold infinity or NaN are among these; the others keep their length.
    for row in np.flatnonzero(squares >= FIRST_NOT_FINITE**2):
        if not np.isfinite(rows[row]).all():
            squares[row] = np.nan
    safe = (squares >= _SAFE_SQUARES[0]) & (squares <= _SAFE_SQUARES[1])
    return np.where(safe, np.sqrt(squares), np.float32(np.nan))
