"""The supervisor of the decoder processes: feeds them, watches them, ends and replaces them.

A decoder that hangs, crashes or grows too large costs the file that it was reading, nothing else.
The supervisor knows jobs and slots; what becomes of the pixels is not its business.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

from vifex.extraction.decoders.heartbeat import HEARTBEAT_BYTES, Heartbeat
from vifex.extraction.decoders.protocol import (
    Finished,
    Forget,
    Grant,
    Job,
    Message,
    Need,
    Ready,
    Setup,
    Wrote,
    receive,
    send,
)
from vifex.extraction.decoders.shared_memory import Pixels, SharedBlock, lay_out, view_slot
from vifex.extraction.decoders.slot_pool import SlotPool
from vifex.media.installation import failed_import
from vifex.values import EngineError, Limits, Medium, ViewRequest

__all__ = ["Filled", "InWork", "JobEnded", "Supervisor", "SupervisorEvent"]

_JOBS_AHEAD = (2, 16)
"""Media that a decoder holds, at least and at most: the one it reads, and more the less they take."""
_AHEAD_S = 0.1
"""Seconds of work that it may hold: more would wait behind it while others have nothing to do."""

_PARTIAL_S = 1.0
"""Seconds that a slot which is not full waits with an idle decoder: what is finished is to be kept."""

_START_TRIES = 3
_JOIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Filled:
    """A slot with samples, maybe not full; it is the receiver's until `Supervisor.free`."""

    request: int
    slot: int
    rows: tuple[Wrote, ...]


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job is over. `Filled` slots with its samples may still follow, `counts` says how many samples."""

    job: int
    ended: Finished


SupervisorEvent = Filled | JobEnded


@dataclass(frozen=True, slots=True)
class InWork:
    """A medium that a decoder is reading."""

    medium: Medium
    at_s: float
    """Seconds of its own time that were reached; 0 for an image."""
    end_s: float | None
    """Where its decoding ends, where that is known."""
    spent_s: float
    """What it took so far, waiting for room not counted."""


@dataclass(slots=True)
class _Decoder:
    """What the supervisor knows of one decoder process."""

    number: int
    process: subprocess.Popen[bytes]
    heartbeat: Heartbeat
    seat: int
    """Which of the heartbeats is its own."""
    ready: bool = False
    jobs: deque[Job] = field(default_factory=deque)
    long: int = 0
    """How many of them are no images."""
    outbox: list[Message] = field(default_factory=list)
    """On their way to it, to leave together."""
    seen: tuple[int | None, int] = (None, 0)
    """The job and the beats that its heartbeat showed last."""
    started_s: float = 0.0
    heard_s: float = 0.0
    open: dict[int, int] = field(default_factory=dict)
    written: dict[int, list[Wrote]] = field(default_factory=dict)
    needs: set[int] = field(default_factory=set)
    idle_s: float = 0.0
    """Since when it has had nothing to do."""
    counted: int = -1
    """The job whose samples `counts` holds, by request."""
    counts: dict[int, int] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)
    last_words: deque[str] = field(default_factory=lambda: deque(maxlen=20))


class Supervisor:
    """Runs `workers` decoder processes over shared slots.

    Args:
        requests: What is wanted of every medium.
        batch_rows: Samples per slot, one number for each request.
        extra_slots: Slots beyond the two of each decoder: batches queued or inside the engine.
        workers: How many processes.
        limits: What one file may cost.
        inbox: Where `(decoder number, messages or None)` arrives; `handle` takes it from there.
    """

    def __init__(
        self,
        requests: tuple[ViewRequest, ...],
        batch_rows: tuple[int, ...],
        *,
        extra_slots: int,
        workers: int,
        limits: Limits,
        inbox: queue.SimpleQueue[object],
    ) -> None:
        samples = [(n, _sample_shape(w), _dtype(w)) for n, w in zip(batch_rows, requests, strict=True)]
        per_request = 2 * workers + extra_slots
        self.plans, heartbeats = lay_out([(per_request, *sample) for sample in samples])
        size = heartbeats + workers * HEARTBEAT_BYTES
        self._block = SharedBlock(size)
        self._setup = Setup(requests, self.plans, limits, self._block.address, size, heartbeats)
        self._limits = limits
        self._inbox = inbox
        self._pools = [SlotPool(per_request, low=extra_slots // 2) for _ in requests]
        self._decoders: dict[int, _Decoder] = {}
        self._number = 0
        self._failed_starts = 0
        self._job_s = _AHEAD_S
        """What a job takes, a running mean."""
        self._events: deque[SupervisorEvent] = deque()
        for seat in range(workers):
            self._start(seat)

    # -- the way in ---------------------------------------------------------------------------------

    def wants_job(self) -> bool:
        """Whether some decoder would take another medium now."""
        return bool(self._with_capacity())

    def give(self, job: int, medium: Medium, requests: tuple[int, ...]) -> None:
        """Hand a medium to the decoder with the least to do, with the next `flush`."""
        self._give(Job(job, medium, requests))

    def flush(self) -> None:
        """Send what waits: one write wakes a decoder once."""
        for decoder in self._decoders.values():
            if decoder.outbox:
                # A broken pipe means that the process is dying; its end arrives through the inbox.
                with contextlib.suppress(OSError):
                    send(cast(BinaryIO, decoder.process.stdin), *decoder.outbox)
                decoder.outbox = []

    def in_work(self) -> list[InWork]:
        """Return the media that decoders are reading now, by the decoders' seats."""
        now_s = time.monotonic()
        found = []
        for decoder in sorted(self._decoders.values(), key=lambda d: d.seat):
            number = decoder.heartbeat.job
            medium = next((job.medium for job in decoder.jobs if job.job == number), None)
            if medium is not None:
                # When the job was begun is seen a few times a second: of a newer one it is not known yet.
                spent_s = now_s - decoder.started_s if decoder.seen[0] == number else 0.0
                spent_s = max(0.0, spent_s - decoder.heartbeat.waited_s)
                found.append(InWork(medium, decoder.heartbeat.at_s, decoder.heartbeat.end_s, spent_s))
        return found

    def idle(self) -> bool:
        """Whether every medium that was given is over."""
        return all(not d.jobs for d in self._decoders.values())

    def free(self, request: int, slot: int) -> None:
        """Take a slot back whose pixels are no longer needed."""
        self._pools[request].clear(slot)
        self._grant_all(request)

    def pixels(self, request: int, slot: int) -> Pixels:
        """A slot's pixels or sound `[rows, *sample_shape]` over the shared memory."""
        return view_slot(self._block.memory, self.plans[request], slot)

    # -- the way out --------------------------------------------------------------------------------

    def handle(self, number: int, messages: tuple[Message, ...] | None) -> None:
        """Take messages of a decoder; `None` says that it ended."""
        decoder = self._decoders.get(number)
        if decoder is None:
            return  # last words of one that was ended on purpose
        if messages is None:
            self._reap(decoder, None)
            return
        for message in messages:
            self._handle(decoder, message)

    def _handle(self, decoder: _Decoder, message: Message) -> None:
        match message:
            case Ready():
                decoder.ready = True
                self._failed_starts = 0
            case Need():
                decoder.needs.add(message.request)
                if not self._grant(decoder, message.request) and self._pools[message.request].is_empty:
                    self._reclaim(message.request)
            case Wrote():
                self._note(decoder, message)
            case Finished():
                self._finish(decoder, message)

    def watch(self) -> None:
        """End decoders that hang, and start what is missing; to be called a few times a second."""
        now_s = time.monotonic()
        for decoder in list(self._decoders.values()):
            _look(decoder, now_s)
            if not decoder.jobs and decoder.open and now_s - decoder.idle_s > _PARTIAL_S:
                self._take_partial(decoder)
            if decoder.seen[0] is None or decoder.heartbeat.waiting:
                continue
            spent_s = now_s - decoder.started_s - decoder.heartbeat.waited_s
            if now_s - decoder.heard_s > self._limits.stall_s:
                self._reap(
                    decoder,
                    f"Decoding made no progress for {self._limits.stall_s:g} s and was ended. "
                    "The file may be damaged; raise `stall_s=` if it lies on slow storage.",
                )
            elif spent_s > self._limits.file_s:
                self._reap(
                    decoder,
                    f"Decoding took longer than {self._limits.file_s:g} s and was ended. "
                    "Raise `file_s=` to give it more time.",
                )

    def events(self) -> list[SupervisorEvent]:
        """What happened since the last call, in order."""
        if self._decoders and self.idle():
            self._take_partial_slots()
        events = list(self._events)
        self._events.clear()
        return events

    def close(self) -> None:
        """End every decoder and give the shared memory back."""
        for decoder in self._decoders.values():
            _end(decoder)
            decoder.heartbeat.release()
        self._decoders.clear()
        self._block.close()

    # -- inside -------------------------------------------------------------------------------------

    def _start(self, seat: int) -> None:
        offset = self._setup.heartbeat + seat * HEARTBEAT_BYTES
        heartbeat = Heartbeat(self._block.memory, offset)
        heartbeat.clear()
        # -P keeps the user's working folder out of the module search path.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vifex.extraction.decoders.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=self._block.inherited if os.name == "posix" else (),
            env=_worker_environment(),
        )
        self._number += 1
        decoder = _Decoder(self._number, process, heartbeat, seat, heard_s=time.monotonic())
        self._decoders[self._number] = decoder
        for target in (self._listen, _drain):
            thread = threading.Thread(target=target, args=(decoder,), daemon=True)
            thread.start()
            decoder.threads.append(thread)
        decoder.outbox.append(replace(self._setup, heartbeat=offset))
        self.flush()

    def _listen(self, decoder: _Decoder) -> None:
        # A dead process closes the pipe; a pipe cut inside a message reads as its end.
        with cast(BinaryIO, decoder.process.stdout) as pipe, contextlib.suppress(OSError, EOFError):
            while (messages := receive(pipe)) is not None:
                self._inbox.put((decoder.number, messages))
        self._inbox.put((decoder.number, None))

    def _with_capacity(self) -> list[_Decoder]:
        """Return the decoders that would take another medium."""
        least, most = _JOBS_AHEAD
        ahead = min(max(least, int(_AHEAD_S / max(self._job_s, 1e-6))), most)
        # A video may take an hour: little waits behind it that another decoder could do.
        return [d for d in self._decoders.values() if len(d.jobs) < (least if d.long else ahead)]

    def _give(self, job: Job) -> None:
        decoder = min(self._with_capacity() or self._decoders.values(), key=lambda d: (d.long, len(d.jobs)))
        decoder.jobs.append(job)
        decoder.long += job.medium.kind != "image"
        decoder.outbox.append(job)

    def _grant_all(self, request: int) -> None:
        for decoder in self._decoders.values():
            if request in decoder.needs:
                self._grant(decoder, request)

    def _grant(self, decoder: _Decoder, request: int) -> bool:
        """Give a decoder the slot that it needs, or let it wait."""
        slot = self._pools[request].take()
        if slot is None:
            return False
        decoder.open[request] = slot
        decoder.written[request] = []
        decoder.needs.discard(request)
        decoder.outbox.append(Grant(request, slot))
        return True

    def _note(self, decoder: _Decoder, wrote: Wrote) -> None:
        if decoder.counted != wrote.job:
            decoder.counted, decoder.counts = wrote.job, {}
        decoder.counts[wrote.request] = decoder.counts.get(wrote.request, 0) + len(wrote.rows)
        decoder.written[wrote.request].append(wrote)
        if wrote.first + len(wrote.rows) == self.plans[wrote.request].rows:
            self._hand_over(decoder, wrote.request)

    def _hand_over(self, decoder: _Decoder, request: int) -> None:
        slot, rows = decoder.open.pop(request), decoder.written.pop(request)
        if rows:
            self._pools[request].fill()
            self._events.append(Filled(request, slot, tuple(rows)))
        else:
            self._pools[request].put_back(slot)
            self._grant_all(request)

    def _finish(self, decoder: _Decoder, message: Finished) -> None:
        if message.broken is not None:
            raise message.broken
        job = decoder.jobs.popleft()
        assert job.job == message.job, "decoders finish their jobs in order"
        decoder.long -= job.medium.kind != "image"
        decoder.idle_s = time.monotonic()
        self._job_s += 0.1 * (message.wall_s - self._job_s)
        self._events.append(JobEnded(job.job, message))

    def _reclaim(self, request: int) -> None:
        """Take half-filled slots from decoders that have nothing to do: another one waits for room."""
        for decoder in self._decoders.values():
            if not decoder.jobs and request in decoder.open:
                decoder.outbox.append(Forget(request))
                self._hand_over(decoder, request)

    def _take_partial_slots(self) -> None:
        for decoder in self._decoders.values():
            self._take_partial(decoder)

    def _take_partial(self, decoder: _Decoder) -> None:
        for request in list(decoder.open):
            decoder.outbox.append(Forget(request))
            self._hand_over(decoder, request)

    def _reap(self, decoder: _Decoder, reason: str | None) -> None:
        """Settle what a dead or hanging decoder held and start another in its place."""
        del self._decoders[decoder.number]
        _end(decoder)
        _look(decoder, time.monotonic())
        if reason is None:
            reason = _cause_of_death(decoder)
        if not decoder.ready:
            self._count_failed_start(decoder)
        for request in list(decoder.open):
            self._hand_over(decoder, request)
        again = [job for job in decoder.jobs if job.job != decoder.seen[0]]
        if len(again) < len(decoder.jobs):
            self._events.append(JobEnded(cast(int, decoder.seen[0]), self._lost(decoder, reason)))
        decoder.heartbeat.release()
        self._start(decoder.seat)
        for job in again:
            self._give(job)
        self.flush()

    def _lost(self, decoder: _Decoder, reason: str) -> Finished:
        """What became of the job that was in work when a decoder died."""
        counts = decoder.counts if decoder.counted == decoder.seen[0] else {}
        wall_s = max(0.0, time.monotonic() - decoder.started_s - decoder.heartbeat.waited_s)
        return Finished(
            cast(int, decoder.seen[0]),
            tuple(counts.get(i, 0) for i in range(len(self.plans))),
            failed=reason,
            wall_s=wall_s,
        )

    def _count_failed_start(self, decoder: _Decoder) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _START_TRIES:
            words = " ".join(decoder.last_words).strip()
            fault = failed_import(decoder.last_words[-1] if decoder.last_words else "")
            if fault is not None:
                raise fault
            raise EngineError(
                f"decoder processes do not start: {words or _cause_of_death(decoder)}",
                todo="Run `python -m vifex.extraction.decoders.worker < /dev/null` to see why.",
            )


