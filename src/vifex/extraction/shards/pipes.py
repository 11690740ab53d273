"""The transport between a coordinator and its shards on one machine: a process, and pipes."""

from __future__ import annotations

import os
import sys
import threading
from typing import BinaryIO, Final

from vifex.extraction.decoders.wire import send
from vifex.extraction.processes.child_process import ChildProcess
from vifex.extraction.shards.protocol import FromShard, ShardSetup

__all__ = ["PipeToCoordinator", "ShardProcess"]

_PIPE_BYTES: Final = 1 << 20
_SET_PIPE_SIZE: Final = 1031
"""`F_SETPIPE_SZ` of Linux."""


class ShardProcess(ChildProcess):
    """A shard in a process of its own.

    Args:
        setup: The first message to it.
    """

    lost_machine = False
    """This machine has the coordinator as well."""

    def __init__(self, setup: ShardSetup) -> None:
        super().__init__(
            "vifex.extraction.shards.worker",
            environment={**os.environ, "PYTHONUNBUFFERED": "1"},
            read_bytes=_PIPE_BYTES,
        )
        if sys.platform == "linux":
            _widen(self.reads_from)
        self.say(setup)
        self.flush()


class PipeToCoordinator:
    """The coordinator at the other end of a pipe.

    Args:
        pipe: To the coordinator.
    """

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._turn = threading.Lock()

    def say(self, message: FromShard) -> None:
        """Send a message; blocks while the pipe is full."""
        with self._turn:
            send(self._pipe, [message])


def _widen(descriptor: int) -> None:
    """Let a pipe hold a megabyte, where the system's limits allow it."""
    import contextlib
    import fcntl

    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, _SET_PIPE_SIZE, _PIPE_BYTES)
