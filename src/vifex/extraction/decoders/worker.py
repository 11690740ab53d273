"""The program of a decoder process: it sets the process up and runs a `Session` in it.

The supervisor starts it as `python -P -m vifex.extraction.decoders.worker`. It talks over its standard input
and output and exits when either closes, so that it never outlives its supervisor.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import traceback
from typing import BinaryIO, cast

from vifex.extraction.decoders.protocol import Setup, ToDecoder
from vifex.extraction.decoders.session import Session
from vifex.extraction.decoders.wire import receive
from vifex.values import Limits

__all__ = ["main"]


def _listen(pipe: BinaryIO, inbox: queue.SimpleQueue[ToDecoder]) -> None:
    while (messages := receive(pipe)) is not None:
        for message in messages:
            inbox.put(cast(ToDecoder, message))
    # The supervisor is gone; nothing that is half done here is of use to anybody.
    os._exit(0)


def _end_with_parent() -> None:
    """On Linux ask the kernel to end this process with its parent, even inside a hung decoder."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


def _yield_to_the_engine() -> None:
    """Ask Linux not to let this process interrupt others when it wakes: a batch runs better whole."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _load_processors(setup: Setup) -> None:
    """Import the libraries of a network's processor before memory is limited: no file pays for them."""
    processors = [w.pixels.processor for w in setup.requests if w.pixels.processor is not None]
    for processor in processors:
        processor.load()
    if processors and (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)  # parallelism comes from workers


def _limit_memory(limits: Limits) -> None:
    """Bound the address space at what is mapped now and `memory_bytes` more."""
    if not limits.memory_bytes or sys.platform != "linux":
        return
    import resource

    with open("/proc/self/statm") as file:  # noqa: PTH123
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = mapped + limits.memory_bytes
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def main() -> None:
    """Serve the supervisor that started this process."""
    # An interrupt reaches the whole group; the supervisor decides what is finished and what is not.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_with_parent()
    # Whatever a library prints must not get between the messages.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    stdin = os.fdopen(os.dup(0), "rb")
    first = receive(stdin)
    if first is None:
        return
    (setup,) = first
    assert isinstance(setup, Setup), "the first message sets a decoder up"
    _load_processors(setup)
    _limit_memory(setup.limits)
    _yield_to_the_engine()
    inbox: queue.SimpleQueue[ToDecoder] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(stdin, inbox), daemon=True).start()
    try:
        Session(setup, inbox, out).run()
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)
    except BaseException as exc:
        # A usual end would wait for the pipe in which the other thread reads, for ever.
        traceback.print_exception(exc.__cause__ or exc)
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
