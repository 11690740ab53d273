"""Decides which view's batch runs next, where the networks of several views share a device.

Two networks at once on the same cores push each other's weights and activations out of the caches. It is
faster to run some batches of one, then some of the other. A network's turn lasts while it has batches, up to
a limit.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Protocol

__all__ = ["LONGEST", "BatchScheduler", "Waiting"]

LONGEST = 32
"""Most batches in one turn while another network waits."""


class _Requests(Protocol):
    @property
    def requests(self) -> int: ...


class Waiting(Protocol):
    """What the scheduler needs to know of a view."""

    in_flight: int
    """Batches in the engine."""

    @property
    def ready(self) -> Sized:
        """Batches that wait."""

    @property
    def network(self) -> _Requests:
        """How many batches it takes at once."""


class BatchScheduler:
    """Schedules the networks of one device."""

    def __init__(self, views: Sequence[Waiting]) -> None:
        self._views = views
        self._now = 0
        self._taken = 0

    def next(self) -> int | None:
        """Return the place of the view whose batch is to be submitted now; `None` until something changes.

        The next one begins when the last one's requests are half done, so that the device never waits.
        """
        now = self._views[self._now]
        others = [i for i, v in enumerate(self._views) if v.ready and i != self._now]
        is_over = bool(others) and (not now.ready or self._taken >= LONGEST)
        if is_over and 2 * now.in_flight <= now.network.requests:
            self._now, self._taken = max(others, key=lambda i: len(self._views[i].ready)), 0
            now = self._views[self._now]
        elif is_over and now.ready:
            return None
        if not now.ready or now.in_flight >= now.network.requests:
            return None
        self._taken += 1
        return self._now
