"""One decoder process as its supervisor sees it: starting it, sending, receiving, and ending it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO, Final, cast

from vifex.extraction.decoders.memory.heartbeat import Heartbeat
from vifex.extraction.decoders.memory.shared_memory import SharedBlock
from vifex.extraction.decoders.protocol import Assignment, FromDecoder, Setup, ToDecoder, Wrote
from vifex.extraction.decoders.wire import FrameReader, frame

__all__ = ["Decoder"]

_JOIN_S: Final = 5.0
_READ_BYTES: Final = 1 << 16
_LAST_WORDS_S: Final = 0.5
"""How long the error message of a process that has ended is waited for."""


class Decoder:
    """A decoder process.

    Args:
        setup: The first message to it.
        block: The shared memory.
        heartbeat_at: Offset of its heartbeat in that.
        seat: Which of the decoders it is; one that takes its place has the same.
    """

    def __init__(self, setup: Setup, block: SharedBlock, heartbeat_at: int, seat: int) -> None:
        self.seat = seat
        self.heartbeat = Heartbeat(block.memory, heartbeat_at)
        self.heartbeat.clear()
        self.is_ready = False
        self.jobs: deque[Assignment] = deque()
        """What it was given and has not finished, in order."""
        self.long = 0
        """How many of them are no images."""
        self.open: dict[int, int] = {}
        """Request to the slot that it is filling..."""
        self.written: dict[int, list[Wrote]] = {}
        """... and what it wrote into that."""
        self.needs: set[int] = set()
        """Requests for which it waits for a slot."""
        self.idle_since_s = 0.0
        self.seen: tuple[int | None, int] = (None, 0)
        """The attempt and the beats that its heartbeat showed last."""
        self.started_s = 0.0
        self.heard_s = time.monotonic()
        self._outbox: list[ToDecoder] = [replace(setup, heartbeat=heartbeat_at)]
        self._unwritten = b""
        self._last_words: deque[str] = deque(maxlen=20)
        self._process = _start(block)
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

    def say(self, message: ToDecoder) -> None:
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

    def listen(self) -> list[FromDecoder] | None:
        """Return the messages that have arrived; `None` at the end of its output."""
        data = self._read()
        if data is None:
            return []
        return cast(list[FromDecoder], self._reader.feed(data)) if data else None

    def look(self, now_s: float) -> None:
        """Take note of what its heartbeat shows."""
        shown = self.heartbeat.job, self.heartbeat.beats
        if shown[0] != self.seen[0]:
            self.started_s = now_s
        if shown != self.seen or self.heartbeat.waiting:
            self.heard_s = now_s
        self.seen = shown

    def kill(self) -> list[FromDecoder]:
        """End the process; returns what it had sent before."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        found: list[FromDecoder] = []
        while data := self._read():
            found += cast(list[FromDecoder], self._reader.feed(data))
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
        self.heartbeat.release()

    def cause_of_death(self) -> str:
        """Say how the process ended, for the medium that it was reading."""
        code = self._process.returncode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return (
                    f"The decoder crashed ({signal.Signals(-code).name}) while reading it. "
                    "The file may be damaged or hostile; try a fresh copy, then `retry_failed=True`."
                )
        self._threads[0].join(timeout=_LAST_WORDS_S)
        error = f": {self._last_words[-1]}" if self._last_words else ""
        return f"The decoder ended (status {code}{error}) while reading it. Try `retry_failed=True`."

    def _read(self) -> bytes | None:
        """Return what has come, nothing at the end of the pipe, and `None` where there may be more later."""
        try:
            return self._socket.recv(_READ_BYTES) if self._socket else os.read(self.reads_from, _READ_BYTES)
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
                while data := os.read(pipe.fileno(), _READ_BYTES):
                    theirs.sendall(data)

        self._threads.append(threading.Thread(target=pump, daemon=True))
        return ours


def _start(block: SharedBlock) -> subprocess.Popen[bytes]:
    # -P keeps the user's working folder out of the module search path.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "vifex.extraction.decoders.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=block.inherited if os.name == "posix" else (),
        env=_environment(),
        bufsize=0,
    )


def _environment() -> dict[str, str]:
    """One thread per decoder: parallelism comes from their number."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
