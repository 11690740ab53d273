"""Counting what the sources hold, ahead of the run, so that a total can be shown.

The sources are read a second time, in a thread that works a part of the time only: nothing is held but two
numbers, and the run itself finds its media as late as ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from vifex.media.counted import only_counted
from vifex.values import Medium, Outcome, VifexError

__all__ = ["Counter", "is_long"]

_BURST: Final = 64
"""Media that are counted before a rest."""
_REST: Final = 4.0
"""How long a rest is, as a multiple of the work before it: a fifth of one core's time goes into counting."""


def is_long(medium: Medium) -> bool:
    """Whether a medium has a duration, by its kind."""
    return medium.kind in ("video", "audio")


class Counter:
    """Counts media in a thread of its own.

    Args:
        find: Finds the media; each call starts from the beginning.
    """

    def __init__(self, find: Callable[[], Iterator[Medium | Outcome]]) -> None:
        self._find = find
        self.media = 0
        """Counted so far."""
        self.long = 0
        """Of those, how many are videos and sounds."""
        self.is_done = False
        """Whether all are counted."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="vifex-counter", daemon=True)

    def start(self) -> None:
        """Begin to count."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)  # a folder on a disk that hangs must not hold up the end

    def _work(self) -> None:
        began_s = time.monotonic()
        only_counted.set(True)  # of this thread alone
        try:
            for found in self._find():
                self.media += 1
                self.long += isinstance(found, Medium) and is_long(found)
                if self.media % _BURST == 0:
                    if self._stop.wait(_REST * (time.monotonic() - began_s)):
                        return
                    began_s = time.monotonic()
        except (VifexError, OSError):
            return  # the run meets it too, and says so; the total stays open
        self.is_done = True
