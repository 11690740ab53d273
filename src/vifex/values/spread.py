"""Items spread evenly over a sequence, or over a stream whose length is not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

__all__ = ["Evenly", "evenly"]

T = TypeVar("T")


def evenly(items: Sequence[T], count: int) -> list[T]:
    """Take at most `count` items, spread evenly: the middles of as many equal parts."""
    n = len(items)
    return [items[(2 * i + 1) * n // (2 * count)] for i in range(count)] if count < n else list(items)


class Evenly(Generic[T]):
    """Keeps an even spread of a stream whose length is not known: every item at first, then every 2^k-th."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[T] = []
        self._step = 1
        self._seen = 0

    def wants(self) -> bool:
        """Whether the next item will be kept, at least for a while. If not, it counts as passed."""
        if self._seen % self._step == 0:
            return True
        self._seen += 1
        return False

    def add(self, item: T) -> None:
        """Add an item for which `wants` returned true."""
        self._kept.append(item)
        self._seen += 1
        if len(self._kept) > 2 * self._most:
            del self._kept[1::2]
            self._step *= 2

    def chosen(self) -> list[T]:
        """Return at most `most` items, in their order."""
        return evenly(self._kept, self._most)
