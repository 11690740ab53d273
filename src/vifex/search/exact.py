"""Exact nearest rows of a view: every row is looked at, in batches, and the best K are right to the last.

A BLAS product in float32 sorts out rows that cannot be among the best, with a bound on its own error;
what is left is scored in float64. So batches, threads and BLAS libraries change no score and no rank,
and rows of equal score come in the order of their keys (medium, then ordinal).

A row without a score (NaN or infinity in it; zeros under cosine) is no answer and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.search.best import Best, Match
from vifex.search.columns import as_matrix, layer_of, one_column, rows_per_batch
from vifex.search.registry import distance
from vifex.values import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.search.distances import Distance, FloatArray
    from vifex.store import View

__all__ = ["Match", "Searcher", "nearest", "nearest_many", "unlike_rows"]

_QUERIES_AT_ONCE = 64
# Squares of float32 outside this range lose digits or overflow; such rows are scored exactly.
_SAFE_SQUARES = (1e-20, 1e30)
_SMALLEST = 1e-100  # the squares of greater float64 numbers keep their digits
_UNIT_ROUNDOFF = 2.0**-24  # of float32


@dataclass(frozen=True, slots=True)
class _Block:
    """Some rows of a column with their keys."""

    rows: npt.NDArray[Any]
    """float16 or float32 `[n, D]`."""
    keys: pa.StringArray
    squares: npt.NDArray[np.float32] | None = None
    """Squared lengths `[n]`, where they are known."""


def nearest(
    view: View,
    query: npt.ArrayLike,
    *,
    column: str | None = None,
    k: int = 10,
    metric: str = "cosine",
    where: str | None = None,
) -> list[Match]:
    """Find the rows nearest to a vector, reading the column once in batches of a few MiB.

    Args:
        view: Where to look.
        query: Vector `[D]`, D being how many numbers a row of the column holds.
        column: Feature column; `None` means the only one.
        k: How many rows at most.
        metric: Name in the registry of distances: `cosine`, `dot`, `l2`.
        where: SQL filter over the row columns; only rows that pass are looked at.

    Returns:
        At most `k` matches, the nearest first.

    Raises:
        InputError: If the query, the column, `k` or the metric cannot be used.
    """
    vector = np.asarray(query)
    if vector.ndim != 1:
        raise InputError(f"a query is one vector [D], got the shape {list(vector.shape)}.")
    return nearest_many(view, vector[None], column=column, k=k, metric=metric, where=where)[0]


def nearest_many(
    view: View,
    queries: npt.ArrayLike,
    *,
    column: str | None = None,
    k: int = 10,
    metric: str = "cosine",
    where: str | None = None,
) -> list[list[Match]]:
    """Find the rows nearest to each of several vectors `[Q, D]` in one reading; see `nearest`."""
    column = one_column(view, column)
    how = distance(metric)
    ready = _checked(queries, column, layer_of(view, column).size, k, how)
    return _scan(_stream(view, column, where), ready, k, how)


class Searcher:
    """A feature column held in memory as float32, for many queries one after the other.

    It holds 4 x N x D bytes, and the rows as they were when it was made. Nothing in it changes later,
    so threads may share it.
    """

    def __init__(self, view: View, column: str | None = None) -> None:
        self.view = view
        self.column = one_column(view, column)
        self._size = layer_of(view, self.column).size
        # Filled in place: gathering batches first and joining them would need the memory twice.
        self._rows = np.empty((view.count_rows(), self._size), dtype=np.float32)
        keys, n = [], 0
        for block in _stream(view, self.column, None):
            self._rows[n : n + len(block.rows)] = block.rows
            keys.append(block.keys)
            n += len(block.rows)
        self._keys = _joined(keys)
        self._squares = _squares(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def nearest(
        self, query: npt.ArrayLike, *, k: int = 10, metric: str = "cosine", where: str | None = None
    ) -> list[Match]:
        """Find the rows nearest to a vector `[D]`; see the function `nearest`."""
        vector = np.asarray(query)
        if vector.ndim != 1:
            raise InputError(f"a query is one vector [D], got the shape {list(vector.shape)}.")
        return self.nearest_many(vector[None], k=k, metric=metric, where=where)[0]

    def nearest_many(
        self, queries: npt.ArrayLike, *, k: int = 10, metric: str = "cosine", where: str | None = None
    ) -> list[list[Match]]:
        """Find the rows nearest to each of several vectors `[Q, D]`; see the function `nearest_many`."""
        how = distance(metric)
        ready = _checked(queries, self.column, self._size, k, how)
        return _scan(self._blocks(where), ready, k, how)

    def _blocks(self, where: str | None) -> Iterator[_Block]:
        step = rows_per_batch(self._size)
        if where is None:
            for start in range(0, len(self), step):
                part = slice(start, start + step)
                yield _Block(self._rows[part], self._keys[part], self._squares[part])
            return
        chosen = self._positions(where)
        for start in range(0, len(chosen), step):
            some = chosen[start : start + step]
            yield _Block(self._rows[some], self._keys.take(some), self._squares[some])

    def _positions(self, where: str) -> npt.NDArray[np.int64]:
        import pyarrow.compute as pc

        passing = self.view.to_arrow(columns=["key"], where=where)["key"]
        found = pc.index_in(passing, value_set=self._keys).drop_null().to_numpy()
        return np.sort(found).astype(np.int64)


def _stream(view: View, column: str, where: str | None) -> Iterator[_Block]:
    size = layer_of(view, column).size
    for batch in view.batches(columns=["key", column], where=where, batch_rows=rows_per_batch(size)):
        yield _Block(as_matrix(batch.column(column)), batch.column("key"))


def _checked(queries: npt.ArrayLike, column: str, size: int, k: int, how: Distance) -> FloatArray:
    """Queries as float64 `[Q, D]` that fit the column, or a sentence that says why they do not."""
    if not isinstance(k, Integral):
        raise InputError(f"the number of hits is a whole number, got {k!r}.")
    if k < 1:
        raise InputError(f"the number of hits must be at least 1, got {k}.")
    ready = np.asarray(queries, dtype=np.float64)
    if ready.ndim != 2:
        raise InputError(f"queries are a matrix [Q, D], got the shape {list(ready.shape)}.")
    if ready.shape[1] != size:
        raise unlike_rows(ready.shape[1], column, size)
    if not np.all(np.abs(ready) <= np.finfo(np.float32).max):  # False for NaN too
        raise InputError("the query holds NaN, infinity or a number too large for float32.")
    if how.needs_direction and not np.all(ready.any(axis=1)):
        raise InputError(
            f"the query is all zeros, which has no {how.title} to anything.",
            todo="Use the metric dot or l2, or another query.",
        )
    return _in_range(ready) if how.needs_direction else ready


def unlike_rows(given: int, column: str, size: int) -> InputError:
    """Give the error for a query of `given` numbers where a row of the column has `size`."""
    return InputError(
        f"the query has {given} numbers, but a row of column {column!r} has {size}.",
        todo="Use a query made by the same model and layer, or name another column.",
    )


def _in_range(queries: FloatArray) -> FloatArray:
    """Scale queries whose squares are 0 in float64, where only the direction counts.

    A power of two changes no digit of a number that is not subnormal.
    """
    largest = np.abs(queries).max(axis=1, keepdims=True)
    _, exponents = np.frexp(largest)
    return np.where(largest < _SMALLEST, np.ldexp(queries, -exponents), queries)


def _scan(blocks: Iterable[_Block], queries: FloatArray, k: int, how: Distance) -> list[list[Match]]:
    best = [Best(k, higher_is_better=how.higher_is_better) for _ in queries]
    # Overflow, 0/0 and NaN are expected of some rows here and are met row by row.
    with np.errstate(all="ignore"):
        norms = np.sqrt((queries * queries).sum(axis=1))
        units = queries / np.where(norms > 0, norms, 1.0)[:, None]
        for block in blocks:
            for start in range(0, len(queries), _QUERIES_AT_ONCE):
                some = slice(start, start + _QUERIES_AT_ONCE)
                _offer(block, queries[some], units[some], norms[some], best[some], how)
    return [one.matches() for one in best]


def _offer(
    block: _Block, queries: FloatArray, units: FloatArray, norms: FloatArray, best: list[Best], how: Distance
) -> None:
    """Show one block to the best rows of each query."""
    if how.estimate is None:
        all_rows = np.arange(len(block.rows))
        chosen = [all_rows] * len(queries)
    else:
        low, high = _bracket(block, units, norms, how)
        chosen = [one.worth_scoring(low[:, i], high[:, i]) for i, one in enumerate(best)]
    for query, one, some in zip(queries, best, chosen, strict=True):
        step = rows_per_batch(2 * block.rows.shape[1])  # float64 takes twice the room
        for start in range(0, len(some), step):
            part = some[start : start + step]
            one.offer(how.score(block.rows[part].astype(np.float64), query), block.keys, part)


def _bracket(
    block: _Block, units: FloatArray, norms: FloatArray, how: Distance
) -> tuple[FloatArray, FloatArray]:
    """Bounds `[n, Q]` between which each row's value lies for certain."""
    assert how.estimate is not None
    rows = block.rows.astype(np.float32, copy=False)
    squares = block.squares if block.squares is not None else _squares(rows)
    dots = (rows @ units.astype(np.float32).T).astype(np.float64)
    lengths = np.sqrt(squares.astype(np.float64))
    values, scales = how.estimate(dots, lengths, norms)
    # A sum of D products in float32 is wrong by less than about D roundings, in any order of summing;
    # twice that covers the errors of dot and norm together, 8 the few roundings around them.
    slack = 2 * (rows.shape[1] + 8) * _UNIT_ROUNDOFF
    low, high = values - slack * scales, values + slack * scales
    unsure = ~((squares >= _SAFE_SQUARES[0]) & (squares <= _SAFE_SQUARES[1]))[:, None]
    unsure = unsure | ~np.isfinite(low) | ~np.isfinite(high)
    return np.where(unsure, -np.inf, low), np.where(unsure, np.inf, high)


def _squares(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    with np.errstate(all="ignore"):
        return np.asarray(np.einsum("ij,ij->i", rows, rows), dtype=np.float32)


def _joined(keys: list[pa.StringArray]) -> pa.StringArray:
    import pyarrow as pa

    return pa.concat_arrays(keys) if keys else pa.array([], pa.string())
