"""A decoder's work: media from its supervisor become samples in shared memory.

Answers leave in blocks. What is written and what is finished wait until a batch is full, until half of the
media are read, until there is nothing more to read, or for a fifth of a second: each frame that is sent wakes
the supervisor.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from typing import BinaryIO, Final

from vifex.extraction.decoders.file_waits import FileWaits
from vifex.extraction.decoders.memory.heartbeat import Heartbeat
from vifex.extraction.decoders.memory.shared_memory import Pixels, attach, view_slot
from vifex.extraction.decoders.protocol import (
    Assignment,
    Broken,
    Ending,
    Failed,
    Finished,
    Forget,
    FromDecoder,
    Grant,
    Jobs,
    Leave,
    Need,
    Ready,
    Setup,
    Skipped,
    ToDecoder,
    Wrote,
)
from vifex.extraction.decoders.remote_waits import RemoteWaits
from vifex.extraction.decoders.wire import send
from vifex.media.content_hash import content_hash, hash_of
from vifex.media.decode.files.source import open_found
from vifex.media.installation import installation_fault, interface_error
from vifex.media.read import Skip, read
from vifex.media.remote.errors import UnreachableError
from vifex.values import DecodeReport, MediaError, Medium, Sample, VifexError
from vifex.values.media import uri_to_path
from vifex.values.sample_facts import FactsBuilder

__all__ = ["SEND_EVERY_S", "Arrived", "Session"]

SEND_EVERY_S: Final = 0.2
"""How long messages wait for a full batch."""


_PARTIAL_S: Final = 1.0
"""How long a slot that is not full waits for the network."""


class Arrived:
    """Takes its place among the messages: a medium has come over the network."""


class _CannotReport(BaseException):
    """Reporting failed, which is not an error of the medium in work: the process ends."""


class _OpenSlot:
    """A slot that is being filled."""

    def __init__(self, slot: int, pixels: Pixels) -> None:
        self.slot = slot
        self.pixels = pixels
        self.filled = 0
        self.attempts: list[int] = []
        """Of the samples that the supervisor does not know of yet, as are `facts`."""
        self.facts = FactsBuilder()


class _Over:
    """Attempts that are over and not yet reported."""

    def __init__(self) -> None:
        self.attempts: list[int] = []
        self.counts: list[tuple[int, ...]] = []
        self.wall_s: list[float] = []
        self.media_s: list[float] = []
        self.content_hashes: list[str] = []
        self.endings: dict[int, Ending] = {}

    def message(self) -> Finished:
        return Finished(
            tuple(self.attempts),
            tuple(self.counts),
            tuple(self.wall_s),
            tuple(self.media_s),
            tuple(self.content_hashes),
            self.endings,
        )


class Session:
    """The state of one decoder: its slots, its media and its line to the supervisor.

    Args:
        setup: The supervisor's first message.
        inbox: Messages of the supervisor that come after it.
        out: Where answers are written.
    """

    def __init__(self, setup: Setup, inbox: queue.SimpleQueue[ToDecoder | Arrived], out: BinaryIO) -> None:
        self._setup = setup
        self._memory = attach(setup.memory, setup.memory_bytes)
        self._heartbeat = Heartbeat(self._memory, setup.heartbeat)
        self._inbox = inbox
        self._out = out
        self._open: dict[int, _OpenSlot] = {}
        self._asked: set[int] = set()
        """Requests for which a slot was asked and has not come."""
        self._jobs: deque[Assignment] = deque()
        self._refill_at = 0
        """Number of media left at which finished ones are reported, so that more arrive before none is
        left."""
        self._unsent: list[FromDecoder] = []
        self._over = _Over()
        self._sent_s = 0.0
        self._full = False
        """Whether a slot is full and the supervisor does not know it yet."""
        self._waited_s = 0.0
        self._file_waits = FileWaits()
        self._remote = RemoteWaits(
            self._heartbeat, setup.sharing, self._leave_out, lambda: inbox.put(Arrived())
        )
        self._probed = False
        """Whether the installation was found to be in order."""

    def run(self) -> None:
        """Read media until the process ends."""
        self._unsent.append(Ready())
        self._send()
        while True:
            self._take_what_came()
            job = self._next_job()
            if job is None:
                self._send()
                job = self._wait_for_job()
            self._do(job)

    def _next_job(self) -> Assignment | None:
        """Take the first medium that has not to be waited for: one that a server holds up stays behind."""
        for index, job in enumerate(self._jobs):
            if not self._remote.is_awaited(job):
                del self._jobs[index]
                return job
        return None

    def reach(self, t_s: float, end_s: float | None) -> None:
        """Take how far the decoding of a video or a sound is; see `vifex.media.decode.video.reach`."""
        self._heartbeat.reach(t_s, end_s)

    def __call__(self) -> None:
        """Take a sign of life from whatever is decoding."""
        self._heartbeat.beat()
        self._measure()
        self._send_if_due()

    def _measure(self) -> None:
        share = self._file_waits.share()
        if share is not None:
            self._heartbeat.block(share)

    def _leave_out(self, waited_s: float) -> None:
        """Take a wait for the network: it is not the decoder's work."""
        self._waited_s += waited_s

    def _wait_for_job(self) -> Assignment:
        since_s = time.monotonic()
        while (job := self._next_job()) is None:
            if self._jobs:
                self._wait_for_network()
            else:
                self._take(self._inbox.get())
        self._file_waits.leave_out(time.monotonic() - since_s)
        return job

    def _wait_for_network(self) -> None:
        """Wait for a message; what was read so far does not wait for a server that holds up the rest."""
        self._heartbeat.wait()
        self._remote.press(self._jobs[0])
        try:
            message = self._inbox.get(timeout=_PARTIAL_S if self._open else None)
        except queue.Empty:
            for request, slot in self._open.items():
                self._report(request, slot)
                self._unsent.append(Leave(request))
            self._open.clear()
            self._send()
        else:
            self._take(message)
        self._heartbeat.go_on(0.0)

    # -- messages ----------------------------------------------------------------------------------------

    def _send_if_due(self) -> None:
        if self._full or time.monotonic() - self._sent_s > SEND_EVERY_S:
            self._send()

    def _send(self) -> None:
        in_work = self._heartbeat.job
        # If the process dies of this, the medium in work is not the cause where others are reported.
        is_shared = in_work is not None and any(a != in_work for a in self._over.attempts)
        if is_shared:
            self._heartbeat.stop()
        try:
            self._send_all()
        except OSError:
            raise  # the supervisor is gone
        except Exception as exc:
            raise _CannotReport from exc
        if is_shared and in_work is not None:
            self._heartbeat.resume(in_work)

    def _send_all(self) -> None:
        # First what was written and then what is over: a medium that is over was written whole.
        for request, slot in self._open.items():
            self._report(request, slot)
        if self._over.attempts:
            self._unsent.append(self._over.message())
            self._over = _Over()
        if self._unsent:
            send(self._out, self._unsent)
            self._unsent.clear()
            self._sent_s = time.monotonic()
            self._full = False

    def _report(self, request: int, slot: _OpenSlot) -> None:
        if slot.attempts:
            self._unsent.append(Wrote(request, slot.slot, tuple(slot.attempts), slot.facts.take()))
            slot.attempts = []

    def _take_what_came(self) -> None:
        while not self._inbox.empty():
            self._take(self._inbox.get())

    def _take(self, message: ToDecoder | Arrived) -> None:
        match message:
            case Jobs():
                self._jobs += message.block
                self._remote.expect(message.block)
                self._refill_at = len(self._jobs) // 2
            case Grant():
                pixels = view_slot(self._memory, self._setup.slots[message.request], message.slot)
                self._open[message.request] = _OpenSlot(message.slot, pixels)
                self._asked.discard(message.request)
            case Forget():
                self._open.pop(message.request, None)
            case Arrived():
                pass
            case Setup():
                raise AssertionError("a decoder is set up once")

    # -- one medium --------------------------------------------------------------------------------------

    def _do(self, job: Assignment) -> None:
        began_s = time.monotonic()
        if job.losses:
            self._send()  # what was finished before is reported apart from it
        else:
            self._send_if_due()
        self._waited_s = 0.0
        self._heartbeat.start(job.attempt)
        counts = [0] * len(self._setup.requests)
        ending = self._ending(job, counts)
        over = self._over
        over.attempts.append(job.attempt)
        over.counts.append(tuple(counts))
        is_passing = isinstance(ending, Failed) and ending.is_passing
        over.content_hashes.append("" if is_passing else _content_hash(job.medium))
        self._remote.over(job)
        over.wall_s.append(time.monotonic() - began_s - self._waited_s)
        over.media_s.append(self._heartbeat.at_s)
        if not (isinstance(ending, DecodeReport) and _is_plain(ending)):
            over.endings[job.attempt] = ending
        is_due = self._full or len(self._jobs) == self._refill_at
        if is_due or job.losses or job.medium.kind != "image":
            self._send()
        self._measure()
        self._heartbeat.stop()

    def _ending(self, job: Assignment, counts: list[int]) -> Ending:
        try:
            return self._decode(job, counts)
        except Skip as exc:
            return Skipped(exc.reason)
        except UnreachableError as exc:
            return Failed(exc.sentences, is_passing=True)
        except VifexError as exc:
            return self._installation_fault(exc, job) or Failed(exc.sentences)
        except MemoryError:
            return Failed("Decoding it needs more memory than a decoder may take.")
        except OSError as exc:
            return Failed(f"It cannot be read: {exc.strerror or exc}.")
        except Exception as exc:  # a bug of ours or of a decoder costs its file alone
            reason = f"The decoder failed with {type(exc).__name__}: {exc}".rstrip(".") + "."
            return self._installation_fault(exc, job) or Failed(reason)

    def _decode(self, job: Assignment, counts: list[int]) -> DecodeReport:
        requests = [self._setup.requests[i] for i in job.requests]
        samples = read(job.medium, requests, self._setup.limits, progress=self)
        while True:
            try:
                sample = next(samples)
            except StopIteration as stop:
                report: DecodeReport = stop.value
                return report
            request = job.requests[sample.request]
            self._put(job.attempt, request, sample)
            counts[request] += 1

    def _installation_fault(self, exc: Exception, job: Assignment) -> Broken | None:
        """Find out what is wrong with the installation, if that is the cause of an error; once is enough."""
        if self._probed or interface_error(exc) is None:
            return None
        self._probed = True
        requests = [self._setup.requests[i] for i in job.requests]
        found = (installation_fault(read, request, self._setup.limits) for request in requests)
        fault = next((f for f in found if f is not None), None)
        return None if fault is None else Broken(fault)

    def _put(self, attempt: int, request: int, sample: Sample) -> None:
        self._take_what_came()
        slot = self._open.get(request) or self._wait_for(request)
        slot.pixels[slot.filled] = sample.pixels
        slot.filled += 1
        slot.attempts.append(attempt)
        slot.facts.add(sample)
        if slot.filled == len(slot.pixels):
            self._report(request, slot)
            del self._open[request]
            if self._jobs:
                self._ask(request)  # it comes while the next file is read
            self._full = True

    def _ask(self, request: int) -> None:
        if request not in self._asked:
            self._asked.add(request)
            self._unsent.append(Need(request))

    def _wait_for(self, request: int) -> _OpenSlot:
        self._ask(request)
        self._send()
        since_s = time.monotonic()
        self._heartbeat.wait()
        while request not in self._open:
            self._take(self._inbox.get())
        waited_s = time.monotonic() - since_s
        self._heartbeat.go_on(waited_s)
        self._waited_s += waited_s
        self._file_waits.leave_out(waited_s)
        return self._open[request]


def _content_hash(medium: Medium) -> str:
    """Return the hash of a medium's file; empty where there is no file that can be read."""
    try:
        if "#" not in medium.uri and medium.uri.startswith("file:"):
            return content_hash(uri_to_path(medium.uri))
        with open_found(medium) as file:
            return hash_of(file.size_bytes, file.seek, file.read)
    except (OSError, ValueError, MediaError):
        return ""


def _is_plain(report: DecodeReport) -> bool:
    """Check whether an image was read of which the ledger says nothing."""
    said = report.problems or report.choices or report.empty or report.apart or report.taken
    return report.kind == "image" and not said and not report.frames_lost
