"""Watched media as batches that a pipeline takes one after the other: what folders and addresses share."""

from __future__ import annotations

import abc
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from vifex.extraction.listing import Listing
from vifex.media.sources.id_set import IdSet
from vifex.values import Medium, Outcome

__all__ = ["LOOK_S", "READY", "Found", "WatchedBatches", "medium_in"]

READY: Final = 256
"""Media that a listing gives ahead."""
LOOK_S: Final = 0.05
"""Between two looks at what happened."""
_AT_ONCE: Final = 32
"""Media that are given at once: what was given is finished after a stop."""

Found: TypeAlias = Medium | Outcome


class WatchedBatches(abc.ABC):
    """A `MediaQueue` that ends with each batch.

    Args:
        stop: Says whether the watch is to end.
    """

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._ready: deque[Found] = deque()
        self._in_batch = IdSet()
        """Media that are ready or were given, until their batch is over."""
        self._removed: dict[str, None] = {}
        """Names of what is gone, in the order in which it was seen."""
        self._batch_over = True
        self._listing: Listing | None = None

    @abc.abstractmethod
    def _take_in(self, now_s: float) -> None:
        """Take in what has happened."""

    @abc.abstractmethod
    def _remember(self, found: Found) -> None:
        """Take note that something is given."""

    def _comes_soon(self, now_s: float) -> bool:
        """Return whether the batch waits for something, although nothing is ready."""
        return False

    # -- between batches -----------------------------------------------------------------------------------

    def begin_batch(self) -> None:
        """Begin another batch."""
        self._batch_over = False

    def end_batch(self) -> None:
        """Take note that all media of the batch are committed."""
        self._in_batch = IdSet()
        for found in self._ready:
            self._in_batch.add(medium_in(found).medium_id)

    # -- a batch, as the pipeline takes it -----------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether the batch is over."""
        if not self._batch_over:
            now_s = time.monotonic()
            self._take_in(now_s)
            self._batch_over = self._stop() or not (self._ready or self._listing or self._comes_soon(now_s))
        return self._batch_over

    @property
    def is_resting(self) -> bool:
        """Whether nothing is ready: batches of the network are not to wait to be full."""
        return not self._ready and self._listing is None

    def take(self, most: int, *, wait: bool = False) -> list[Found]:
        """Take media that are ready, maybe none; with `wait`, wait for one or the end of the batch."""
        while wait and not self._ready and not self.is_over:
            time.sleep(LOOK_S)
        if self.is_over:
            return []
        taken = [self._ready.popleft() for _ in range(min(most, _AT_ONCE, len(self._ready)))]
        for found in taken:
            self._remember(found)
        return taken

    def wake_with(self, wake: Callable[[], None]) -> None:  # noqa: B027 - nothing to do for any of them
        """Take no note: a pipeline looks ten times a second."""


def medium_in(found: Found) -> Medium:
    """Return the medium that was found, or whose outcome was."""
    return found.medium if isinstance(found, Outcome) else found
