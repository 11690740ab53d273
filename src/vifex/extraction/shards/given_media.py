"""The media that a coordinator gives to a shard, as the shard's pipeline takes them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from vifex.extraction.shards.protocol import Coordinator, Give, Given, Want
from vifex.values import Medium

__all__ = ["GivenMedia"]

_WAIT_S: Final = 0.2
"""Between two calls of `on_wait`."""


class GivenMedia:
    """A `MediaQueue` that asks the coordinator for media when it is empty.

    Args:
        coordinator: Gives media on request.
        capacity: Says how many media the shard would take now, and how many videos and sounds of those.
        on_wait: Called a few times a second while `take` waits.
    """

    def __init__(
        self, coordinator: Coordinator, capacity: Callable[[], tuple[int, int]], on_wait: Callable[[], None]
    ) -> None:
        self._coordinator, self._capacity, self._on_wait = coordinator, capacity, on_wait
        self._waiting: deque[Given] = deque()
        self._news = threading.Condition()
        self._wake: Callable[[], None] = lambda: None
        self._all_given = False
        self._has_asked = False
        self._is_alone = False
        self._wanted: dict[str, tuple[int, ...]] = {}

    # -- from the thread that hears the coordinator -----------------------------------------------------

    def give(self, given: Give) -> None:
        """Take media from the coordinator."""
        with self._news:
            self._waiting += given.media
            self._wanted.update((one.medium.medium_id, one.views) for one in given.media)
            self._has_asked = False
            self._is_alone = given.alone
            self._news.notify()
        self._wake()

    def end(self) -> None:
        """Take note that there are no more."""
        with self._news:
            self._all_given = True
            self._news.notify()
        self._wake()

    # -- from the thread of the pipeline ----------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether every medium was taken."""
        return self._all_given and not self._waiting

    @property
    def is_resting(self) -> bool:
        """Whether nothing comes before what was taken is over."""
        return self._is_alone and not self._waiting

    def wanted_by(self, medium: Medium) -> tuple[int, ...]:
        """Return the numbers of the views that want a medium."""
        return self._wanted.get(medium.medium_id, ())

    def hand_over(self, medium: Medium, view: int) -> None:
        """Take note that a medium is handed over for a view; any thread may call this."""
        left = tuple(other for other in self.wanted_by(medium) if other != view)
        if left:
            self._wanted[medium.medium_id] = left
        else:
            self._wanted.pop(medium.medium_id, None)

    def take(self, most: int, *, wait: bool = False) -> list[Medium]:
        """Take media that were given, and ask for more where there are none."""
        with self._news:
            while not self._waiting and not self._all_given:
                if not self._has_asked:
                    self._has_asked = True
                    self._coordinator.say(Want(*self._capacity()))
                if not wait:
                    return []
                if not self._news.wait(_WAIT_S):
                    self._on_wait()
            return [self._waiting.popleft().medium for _ in range(min(most, len(self._waiting)))]

    def wake_with(self, wake: Callable[[], None]) -> None:
        """Let `wake` be called, by any thread, when media come."""
        self._wake = wake
