"""A place for a shard: the process that has it now, and how the shards there have fared."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from vifex.extraction.shards.assignments import Assigned
from vifex.extraction.shards.protocol import Beat, ShardLink, ShardSetup, Want

__all__ = ["Seat"]

_SILENT_S: Final = 120.0
"""Seconds without a sign of life after which a shard is ended."""


class Seat:
    """One shard, and those that replace it.

    Args:
        number: Which seat it is.
        setup: Of its shards.
        start: Starts a shard.
    """

    def __init__(self, number: int, setup: ShardSetup, start: Callable[[ShardSetup], ShardLink]) -> None:
        self.number = number
        self.setup = setup
        self._start = start
        self.link: ShardLink | None = None
        """`None` where no shard runs."""
        self.is_ready = False
        self.is_told_the_end = False
        """Whether it knows that there are no more media."""
        self.is_blocked = False
        """Whether its pipe is full."""
        self.want: Want | None = None
        """Media that it would take; `None` where it has asked for none."""
        self.beat = Beat()
        self.heard_s = 0.0
        self.idle_deaths = 0
        """Shards in a row that died before they handed anything over and while they had no media."""
        self.suspected: list[tuple[Assigned, str]] = []
        """Media whose last attempt ended with a shard here since the last hand-over, and how that ended."""

    def start(self) -> ShardLink:
        """Start a shard."""
        self.is_ready = self.is_told_the_end = self.is_blocked = False
        self.want, self.beat = None, Beat()
        self.heard_s = time.monotonic()
        self.link = self._start(self.setup)
        return self.link

    def is_silent(self, now_s: float) -> bool:
        """Check whether a shard that works has given no sign of life for long."""
        return self.link is not None and self.is_ready and now_s - self.heard_s > _SILENT_S
