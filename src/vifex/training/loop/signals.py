"""Interrupts wait for the end of a step, so that a checkpoint never holds half of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

__all__ = ["Deferred", "deferred_signals"]

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP")


class Deferred:
    """A signal that came and was not yet handled."""

    def __init__(self) -> None:
        self.came: tuple[int, FrameType | None] | None = None
        self.before: dict[int, Any] = {}

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note a signal."""
        self.came = self.came or (number, frame)

    def raise_if_came(self) -> None:
        """Do what the signal would have done when it came; most raise `KeyboardInterrupt`."""
        if self.came is None:
            return
        number, frame = self.came
        handler = self.before.get(number)
        if callable(handler):
            handler(number, frame)
        raise KeyboardInterrupt


@contextmanager
def deferred_signals() -> Iterator[Deferred]:
    """Note Ctrl-C, SIGTERM and SIGHUP instead of raising, in the main thread of a process."""
    deferred = Deferred()
    if threading.current_thread() is not threading.main_thread():
        yield deferred
        return
    for name in _NAMES:
        number = getattr(signal, name, None)
        # A signal that was ignored, as under nohup, stays so.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            deferred.before[number] = signal.signal(number, deferred.handle)
    try:
        yield deferred
    finally:
        for number, handler in deferred.before.items():
            signal.signal(number, handler)
