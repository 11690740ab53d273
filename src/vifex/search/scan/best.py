"""The best K rows of one query, collected block by block in any order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vifex.search.distances import FloatArray

__all__ = ["Best", "KeysOf", "Match"]

KeysOf = Callable[[Sequence[int]], list[str]]
"""Reads the keys of rows by their places in the stored order."""

# Rows of equal score that are held before their keys are read to choose among them.
_TIES = 1_000


@dataclass(frozen=True, slots=True)
class Match:
    """A row that was found."""

    key: str
    """`medium_id:ordinal`."""
    score: float
    """By the metric of the search, in float64, never NaN."""
    place: int = field(default=-1, compare=False)
    """Place of the row in the stored order of the view."""


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """Rows that wait to be scored."""

    rows: npt.NDArray[Any]
    places: npt.NDArray[np.int64]
    high: FloatArray


class Best:
    """Collects rows of one query. Equal scores are ordered by key: medium, then ordinal.

    It holds about K rows, the bounds of K rows and up to a thousand ties, never a whole column. Keys are read
    only for rows that can be among the best.

    Args:
        k: Number of rows to find.
        higher_is_better: Whether a higher score is nearer.
        keys_of: Reads keys.
    """

    def __init__(self, k: int, *, higher_is_better: bool, keys_of: KeysOf) -> None:
        self._k = k
        self._sign = 1.0 if higher_is_better else -1.0
        self._keys_of = keys_of
        self._bounds: FloatArray = np.empty(0)
        self._gains: FloatArray = np.empty(0)
        self._places: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._held: list[_Held] = []
        self._held_lows: FloatArray = np.empty(0)
        self.bar = -np.inf
        """A row whose upper bound is below this is not among the best."""

    def bar_with(self, low: FloatArray) -> float:
        """Return what the bar would be with lower bounds `[n]` of some more rows; nothing is changed."""
        bounds = _top(np.concatenate([self._bounds, self._held_lows, low]), self._k)
        return max(self.bar, float(bounds.min())) if len(bounds) == self._k else self.bar

    def raise_bar(self, low: FloatArray) -> None:
        """Take in lower bounds `[n]` of rows. A row that came twice would raise the bar too far."""
        self.bar = self.bar_with(low)
        self._bounds = _top(np.concatenate([self._bounds, low]), self._k)

    def hold(
        self, rows: npt.NDArray[Any], places: npt.NDArray[np.int64], low: FloatArray, high: FloatArray
    ) -> None:
        """Keep rows that can be among the best until they are scored. Most are passed by better rows before.

        Args:
            rows: `[n, D]`, copies.
            places: `[n]`.
            low: Lower bounds `[n]`; they raise the bar.
            high: Upper bounds `[n]`.
        """
        self.bar = self.bar_with(low)
        self._held.append(_Held(rows, places, high))
        self._held_lows = np.concatenate([self._held_lows, low])

    @property
    def held(self) -> int:
        """Number of rows that are held."""
        return len(self._held_lows)

    def take_held(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]] | None:
        """Return the held rows that can still be among the best, with their places, and hold none."""
        held, self._held, self._held_lows = self._held, [], np.empty(0)
        parts = [(one.rows[near], one.places[near]) for one in held for near in [~(one.high < self.bar)]]
        if not parts:
            return None
        return np.concatenate([rows for rows, _ in parts]), np.concatenate([places for _, places in parts])

    def offer(self, scores: FloatArray, places: npt.NDArray[np.int64]) -> None:
        """Take in exact scores `[n]` of the rows at these places."""
        gains = scores * self._sign
        chosen = np.isfinite(gains)
        if len(self._gains) >= self._k:
            chosen &= gains >= _top(self._gains, self._k).min()
        if not chosen.any():
            return
        self._gains = np.concatenate([self._gains, gains[chosen]])
        self._places = np.concatenate([self._places, places[chosen]])
        if len(self._gains) > self._k:
            # Rows equal to the worst of the best stay: among equals the key decides.
            self._keep(self._gains >= _top(self._gains, self._k).min())
        if len(self._gains) > self._k + _TIES:
            self._settle()

    @property
    def places(self) -> list[int]:
        """Places of the rows that are held; the best are among them."""
        places: list[int] = self._places.tolist()
        return places

    def matches(self, keys: Mapping[int, str]) -> list[Match]:
        """Return the best rows, nearest first.

        Args:
            keys: Of `places`.
        """
        found = sorted(
            (-gain, *_split(keys[place]), place)
            for gain, place in zip(self._gains.tolist(), self.places, strict=True)
        )
        # Adding 0.0 turns a -0.0 that the sign made into 0.0.
        return [Match(f"{m}:{n}", -loss * self._sign + 0.0, place) for loss, m, n, place in found[: self._k]]

    def _settle(self) -> None:
        """Choose by key among the rows that are equal to the worst of the best."""
        tied = np.flatnonzero(self._gains == self._gains.min())
        keys = self._keys_of(self._places[tied].tolist())
        order = sorted(range(len(tied)), key=lambda i: _split(keys[i]))
        missing = self._k - (len(self._gains) - len(tied))
        kept = np.ones(len(self._gains), dtype=bool)
        kept[tied[order[missing:]]] = False
        self._keep(kept)

    def _keep(self, chosen: npt.NDArray[np.bool_]) -> None:
        self._gains, self._places = self._gains[chosen], self._places[chosen]


def _top(values: FloatArray, k: int) -> FloatArray:
    """Return the `k` largest of some values, in no order."""
    return values if len(values) <= k else np.partition(values, len(values) - k)[-k:]


def _split(key: str) -> tuple[str, int]:
    medium, _, ordinal = key.rpartition(":")
    return medium, int(ordinal)
