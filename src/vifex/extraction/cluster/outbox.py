"""What a shard has said and its coordinator has not fetched yet."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from vifex.extraction.decoders.wire import frame
from vifex.extraction.shards.protocol import Beat, FromShard

__all__ = ["Fetched", "Outbox"]

_MOST_BYTES: Final = 16 << 20
"""A shard that has so much unfetched waits: it is not ahead of the committer by more."""
_BEAT_S: Final = 1.0
"""Signs of life alone are fetched so often: each call costs the coordinator's process 0.3 ms."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the coordinator gets at once."""

    frames: bytes
    """Messages, in frames."""
    ended: str | None = None
    """With the last messages how the shard ended: empty if it was done, else the error."""


class Outbox:
    """A `Coordinator` that keeps messages until they are fetched."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._ended: str | None = None
        self._beat: Beat | None = None
        """The newest one, not fetched."""
        self._is_decoding = False
        """Whether a fetched one said so."""
        self._fetched_s = 0.0
        self._news = threading.Condition()

    def say(self, message: FromShard) -> None:
        """Keep a message; blocks while the coordinator fetches nothing.

        Of signs of life the newest one is kept, which goes with other messages or after a second.
        """
        if isinstance(message, Beat):
            with self._news:
                self._beat = message
                self._news.notify_all()
            return
        data = frame([message])
        with self._news:
            self._news.wait_for(lambda: self._bytes < _MOST_BYTES)
            self._waiting.append(data)
            self._bytes += len(data)
            self._news.notify_all()

    def end(self, how: str) -> None:
        """Take note that nothing more will be said."""
        with self._news:
            self._ended = how
            self._news.notify_all()

    def fetch(self, wait_s: float) -> Fetched:
        """Return what was said since the last time, and wait for a while if that is nothing."""
        with self._news:
            self._news.wait_for(self._has_news, wait_s)
            if self._beat is not None:
                self._is_decoding = self._beat.is_decoding
                self._waiting.append(frame([self._beat]))
            self._beat, self._fetched_s = None, time.monotonic()
            frames = b"".join(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            self._news.notify_all()
            return Fetched(frames, self._ended)

    def _has_news(self) -> bool:
        if self._waiting or self._ended is not None:
            return True
        if self._beat is None:
            return False
        is_first = (
            self._beat.is_decoding and not self._is_decoding
        )  # from then on the run's speed is measured
        return is_first or time.monotonic() - self._fetched_s >= _BEAT_S
