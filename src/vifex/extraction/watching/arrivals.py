"""Files that arrived or changed, until they are whole.

A file is whole when its size and its time of change stayed the same for the settling time. Where the system
tells of closing, a file that a process writes to must also be closed, and an empty file waits for content;
both wait for ten minutes at most.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Arrivals", "is_unfinished_name"]

_STALLED_S: Final = 600.0
"""A file that did not change for so long is taken although it was not closed, or is empty."""
_UNFINISHED: Final = (
    ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".filepart", ".opdownload", ".swp", "~",
)  # fmt: skip
"""Ends of the names that programs give to files while they write them."""


def is_unfinished_name(path: str) -> bool:
    """Return whether a file is unfinished by its name: hidden, as rsync's are, or `.part` and the like."""
    name = os.path.basename(path)  # noqa: PTH119 - names of any bytes
    return name.startswith(".") or name.lower().endswith(_UNFINISHED)


@dataclass(slots=True)
class _Arrival:
    size_bytes: int
    mtime_ns: int
    same_since_s: float
    """When it was first seen as it is, on the caller's clock."""
    is_written: bool
    due_s: float
    """When it is looked at again."""


class Arrivals:
    """Files that are not whole yet.

    Args:
        settle_s: The settling time, in seconds.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._files: dict[str, _Arrival] = {}
        """By path, in the order in which they are due."""

    def __len__(self) -> int:
        return len(self._files)

    def note(self, path: str, now_s: float, *, is_written: bool | None = None) -> None:
        """Take note that a file is there, or was changed.

        Args:
            path: Of the file, or of a folder.
            now_s: The time, on one clock for all calls.
            is_written: Whether a process writes to it; `None` leaves that as it was.
        """
        before = self._files.pop(path, None)
        if is_written is None:
            is_written = before is not None and before.is_written
        try:
            stat = os.stat(path)  # noqa: PTH116 - names of any bytes
        except (OSError, ValueError):
            return
        due_s = now_s + self._settle_s
        self._files[path] = _Arrival(stat.st_size, stat.st_mtime_ns, now_s, is_written, due_s)

    def drop(self, path: str) -> None:
        """Forget a file."""
        self._files.pop(path, None)

    def next_due_s(self) -> float | None:
        """Return when the next file that no process writes to may be whole; `None` where there is none."""
        return next((one.due_s for one in self._files.values() if not one.is_written), None)

    def take_whole(self, now_s: float) -> Iterator[str]:
        """Yield the files that are whole, and forget them."""
        while self._files:
            path, arrival = next(iter(self._files.items()))
            if arrival.due_s > now_s:
                return
            del self._files[path]
            try:
                stat = os.stat(path)  # noqa: PTH116
            except (OSError, ValueError):
                continue
            if (stat.st_size, stat.st_mtime_ns) != (arrival.size_bytes, arrival.mtime_ns):
                self.note(path, now_s, is_written=arrival.is_written)
            elif self._waits(arrival, stat, now_s):
                arrival.due_s = now_s + self._settle_s
                self._files[path] = arrival
            else:
                yield path

    def _waits(self, arrival: _Arrival, stat: os.stat_result, now_s: float) -> bool:
        if modes.S_ISDIR(stat.st_mode) or now_s - arrival.same_since_s >= _STALLED_S:
            return False
        return arrival.is_written or stat.st_size == 0
