"""The slots of one request: which are free, and when a waiting decoder gets one.

A decoder that wakes for every single slot finds its caches filled by the network each time. So once all slots
are taken, none is given out until the filled ones are down to a low mark; then all free ones are.

A decoder of a slow disk does not compute while it waits for the disk, so it must not wait for a slot as well.
It gets a free slot at once, and the others leave it some as long as the engine has enough to do.
"""

from __future__ import annotations

from collections import deque

__all__ = ["SlotPool"]


class SlotPool:
    """Counts the slots of one request: free, with a decoder, or filled.

    Args:
        count: How many there are.
        low: Filled slots that keep the engine busy while decoders wake.
    """

    def __init__(self, count: int, *, low: int) -> None:
        self.count = count
        self._free = deque(range(count))
        self._filled = 0
        self._low = low
        self._gives = True

    def widen(self, more: int) -> None:
        """Take in the slots that follow those of the pool."""
        self._free.extend(range(self.count, self.count + more))
        self.count += more

    def take(self, *, keep: int = 0) -> int | None:
        """Return a free slot to a decoder; `None` if it has to wait.

        Args:
            keep: Free slots that are left for decoders of slow disks while the engine has enough to do.
        """
        if not self._free:
            self._gives = False
        elif not self.has_enough:
            self._gives = True
        elif len(self._free) <= keep:
            return None
        return self._free.popleft() if self._gives else None

    def take_at_once(self) -> int | None:
        """Return a free slot to a decoder of a slow disk; `None` if there is none."""
        return self._free.popleft() if self._free else None

    @property
    def is_empty(self) -> bool:
        """Whether every slot is filled or with a decoder."""
        return not self._free

    @property
    def has_enough(self) -> bool:
        """Whether more slots are filled than keep the engine busy while decoders wake."""
        return self._filled > self._low

    def fill(self) -> None:
        """A slot that was with a decoder goes to the engine."""
        self._filled += 1

    def put_back(self, slot: int) -> None:
        """A slot comes back from a decoder as it was."""
        self._free.append(slot)

    def clear(self, slot: int) -> None:
        """A filled slot comes back: its pixels are no longer needed."""
        self._filled -= 1
        self._free.append(slot)
