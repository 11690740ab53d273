"""How much of its time a decoder process waits for files: a slow disk shows by that."""

from __future__ import annotations

import os
import time
from typing import Final

__all__ = ["FileWaits"]

_EVERY_S: Final = 0.2
"""Seconds between two measurements, at least."""
_SCHEDSTAT: Final = "/proc/thread-self/schedstat"
"""On Linux: nanoseconds for which this thread ran, and for which it was ready but others ran."""


class FileWaits:
    """Measures the part of the time in which the calling thread neither ran nor was ready to run.

    Waits for other things, such as messages, are given to `leave_out`. Where the system does not say for how
    long a thread was ready but others ran, nothing is measured.
    """

    def __init__(self) -> None:
        self._handle = _open()
        self._began_s = time.monotonic()
        self._awake_s = self._read()
        self._left_out_s = 0.0

    def leave_out(self, seconds: float) -> None:
        """Take a wait that was not for a file."""
        self._left_out_s += seconds

    def share(self) -> float | None:
        """Return the part, 0 to 1, since the last measurement; `None` if that was just now."""
        now_s = time.monotonic()
        if self._handle is None or now_s - self._began_s < _EVERY_S:
            return None
        awake_s = self._read()
        spent_s = now_s - self._began_s - self._left_out_s
        blocked_s = spent_s - (awake_s - self._awake_s)
        self._began_s, self._awake_s, self._left_out_s = now_s, awake_s, 0.0
        # An interval that was nearly all left out says nothing of files.
        return min(1.0, max(0.0, blocked_s / spent_s)) if spent_s > _EVERY_S / 4 else None

    def _read(self) -> float:
        if self._handle is None:
            return 0.0
        ran_ns, ready_ns, *_ = os.pread(self._handle, 64, 0).split()
        return (int(ran_ns) + int(ready_ns)) / 1e9


def _open() -> int | None:
    try:
        handle = os.open(_SCHEDSTAT, os.O_RDONLY)
    except OSError:
        return None  # not Linux, or a kernel without these numbers
    if not os.pread(handle, 64, 0).split()[0].strip(b"0"):
        os.close(handle)
        return None  # the kernel keeps them at 0
    return handle
