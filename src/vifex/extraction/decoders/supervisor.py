"""The supervisor of the decoder processes: feeds them, watches them, ends and replaces them.

A decoder that hangs, crashes or grows too large costs the medium that it was reading, nothing else. What it
had finished but not yet reported is read again, as another attempt. What becomes of the pixels is not decided
here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

from vifex.extraction.decoders.decoder import Decoder
from vifex.extraction.decoders.dispatching.dispatcher import Dispatcher
from vifex.extraction.decoders.events import Ended, Event, InWork, Retried
from vifex.extraction.decoders.memory.heartbeat import HEARTBEAT_BYTES
from vifex.extraction.decoders.memory.shared_memory import Pixels, SharedBlock, lay_out, view_slot
from vifex.extraction.decoders.poller import Poller
from vifex.extraction.decoders.protocol import (
    Assignment,
    Broken,
    Failed,
    Finished,
    FromDecoder,
    Leave,
    Need,
    Ready,
    Setup,
    Wrote,
)
from vifex.extraction.decoders.slots import Slots
from vifex.media.installation import failed_import
from vifex.values import EngineError, Limits, Medium, ViewRequest

__all__ = ["Supervisor"]

_WATCH_S: Final = 0.02
"""How often heartbeats are looked at, at most."""
_PARTIAL_S: Final = 1.0
"""Seconds that a slot which is not full waits with an idle decoder: what is finished is to be kept."""
_AWAY_S: Final = 1.0
"""Longer pauses of the supervisor itself do not count: decoders may have waited for it."""
_OF_A_DECODER: Final = 2
"""Slots of each request for every decoder: one that it fills, and one that it filled."""
_START_TRIES: Final = 3
_MOST_LOSSES: Final = 3
"""Decoders that may die with a medium without a sign of the cause, before the medium counts as failed."""

_SILENT: Final = "The decoder stopped before it reported on it. Try `retry_failed=True`."


class Supervisor:
    """Runs `workers` decoder processes over shared slots.

    Args:
        requests: What is wanted of every medium.
        batch_rows: Samples per slot, one number for each request.
        extra_slots: Slots beyond the two of each decoder: batches queued or inside the engine.
        workers: How many processes.
        limits: What one file may cost.
        slow_workers: Processes beyond those, started for media of slow disks.
        window: Media that may wait for a decoder; see `Dispatcher`.
        poller: Waits for their answers; the caller closes it.
    """

    def __init__(
        self,
        requests: tuple[ViewRequest, ...],
        batch_rows: tuple[int, ...],
        *,
        extra_slots: int,
        workers: int,
        limits: Limits,
        poller: Poller,
        slow_workers: int = 0,
        window: int = 0,
    ) -> None:
        samples = [(n, _sample_shape(w), _dtype(w)) for n, w in zip(batch_rows, requests, strict=True)]
        count = _OF_A_DECODER * (workers + slow_workers) + extra_slots
        plans, heartbeats = lay_out([(count, *sample) for sample in samples])
        size = heartbeats + (workers + slow_workers) * HEARTBEAT_BYTES
        self._block = SharedBlock(size)
        sharing = workers + slow_workers
        self._setup = Setup(requests, plans, limits, self._block.address, size, heartbeats, sharing)
        self._limits = limits
        self._poller = poller
        self._decoders: dict[int, Decoder] = {}
        self._dispatcher = Dispatcher(self._decoders, workers=workers, window=window)
        self._most_decoders = workers + slow_workers
        self._slots = Slots(
            plans, self._decoders, low=extra_slots // 2, held_back=_OF_A_DECODER * slow_workers
        )
        self._blocked: set[int] = set()
        """Seats of decoders whose pipes are full."""
        self._attempt = 0
        self._failed_starts = 0
        self._watched_s = 0.0
        self._events: list[Event] = []
        self.ready_s: float | None = None
        """When the first decoder stood ready to read, on `time.monotonic`; `None` before that."""
        for seat in range(workers):
            self._start(seat)

    # -- the way in ---------------------------------------------------------------------------------

    def capacity(self) -> int:
        """Count the media that would be taken now."""
        return self._dispatcher.capacity()

    def free_decoders(self) -> int:
        """Count the decoders that would take a video or sound now."""
        return self._dispatcher.free()

    def give(self, medium: Medium, requests: tuple[int, ...], losses: int = 0, *, first: bool = False) -> int:
        """Hand a medium to a decoder with the next `flush`.

        Args:
            medium: To be read.
            requests: Numbers of the requests that want it.
            losses: Decoders that died with it before, see `Assignment`.
            first: Whether it goes before media that wait.

        Returns:
            The number of this attempt.
        """
        self._attempt += 1
        self._dispatcher.give(Assignment(self._attempt, medium, requests, losses), first=first)
        return self._attempt

    def flush(self) -> None:
        """Send what waits: one write wakes a decoder once."""
        self._dispatcher.flush(engine_is_busy=self._slots.engine_is_busy)
        for seat, decoder in self._decoders.items():
            is_blocked = decoder.flush()
            if is_blocked != (seat in self._blocked):
                self._poller.expect_writable(decoder, is_blocked)
                (self._blocked.add if is_blocked else self._blocked.discard)(seat)

    def free(self, request: int, slot: int) -> None:
        """Take a slot back whose pixels are no longer needed."""
        self._slots.free(request, slot)

    def pixels(self, request: int, slot: int) -> Pixels:
        """A slot's pixels or sound `[rows, *sample_shape]` over the shared memory."""
        return view_slot(self._block.memory, self._setup.slots[request], slot)

    def in_work(self) -> list[InWork]:
        """Return the media that decoders are reading now, by the decoders' seats."""
        now_s = time.monotonic()
        found = []
        for _, decoder in sorted(self._decoders.items()):
            heartbeat = decoder.heartbeat
            number = heartbeat.job
            medium = next((job.medium for job in decoder.jobs if job.attempt == number), None)
            if medium is not None:
                # When an attempt began is seen some times a second: of a newer one it is not known yet.
                spent_s = now_s - decoder.started_s if decoder.seen[0] == number else 0.0
                spent_s = max(0.0, spent_s - heartbeat.waited_s)
                found.append(InWork(medium, heartbeat.at_s, heartbeat.end_s, spent_s))
        return found

    @property
    def is_idle(self) -> bool:
        """Whether every medium that was given is over."""
        return not self._dispatcher.jobs

    # -- the way out --------------------------------------------------------------------------------

    def listen(self, decoder: Decoder) -> None:
        """Take what a decoder has sent."""
        if self._decoders.get(decoder.seat) is not decoder:
            return
        said = decoder.listen()
        if said is None:
            self._reap(decoder, None)
            return
        for message in said:
            self._handle(decoder, message)

    def events(self, *, more: bool) -> list[Event]:
        """Watch the decoders, and return what happened since the last call, in order.

        Args:
            more: Whether more media will be given: then slots are left to decoders that have nothing to do
                now, as they will fill them.
        """
        self._watch()
        if self.is_idle and not more:
            self._slots.take_partial(self._decoders.values())
        events = [*self._events, *self._slots.take_filled()]
        self._events = []
        return events

    def close(self) -> None:
        """End every decoder and give the shared memory back."""
        for decoder in self._decoders.values():
            self._poller.remove(decoder)
            decoder.kill()
            decoder.close()
        self._decoders.clear()
        self._block.close()

    # -- inside -------------------------------------------------------------------------------------

    def _start(self, seat: int) -> None:
        decoder = Decoder(self._setup, self._block, self._setup.heartbeat + seat * HEARTBEAT_BYTES, seat)
        self._decoders[seat] = decoder
        self._poller.add(decoder)
        decoder.flush()

    def _handle(self, decoder: Decoder, message: FromDecoder) -> None:
        match message:
            case Wrote():
                self._slots.write(decoder, message)
            case Finished():
                self._finish(decoder, message)
            case Need():
                self._slots.need(decoder, message.request)
            case Leave():
                self._slots.leave(decoder, message.request)
            case Ready():
                decoder.is_ready = True
                self._failed_starts = 0
                self.ready_s = self.ready_s or time.monotonic()

    def _finish(self, decoder: Decoder, finished: Finished) -> None:
        for ending in finished.endings.values():
            if isinstance(ending, Broken):
                raise ending.fault
        self._dispatcher.finish(decoder, finished)
        decoder.idle_since_s = time.monotonic()
        self._events.append(Ended(finished))

    def _watch(self) -> None:
        """End decoders that hang, and take what idle ones have held for long."""
        now_s = time.monotonic()
        if now_s - self._watched_s < _WATCH_S:
            return
        was_away = now_s - self._watched_s > _AWAY_S
        self._watched_s = now_s
        for decoder in list(self._decoders.values()):
            decoder.look(now_s)
            if was_away or not decoder.jobs or not decoder.is_ready:
                decoder.heard_s = now_s
            if decoder.heartbeat.measured != decoder.measured:
                decoder.measured = decoder.heartbeat.measured
                self._dispatcher.measure(decoder, decoder.heartbeat.blocked)
            if not decoder.jobs and decoder.open and now_s - decoder.idle_since_s > _PARTIAL_S:
                self._slots.take_partial([decoder])
            reason = self._overdue(decoder, now_s)
            if reason is not None:
                self._reap(decoder, reason)
        is_starting = any(not decoder.is_ready for decoder in self._decoders.values())
        if len(self._decoders) < self._most_decoders and not is_starting and self._dispatcher.wants_decoder:
            self._slots.widen(_OF_A_DECODER)
            self._start(len(self._decoders))

    def _overdue(self, decoder: Decoder, now_s: float) -> str | None:
        """Say why a decoder must be ended, if it must."""
        if decoder.heartbeat.waiting:
            return None
        if decoder.seen[0] is None:  # between two media: it reports, or has stopped without an end
            return None if now_s - decoder.heard_s <= self._limits.stall_s else _SILENT
        if now_s - decoder.heard_s > self._limits.stall_s:
            return (
                f"Decoding made no progress for {self._limits.stall_s:g} s and was ended. "
                "The file may be damaged; raise `stall_s=` if it lies on slow storage."
            )
        if now_s - decoder.started_s - decoder.heartbeat.waited_s > self._limits.file_s:
            return (
                f"Decoding took longer than {self._limits.file_s:g} s and was ended. "
                "Raise `file_s=` to give it more time."
            )
        return None

    def _reap(self, decoder: Decoder, reason: str | None) -> None:
        """Settle what a dead or hanging decoder held, and start another in its place."""
        del self._decoders[decoder.seat]
        self._poller.remove(decoder)
        self._blocked.discard(decoder.seat)
        # What it had sent counts: else a medium that it finished would be read again, or count as failed.
        for message in decoder.kill():
            if not isinstance(message, Need):
                self._handle(decoder, message)
        decoder.look(time.monotonic())
        self._slots.take_from_dead(decoder)
        self._dispatcher.forget(decoder)
        again = self._settle_lost(decoder, reason)
        decoder.close()
        if not decoder.is_ready:
            self._count_failed_start(decoder)
        self._start(decoder.seat)
        for job in reversed(again):  # each goes before all that wait
            now = self.give(job.medium, job.requests, job.losses, first=True)
            self._events.append(Retried(job.attempt, now))
        self.flush()

    def _settle_lost(self, decoder: Decoder, reason: str | None) -> list[Assignment]:
        """End the attempts that a dead decoder cost, and return those that are made again.

        The medium in work is lost. Where none was, the decoder died while it reported on its media: each is
        read again and reported alone, so that the next death shows which one it is.
        """
        in_work = [job for job in decoder.jobs if job.attempt == decoder.seen[0]]
        others = [job for job in decoder.jobs if job.attempt != decoder.seen[0]]
        if not in_work:
            others = [replace(job, losses=job.losses + 1) for job in others]
            in_work = [job for job in others if job.losses >= _MOST_LOSSES]
            others = [job for job in others if job.losses < _MOST_LOSSES]
        for job in in_work:
            self._events.append(Ended(self._lost(decoder, job, reason or decoder.cause_of_death())))
        return others

    def _lost(self, decoder: Decoder, job: Assignment, reason: str) -> Finished:
        """Say what became of the medium that was in work when a decoder died."""
        wall_s = max(0.0, time.monotonic() - decoder.started_s - decoder.heartbeat.waited_s)
        counts = (0,) * len(self._setup.requests)
        return Finished((job.attempt,), (counts,), (wall_s,), (0.0,), ("",), {job.attempt: Failed(reason)})

    def _count_failed_start(self, decoder: Decoder) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _START_TRIES:
            words = " ".join(decoder.last_words).strip()
            fault = failed_import(decoder.last_words[-1] if decoder.last_words else "")
            if fault is not None:
                raise fault
            raise EngineError(
                f"decoder processes do not start: {words or decoder.cause_of_death()}",
                todo="Run `python -m vifex.extraction.decoders.worker < /dev/null` to see why.",
            )


def _dtype(request: ViewRequest) -> str:
    return "uint8" if request.audio is None else "float32"


def _sample_shape(request: ViewRequest) -> tuple[int, ...]:
    if request.audio is not None:
        return (request.audio.window_samples,)
    frame = (request.pixels.height_px, request.pixels.width_px, 3)
    length = request.sampling.frames_per_sample
    return frame if length is None else (length, *frame)
