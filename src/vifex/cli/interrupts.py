"""Ctrl-C and SIGTERM: the first one ends a command in good order, a second one ends it at once.

The first one raises an exception in the main thread, so that what is finished is committed. A second one
must work where the main thread hangs in a library or waits for a disk, so a thread of its own takes it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

__all__ = ["Signals", "Terminated", "watch_signals"]

_SAME_S: Final = 0.5
"""Signals within this time are one: `timeout` sends each to its child and then to the whole group."""
_PATIENCE_S: Final = 1.0
"""Seconds that the end of a run may take before a message says so."""
_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_STOPPING: Final = "vifex: stopping; what is finished is being kept. Ctrl-C again ends at once."
_AT_ONCE: Final = (
    "vifex: ended at once. What was committed before is kept; the same command goes on from there."
)


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came. Code that handles `KeyboardInterrupt` handles it as well."""


class Signals:
    """The signals that came so far."""

    def __init__(self) -> None:
        self.first: int | None = None
        """The signal that ends the command."""
        self.sockets: tuple[socket.socket, ...] = ()
        """The ends of the pipe through which signals wake the thread."""

    @property
    def status(self) -> int:
        """Exit status, as shells give it: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + (self.first or signal.SIGINT)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise in the main thread at the first signal; later ones are the thread's."""
        if self.first is None:
            self.first = number
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    def listen(self, wakes: socket.socket) -> None:
        """Wait for signals; the second one ends the process."""
        if not wakes.recv(1):
            return
        first_s = time.monotonic()
        wakes.settimeout(_PATIENCE_S)
        while True:
            try:
                number = wakes.recv(1)
            except TimeoutError:
                _write(_STOPPING)
                wakes.settimeout(None)
                continue
            if not number:
                return
            if time.monotonic() - first_s >= _SAME_S:
                _write(_AT_ONCE)
                os._exit(128 + number[0])


@contextlib.contextmanager
def watch_signals() -> Iterator[Signals]:
    """Take the signals that ask a command to end, while it runs in the main thread of its process.

    Signals that the caller's shell or `nohup` set to be ignored stay ignored. Once a signal came they are
    not given back: the process must end.
    """
    signals = Signals()
    wanted = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    default: tuple[Any, ...] = (signal.SIG_DFL, signal.default_int_handler)
    wanted = [number for number in wanted if signal.getsignal(number) in default]
    if threading.current_thread() is not threading.main_thread() or not wanted:
        yield signals
        return
    ours, theirs = socket.socketpair()
    signals.sockets = (ours, theirs)
    theirs.setblocking(False)
    thread = threading.Thread(target=signals.listen, args=(ours,), name="vifex-signals", daemon=True)
    thread.start()
    before_fd = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, signals.handle) for number in wanted}
    try:
        yield signals
    finally:
        # After a signal the process is about to end, and its second copy must not end it otherwise.
        if signals.first is None:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before_fd)
            theirs.close()
            thread.join()
            ours.close()


def _write(text: str) -> None:
    # The main thread may hold the lock of the stream: straight to the descriptor.
    with contextlib.suppress(OSError, ValueError):
        os.write(
            sys.stderr.fileno(), f"\r\x1b[K{text}\n".encode() if sys.stderr.isatty() else f"{text}\n".encode()
        )