def _look(decoder: _Decoder, now_s: float) -> None:
    """Take note of what a decoder's heartbeat shows."""
    shown = decoder.heartbeat.job, decoder.heartbeat.beats
    if shown[0] != decoder.seen[0]:
        decoder.started_s = now_s
    if shown != decoder.seen or decoder.heartbeat.waiting:
        decoder.heard_s = now_s
    decoder.seen = shown


def _dtype(request: ViewRequest) -> str:
    return "uint8" if request.audio is None else "float32"


def _sample_shape(request: ViewRequest) -> tuple[int, ...]:
    if request.audio is not None:
        return (request.audio.window_samples,)
    frame = (request.pixels.height_px, request.pixels.width_px, 3)
    length = request.sampling.frames_per_sample
    return frame if length is None else (length, *frame)


def _worker_environment() -> dict[str, str]:
    """One thread per decoder: parallelism comes from their number."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def _drain(decoder: _Decoder) -> None:
    with cast(BinaryIO, decoder.process.stderr) as pipe:
        for line in pipe:
            decoder.last_words.append(line.decode(errors="replace").rstrip())


def _end(decoder: _Decoder) -> None:
    with contextlib.suppress(OSError):
        decoder.process.kill()
    decoder.process.wait()
    with contextlib.suppress(OSError):
        cast(BinaryIO, decoder.process.stdin).close()
    for thread in decoder.threads:
        thread.join(timeout=_JOIN_S)  # they see the end of their pipes and go


def _cause_of_death(decoder: _Decoder) -> str:
    code = decoder.process.returncode
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return (
                f"The decoder crashed ({signal.Signals(-code).name}) while reading it. "
                "The file may be damaged or hostile; try a fresh copy, then `retry_failed=True`."
            )
    return f"The decoder ended (status {code}) while reading it. Try `retry_failed=True`."
