"""Exact nearest rows of a view: every row is compared, and the best K are right to the last digit.

`vifex.search.scan` does the work. Rows of equal score come in the order of their keys (medium, then ordinal).
A row without a score (NaN or infinity in it; zeros under cosine) is left out.

Columns of long vectors are compared where they lie in the store's files: memory-mapped, float16 as float16.
Their memory is the file cache of the system. Columns of short vectors are read in batches.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vifex.engines.cores import available_cores
from vifex.search.columns import layer_of, one_column
from vifex.search.registry import distance
from vifex.search.scan.best import Match
from vifex.search.scan.blocks import Block, mapped_blocks, read_blocks
from vifex.search.scan.passes import Pass
from vifex.search.scan.products import Products, Queries
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.search.distances import Distance, FloatArray
    from vifex.store import View

__all__ = [
    "Keys",
    "Match",
    "Searcher",
    "checked_queries",
    "nearest",
    "nearest_many",
    "nearest_of_places",
    "unlike_rows",
]

_SMALLEST: Final = 1e-100  # the squares of greater float64 numbers keep their digits
_TRIAL_ROWS: Final = 512


def nearest(
    view: View,
    query: npt.ArrayLike,
    *,
    column: str | None = None,
    k: int = 10,
    metric: str = "cosine",
    where: str | None = None,
) -> list[Match]:
    """Find the rows nearest to a vector in one pass over the column.

    Args:
        view: The view to search.
        query: Vector `[D]`, D numbers as in a row of the column.
        column: Feature column; `None` means the only one.
        k: Largest number of rows to find.
        metric: Name in the registry of distances: `cosine`, `dot`, `l2`.
        where: SQL filter over the row columns; only rows that pass it are compared.

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
    """Find the rows nearest to each of several vectors `[Q, D]` in one pass; see `nearest`."""
    column = one_column(view, column)
    how = distance(metric)
    ready = _checked(queries, column, layer_of(view, column).size, k, how)
    mapped = view.mapped(column)
    if mapped is None:
        blocks, rows = read_blocks(view, column, where), view.count_rows()
    else:
        places = None if where is None else view.places(where)
        blocks, rows = mapped_blocks(mapped, places), len(mapped) if places is None else len(places)
    return Pass(ready, k, how, Keys(view), rows=rows).over(blocks)


def nearest_of_places(
    view: View,
    column: str,
    queries: FloatArray,
    places: npt.NDArray[np.int64],
    *,
    k: int,
    how: Distance,
) -> list[list[Match]]:
    """Find the nearest of some rows for each of several checked queries, float64 `[Q, D]`.

    Args:
        view: The view to search.
        column: Name of a feature column.
        queries: From `checked_queries`.
        places: Of the rows that are compared, rising.
        k: Largest number of rows to find.
        how: The distance.
    """
    mapped = view.mapped(column)
    blocks = _among(read_blocks(view, column), places) if mapped is None else mapped_blocks(mapped, places)
    return Pass(queries, k, how, Keys(view), rows=len(places)).over(blocks)


def _among(blocks: Iterable[Block], places: npt.NDArray[np.int64]) -> Iterator[Block]:
    """Return those rows of blocks that stand at some places, rising."""
    for block in blocks:
        low, high = np.searchsorted(places, [block.first, block.first + len(block.rows)])
        if low < high:
            chosen = places[low:high]
            yield Block(block.rows[chosen - block.first], 0, chosen)


class Searcher:
    """A feature column that is opened once for many searches.

    It holds 4 bytes per row: the length. A column that cannot be mapped is held too, in its own
    dtype. It shows the rows as they were when it was made, as the view does, and must not be used after the
    store is closed. Several threads may use it at the same time.
    """

    def __init__(self, view: View, column: str | None = None) -> None:
        self.view = view
        self.column = one_column(view, column)
        self._size = layer_of(view, self.column).size
        self._mapped = view.mapped(self.column)
        blocks = read_blocks(view, self.column) if self._mapped is None else mapped_blocks(self._mapped)
        with ThreadPoolExecutor(available_cores()) as pool:
            self._blocks = list(pool.map(_with_lengths, blocks))
        self._firsts = np.array([block.first for block in self._blocks], np.int64)
        self._coarse = _coarse_is_faster(self._blocks)

    def __len__(self) -> int:
        return sum(len(block.rows) for block in self._blocks)

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
        blocks: Iterable[Block] = self._blocks if where is None else self._passing(where)
        return Pass(ready, k, how, Keys(self.view), rows=len(self), coarse=self._coarse).over(blocks)

    def _passing(self, where: str) -> Iterator[Block]:
        """Return the rows that pass a filter, block by block."""
        places = self.view.places(where)
        owners = np.searchsorted(self._firsts, places, side="right") - 1
        for owner in np.unique(owners):
            block = self._blocks[owner]
            chosen = places[owners == owner]
            rows = chosen - block.first
            lengths = None if block.lengths is None else block.lengths[rows]
            yield Block(block.rows[rows], 0, chosen, lengths, block.shortest)


class Keys:
    """Reads the keys of rows by their places."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __call__(self, places: Sequence[int]) -> list[str]:
        """Return the keys of the rows at some places of the stored order."""
        if not len(places):
            return []
        keys: list[str] = self._view.take(places, ["key"]).column("key").to_pylist()
        return keys


def _with_lengths(block: Block) -> Block:
    with np.errstate(all="ignore"):
        lengths = Products(block.rows.shape[1]).lengths(block.rows)
    known = lengths[~np.isnan(lengths)]
    return replace(block, lengths=lengths, shortest=float(known.min()) if len(known) else 0.0)


def _coarse_is_faster(blocks: Sequence[Block]) -> bool:
    """Try coarse and fine products on some rows: processors differ in how they take subnormal numbers."""
    rows = next((b.rows[:_TRIAL_ROWS] for b in blocks if len(b.rows) >= _TRIAL_ROWS), None)
    if rows is None:
        return False
    products = Products(rows.shape[1])
    if not products.can_be_coarse(rows):
        return False
    queries = Queries.of(np.ones((1, rows.shape[1])))
    seconds = []
    with np.errstate(all="ignore"):
        for multiply in (products.coarse, products.fine):
            tries = []
            for _ in range(5):
                began_s = time.perf_counter()
                multiply(rows, queries)
                tries.append(time.perf_counter() - began_s)
            seconds.append(min(tries))
    return seconds[0] < seconds[1]


def checked_queries(view: View, column: str, queries: npt.ArrayLike, k: int, how: Distance) -> FloatArray:
    """Return queries as float64 `[Q, D]` that fit a column.

    Raises:
        InputError: If they or `k` cannot be used.
    """
    return _checked(queries, column, layer_of(view, column).size, k, how)


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
    """Return the error for a query of `given` numbers where a row of the column has `size`."""
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
