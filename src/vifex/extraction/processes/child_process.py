"""A child process as its parent sees it: starting it, sending, receiving, and ending it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final, cast

from vifex.extraction.decoders.wire import FrameReader, frame

__all__ = ["ChildProcess"]

_JOIN_S: Final = 5.0
_LAST_WORDS_S: Final = 0.5
"""How long the error message of a process that has ended is waited for."""


class ChildProcess:
    """A Python program that exchanges messages with this process over pipes.

    Args:
        module: The program, run as `python -P -m MODULE`.
        environment: Of the process.
        inherited: Descriptors that it inherits (POSIX).
        read_bytes: Most bytes that one read takes.
    """

    def __init__(
        self,
        module: str,
        *,
        environment: Mapping[str, str],
        inherited: Sequence[int] = (),
        read_bytes: int = 1 << 16,
    ) -> None:
        self._read_bytes = read_bytes
        self._outbox: list[Any] = []
        self._unwritten = b""
        self._last_words: deque[str] = deque(maxlen=20)
        # -P keeps the user's working folder out of the module search path.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=tuple(inherited) if os.name == "posix" else (),
            env=dict(environment),
            bufsize=0,
        )
        self._threads = [threading.Thread(target=self._drain_errors, daemon=True)]
        self._reader = FrameReader()
        self._socket = self._pumped() if os.name == "nt" else None
        if os.name != "nt":
            os.set_blocking(self.reads_from, False)
            os.set_blocking(self.writes_to, False)
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit status, below 0 for a signal; `None` while the process runs."""
        return self._process.returncode

    @property
    def reads_from(self) -> int:
        """Descriptor on which its answers arrive."""
        if self._socket is not None:
            return self._socket.fileno()
        return cast(BinaryIO, self._process.stdout).fileno()

    @property
    def writes_to(self) -> int:
        """Descriptor that takes what is sent to it."""
        return cast(BinaryIO, self._process.stdin).fileno()

    @property
    def last_words(self) -> Sequence[str]:
        """The last lines that it wrote to standard error."""
        return tuple(self._last_words)

    def say(self, message: Any) -> None:
        """Send a message with the next `flush`."""
        self._outbox.append(message)

    def flush(self) -> bool:
        """Send what waits, as much as the pipe takes; returns whether something still waits."""
        if self._outbox:
            self._unwritten += frame(self._outbox)
            self._outbox = []
        if self._unwritten:
            try:
                self._unwritten = self._unwritten[os.write(self.writes_to, self._unwritten) :]
            except BlockingIOError:
                pass
            except OSError:
                self._unwritten = b""  # the process is dying, and its end is seen where it is listened to
        return bool(self._unwritten)

    def listen(self) -> list[Any] | None:
        """Return the messages that have arrived; `None` at the end of its output."""
        data = self._read()
        if data is None:
            return []
        return self._reader.feed(data) if data else None

    def kill(self) -> list[Any]:
        """End the process; returns what it had sent before."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        found: list[Any] = []
        while data := self._read():
            found += self._reader.feed(data)
        return found

    def close(self) -> None:
        """Free what belongs to a process that was ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                cast(BinaryIO, pipe).close()
        for thread in self._threads:
            thread.join(timeout=_JOIN_S)  # they see the end of their pipes and go
        if self._socket is not None:
            self._socket.close()

    def died_by(self) -> str:
        """Say how the process ended: `crashed (SIGSEGV)`, or `ended (status 1: its last line of errors)`."""
        code = self._process.returncode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"crashed ({signal.Signals(-code).name})"
        self._threads[0].join(timeout=_LAST_WORDS_S)
        error = f": {self._last_words[-1]}" if self._last_words else ""
        return f"ended (status {code}{error})"

    def _read(self) -> bytes | None:
        """Return what has come, nothing at the end of the pipe, and `None` where there may be more later."""
        try:
            return (
                self._socket.recv(self._read_bytes)
                if self._socket
                else os.read(self.reads_from, self._read_bytes)
            )
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _drain_errors(self) -> None:
        with cast(BinaryIO, self._process.stderr) as pipe:
            for line in pipe:
                self._last_words.append(line.decode(errors="replace").rstrip())

    def _pumped(self) -> socket.socket:
        """Copy the answers into a socket, where the system can wait for sockets alone."""
        ours, theirs = socket.socketpair()

        def pump() -> None:
            with cast(BinaryIO, self._process.stdout) as pipe, theirs, contextlib.suppress(OSError):
                while data := os.read(pipe.fileno(), self._read_bytes):
                    theirs.sendall(data)

        self._threads.append(threading.Thread(target=pump, daemon=True))
        return ours
