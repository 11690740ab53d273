"""A decoder process: takes media from its supervisor and leaves ready pixels in shared memory.

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
import time
from collections import deque
from typing import BinaryIO

from vifex.extraction.decoders.heartbeat import Heartbeat
from vifex.extraction.decoders.protocol import (
    Finished,
    Forget,
    Grant,
    Job,
    Message,
    Need,
    Ready,
    RowFacts,
    Setup,
    Wrote,
    receive,
    send,
)
from vifex.extraction.decoders.shared_memory import attach, view_slot
from vifex.media.content_hash import content_hash
from vifex.media.installation import installation_fault, interface_error
from vifex.media.read import Skip, read
from vifex.values import Limits, Medium, Sample, VifexError
from vifex.values.media import uri_to_path

__all__ = ["main"]

SEND_EVERY_S = 0.2
"""Messages wait for a full batch, but not longer than this: each one sent wakes the supervisor."""


class _OpenSlot:
    """A slot that is being filled."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.filled = 0
        self.reported = 0
        self.pending: list[RowFacts] = []


class Decoder:
    """One decoder's state: its slots and its line to the supervisor.

    All messages of a job leave together where they can. A job of which some have left says at once when
    it is over: so after a death, a job is either whole with the supervisor, or in work, or to be done again.
    """

    def __init__(self, setup: Setup, inbox: queue.SimpleQueue[Message], out: BinaryIO) -> None:
        self._setup = setup
        self._memory = attach(setup.memory, setup.memory_bytes)
        self._heartbeat = Heartbeat(self._memory, setup.heartbeat)
        self._inbox = inbox
        self._out = out
        self._open: dict[int, _OpenSlot] = {}
        self._asked: set[int] = set()
        """Requests for which a slot was asked and has not come."""
        self._jobs: deque[Job] = deque()
        self._unsent: list[Message] = []
        self._sent_s = 0.0
        self._full = False
        """Whether a slot is full and the supervisor does not know it yet."""
        self._split = False
        """Whether messages have left while the job was in work."""
        self._waited_s = 0.0
        self._probed = False
        """Whether the installation was found to be in order."""

    def run(self) -> None:
        """Read jobs until the supervisor is gone."""
        self._unsent.append(Ready())
        self._send()
        while True:
            self._take_what_came()
            if not self._jobs:
                self._send()
            while not self._jobs:
                self._take(self._inbox.get())
            self._do(self._jobs.popleft())

    def _send(self) -> None:
        if self._unsent:
            send(self._out, *self._unsent)
            self._unsent.clear()
            self._sent_s = time.monotonic()
            self._full, self._split = False, True

    def _take_what_came(self) -> None:
        while not self._inbox.empty():
            self._take(self._inbox.get())

    def _take(self, message: Message) -> None:
        match message:
            case Job():
                self._jobs.append(message)
            case Grant():
                self._open[message.request] = _OpenSlot(message.slot)
                self._asked.discard(message.request)
            case Forget():
                self._open.pop(message.request, None)
            case _:
                raise AssertionError(f"unexpected message: {message}")

    def _do(self, job: Job) -> None:
        began_s = time.monotonic()
        if began_s - self._sent_s > SEND_EVERY_S:
            self._send()
        self._split, self._waited_s = False, 0.0
        self._heartbeat.start(job.job)
        counts = [0] * len(self._setup.requests)
        ended: dict[str, object] = {}
        try:
            ended["seen"] = self._decode(job, counts)
        except Skip as exc:
            ended["skipped"] = exc.reason
        except VifexError as exc:
            ended["failed"] = _sentence(exc)
            ended |= self._installation_fault(exc, job)
        except MemoryError:
            ended["failed"] = "Decoding it needs more memory than a decoder may take."
        except OSError as exc:
            ended["failed"] = f"It cannot be read: {exc.strerror or exc}."
        except Exception as exc:  # a bug of ours or of a decoder costs its file alone
            ended["failed"] = f"The decoder failed with {type(exc).__name__}: {exc}".rstrip(".") + "."
            ended |= self._installation_fault(exc, job)
        for request in self._open:
            self._report(job.job, request)
        ended["content_hash"] = _content_hash(job.medium)
        wall_s = time.monotonic() - began_s - self._waited_s
        finished = Finished(job.job, tuple(counts), wall_s=wall_s, media_s=self._heartbeat.at_s, **ended)  # type: ignore[arg-type]
        self._unsent.append(finished)
        if self._full or self._split:
            self._send()
        self._heartbeat.stop()

    def _decode(self, job: Job, counts: list[int]) -> object:
        requests = [self._setup.requests[i] for i in job.requests]
        samples = read(job.medium, requests, self._setup.limits, progress=self)
        while True:
            try:
                sample = next(samples)
            except StopIteration as stop:
                return stop.value
            request = job.requests[sample.request]
            self._put(job.job, request, sample)
            counts[request] += 1

    def _installation_fault(self, exc: Exception, job: Job) -> dict[str, object]:
        """Describe what is wrong with the installation, if an error comes of that; it is looked at once."""
        if self._probed or interface_error(exc) is None:
            return {}
        self._probed = True
        requests = [self._setup.requests[i] for i in job.requests]
        found = (installation_fault(read, request, self._setup.limits) for request in requests)
        fault = next((f for f in found if f is not None), None)
        return {} if fault is None else {"failed": None, "broken": fault}

    def _put(self, job: int, request: int, sample: Sample) -> None:
        slot = self._slot_for(request)
        plan = self._setup.slots[request]
        view_slot(self._memory, plan, slot.slot)[slot.filled] = sample.pixels
        slot.filled += 1
        slot.pending.append(_facts(sample))
        if slot.filled == plan.rows:
            self._report(job, request)
            del self._open[request]
            if self._jobs:
                self._ask(request)  # it comes while the next file is read
            self._full = True

    def _slot_for(self, request: int) -> _OpenSlot:
        self._take_what_came()
        if request not in self._open:
            self._ask(request)
            self._send()
            self._wait_for(request)
        return self._open[request]

    def _ask(self, request: int) -> None:
        if request not in self._asked:
            self._asked.add(request)
            self._unsent.append(Need(request))

    def _wait_for(self, request: int) -> None:
        since_s = time.monotonic()
        self._heartbeat.wait()
        while request not in self._open:
            self._take(self._inbox.get())
        waited_s = time.monotonic() - since_s
        self._heartbeat.go_on(waited_s)
        self._waited_s += waited_s

    def _report(self, job: int, request: int) -> None:
        slot = self._open[request]
        if slot.pending:
            self._unsent.append(Wrote(job, request, slot.slot, slot.reported, tuple(slot.pending)))
            slot.reported, slot.pending = slot.filled, []

    def reach(self, t_s: float, end_s: float | None) -> None:
        """Take how far the decoding of a video or a sound is; see `vifex.media.decode.video.reach`."""
        self._heartbeat.reach(t_s, end_s)

    def __call__(self) -> None:
        """Take a sign of life."""
        self._heartbeat.beat()
        if self._full or (self._unsent and time.monotonic() - self._sent_s > SEND_EVERY_S):
            self._send()


def _facts(sample: Sample) -> RowFacts:
    return RowFacts(
        ordinal=sample.ordinal,
        frame_index=sample.frame_index,
        pts=sample.pts,
        time_base=sample.time_base,
        t_s=sample.t_s,
        t_start_s=sample.t_start_s,
        t_end_s=sample.t_end_s,
        box=sample.box,
        boxes=sample.boxes,
        size_px=sample.size_px,
    )


def _content_hash(medium: Medium) -> str:
    """Return the hash of a medium's file; empty where there is no file that can be read."""
    try:
        return content_hash(uri_to_path(medium.uri))
    except (OSError, ValueError):
        return ""


def _sentence(exc: VifexError) -> str:
    """What happened and what to do; the ledger's entry names the medium itself."""
    return f"{exc.what} {exc.todo}" if exc.todo else exc.what


def _listen(pipe: BinaryIO, inbox: queue.SimpleQueue[Message]) -> None:
    while (messages := receive(pipe)) is not None:
        for message in messages:
            inbox.put(message)
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
    """Import what makes a network's pixels before memory is limited: its libraries are no file's cost."""
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
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(stdin, inbox), daemon=True).start()
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        Decoder(setup, inbox, out).run()


if __name__ == "__main__":
    main()
