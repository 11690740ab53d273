"""The child's side of the pipes: its standard input and output as messages, and its end with the parent."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from vifex.extraction.decoders.wire import receive

__all__ = ["exit_with", "listen", "message_pipes"]

_SET_PDEATHSIG: Final = 1


def message_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Prepare this process to serve its parent, and return the pipes from and to it.

    Interrupts are ignored: they reach the whole group, and the parent decides what is finished and what is
    not. What a library prints goes to standard error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_with_parent()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return os.fdopen(os.dup(0), "rb"), out


def listen(pipe: BinaryIO, take: Callable[[Any], None]) -> None:
    """Hand on every message of the parent; the process ends where the parent is gone."""
    while (messages := receive(pipe)) is not None:
        for message in messages:
            take(message)
    # The parent is gone; nothing that is half done here is of use to anybody.
    os._exit(0)


def exit_with(call: Callable[[], None]) -> None:
    """Call the program of this process, and end the process with it.

    A usual end would wait for the pipe in which another thread reads, for ever.
    """
    try:
        call()
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)
    except BaseException as exc:
        traceback.print_exception(exc.__cause__ or exc)
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _end_with_parent() -> None:
    """On Linux ask the kernel to end this process with its parent, even inside a hung library."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL)
