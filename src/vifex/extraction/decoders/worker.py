"""The program of a decoder process: it sets the process up and runs a `Session` in it.

The supervisor starts it as `python -P -m vifex.extraction.decoders.worker`. It talks over its standard input
and output and exits when either closes, so that it never outlives its supervisor.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading

from vifex.extraction.decoders.protocol import Setup, ToDecoder
from vifex.extraction.decoders.session import Arrived, Session
from vifex.extraction.decoders.wire import receive
from vifex.extraction.processes.serving import exit_with, listen, message_pipes
from vifex.values import Limits

__all__ = ["main"]


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
    stdin, out = message_pipes()
    first = receive(stdin)
    if first is None:
        return
    (setup,) = first
    assert isinstance(setup, Setup), "the first message sets a decoder up"
    _load_processors(setup)
    _limit_memory(setup.limits)
    _yield_to_the_engine()
    inbox: queue.SimpleQueue[ToDecoder | Arrived] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(stdin, inbox.put), daemon=True).start()
    exit_with(Session(setup, inbox, out).run)


if __name__ == "__main__":
    main()
