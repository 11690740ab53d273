"""The best K rows seen so far for one query, however many are shown."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.search.distances import FloatArray

__all__ = ["Best", "Match"]


@dataclass(frozen=True, slots=True)
class Match:
    """A row that was found."""

    key: str
    """`medium_id:ordinal`."""
    score: float
    """By the metric of the search, in float64, never NaN."""


class Best:
    """Collects rows block by block. It holds K rows and the bounds of K more, never a whole column."""

    def __init__(self, k: int, *, higher_is_better: bool) -> None:
        self._k = k
        self._sign = 1.0 if higher_is_better else -1.0
        self._bounds: FloatArray = np.empty(0)
        # (minus gain, medium, ordinal): plain tuples sort as the answer does.
        self._kept: list[tuple[float, str, int]] = []

    def worth_scoring(self, low: FloatArray, high: FloatArray) -> npt.NDArray[np.intp]:
        """Name which rows of a block can still be among the best.

        Args:
            low: `[n]`, below each row's value for certain.
            high: `[n]`, above it for certain; -inf and inf where nothing is known.

        Returns:
            Indices of the rows that at least K rows seen up to here do not certainly beat.
        """
        self._bounds = _top(np.concatenate([self._bounds, low]), self._k)
        floor = self._bounds.min() if len(self._bounds) == self._k else -np.inf
        return np.flatnonzero(high >= floor)

    def offer(self, scores: FloatArray, keys: pa.StringArray, positions: npt.NDArray[np.intp]) -> None:
        """Take in exact scores `[n]` of the rows at `positions` of a block with these keys."""
        gains = scores * self._sign
        scored = np.isfinite(gains)
        floor = -self._kept[-1][0] if len(self._kept) == self._k else -np.inf
        if np.count_nonzero(scored) > self._k:
            floor = max(floor, _top(gains[scored], self._k).min())
        # Rows at the floor stay: among equals the key decides.
        chosen = np.flatnonzero(scored & (gains >= floor))
        if not len(chosen):
            return
        names = keys.take(positions[chosen]).to_pylist()
        fresh = [(-gain, *_split(key)) for gain, key in zip(gains[chosen].tolist(), names, strict=True)]
        self._kept = heapq.nsmallest(self._k, self._kept + fresh)

    def matches(self) -> list[Match]:
        """The best rows, nearest first."""
        # Adding 0.0 turns a -0.0 that the sign made into 0.0.
        return [Match(f"{medium}:{n}", -loss * self._sign + 0.0) for loss, medium, n in self._kept]


def _top(values: FloatArray, k: int) -> FloatArray:
    """The `k` largest of some values, in no order."""
    return values if len(values) <= k else np.partition(values, len(values) - k)[-k:]


def _split(key: str) -> tuple[str, int]:
    medium, _, ordinal = key.rpartition(":")
    return medium, int(ordinal)
