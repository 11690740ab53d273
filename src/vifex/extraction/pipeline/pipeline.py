"""The run: media in, committed rows and outcomes out. It joins the rooms and holds no rule of theirs.

One thread owns everything here. Decoder processes and engine threads only put messages into its inbox; what
is finished it hands to the commit_thread's thread.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from vifex.engines import Network
from vifex.extraction.counting import Counter, is_long
from vifex.extraction.decoders.protocol import Finished, Ready, Wrote
from vifex.extraction.decoders.supervisor import Filled, JobEnded, Supervisor
from vifex.extraction.pipeline.batch_scheduler import BatchScheduler
from vifex.extraction.pipeline.commit_thread import CommitThread, SpilledRows, ViewSink
from vifex.extraction.pipeline.row_collector import Collector
from vifex.extraction.pipeline.vectors import Vectors, to_vectors
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.extraction.progress import Course, Progress
from vifex.store import ViewWriter
from vifex.values import InputError, Limits, Medium, NothingDecoded, Outcome, Status
from vifex.values.reports import Tally

__all__ = ["Pipeline", "RunningView"]

_TICK_S = 0.1
_TELL_S = 0.2
_SPILL_BYTES = 2 << 20
_SPILL_ROWS = 16
"""Rows of one medium that are kept in memory before they go to the disk uncommitted."""
_HAND_OVER_S = 0.5


@dataclass(slots=True)
class RunningView:
    """A view that is being filled."""

    plan: ViewPlan
    network: Network
    writer: ViewWriter
    ready: deque[Filled] = field(default_factory=deque)
    in_flight: int = 0

    @property
    def batch_rows(self) -> int:
        """Samples in one batch."""
        return self.network.batch // (self.plan.window_frames or 1)


@dataclass(slots=True)
class _Job:
    """A medium between its decoder and the store."""

    medium: Medium
    collectors: dict[int, Collector]
    """One for each view that wants it, by the view's number."""
    spilled: dict[int, SpilledRows] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    """View to the reason why its numbers cannot be stored."""
    ended: Finished | None = None

    @property
    def asked(self) -> list[int]:
        """Numbers of the views, in the order in which the decoder was asked for them."""
        return list(self.collectors)


@dataclass(frozen=True, slots=True)
class _Computed:
    """A batch that came back from the engine."""

    view: int
    filled: Filled
    result: Future[dict[str, npt.NDArray[Any]]]


class Pipeline:
    """One run over some media for some views.

    Args:
        views: What is to be filled.
        workers: Decoder processes.
        limits: What one file may cost.
        retry_failed: Whether media that failed in an earlier run are tried again.
        counter: Counts the media ahead; it is the caller's to start and to close.
        on_progress: Called a few times a second.
        on_outcome: Called once for each medium that did not end `ok`, or has a note.
    """

    def __init__(
        self,
        views: Sequence[RunningView],
        *,
        workers: int,
        limits: Limits,
        retry_failed: bool = False,
        counter: Counter | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
    ) -> None:
        self.tally = Tally()
        self.unfinished: tuple[str, ...] = ()
        """Names of videos and sounds that were in work when the run was cut short."""
        self.is_committed = False
        """Whether everything in `tally` is durable."""
        self._views = list(views)
        self._commit_thread = CommitThread()
        self._sinks = [ViewSink(self._commit_thread, v.writer, v.plan.recipe) for v in self._views]
        self._schedulers = _schedulers(self._views)
        self._retry_failed = retry_failed
        self._counter, self._course = counter, Course()
        self._on_progress, self._on_outcome = on_progress, on_outcome
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._workers, self._limits = workers, limits
        self._supervisor: Supervisor | None = None
        self._jobs: dict[int, _Job] = {}
        self._next_job = 0
        self._all_found = False
        self._began_s = time.monotonic()
        self._told_s = 0.0
        self._ticked_s = self._began_s
        self._first_decode_s: float | None = None

    def run(self, media: Iterator[Medium | Outcome]) -> Tally:
        """Take every medium to its end and commit what came of it.

        Raises:
            VifexError: If the run cannot go on; what was finished before stays.
        """
        try:
            while True:
                self._feed(media)
                if self._supervisor is not None:
                    self._supervisor.flush()
                if self._all_found and not self._jobs:
                    break
                self._listen()
                self._tell_progress()
            self._commit()
            if self._first_decode_s is not None:
                self.tally.busy_s = time.monotonic() - self._first_decode_s
        except BaseException:
            if self._supervisor is not None:
                in_work = self._supervisor.in_work()
                self.unfinished = tuple(w.medium.name for w in in_work if is_long(w.medium))
            if not self._commit_thread.has_failed:  # what cannot be written now will not be by trying again
                self._commit()
            raise
        finally:
            if self._supervisor is not None:
                self._supervisor.close()
            # Last: an interrupt here, where a disk hangs, leaves no decoder behind.
            self._commit_thread.close()
        self._tell_progress(is_over=True)
        return self.tally

    def _commit(self) -> None:
        for sink in self._sinks:
            sink.commit()
        self._commit_thread.finish()
        self.is_committed = True

    # -- media in -----------------------------------------------------------------------------------

    def _feed(self, media: Iterator[Medium | Outcome]) -> None:
        while not self._all_found and (self._supervisor is None or self._supervisor.wants_job()):
            found = next(media, None)
            if found is None:
                self._all_found = True
            elif isinstance(found, Outcome):
                self._settle_at_once(found)
            else:
                self._admit(found)
            if self.tally.media % 256 == 0:
                self._tick()
                self._tell_progress()

    def _settle_at_once(self, outcome: Outcome) -> None:
        """Write what a source already knew: no file of that name, not a medium at all."""
        self.tally.media += 1
        self._course.over(outcome.medium)
        open_sinks = [s for s in self._sinks if self._done(s, outcome.medium) is None]
        if not open_sinks:
            self.tally.note_done(outcome.status)
            return
        for sink in open_sinks:
            sink.settle(outcome, None)
        self._count(outcome)

    def _admit(self, medium: Medium) -> None:
        self.tally.media += 1
        done = [self._done(s, medium) for s in self._sinks]
        wanted = tuple(i for i, status in enumerate(done) if status is None)
        if not wanted:
            self._course.over(medium)
            self.tally.note_done(next((s for s in done if s in ("failed", "partial")), "ok"))
            return
        if self._supervisor is None:
            self._supervisor = self._start_supervisor()
        self._jobs[self._next_job] = _Job(medium, {i: Collector(medium) for i in wanted})
        self._supervisor.give(self._next_job, medium, wanted)
        self._next_job += 1

    def _done(self, sink: ViewSink, medium: Medium) -> Status | None:
        """How a medium ended in a view; `None` if it is to be done, or done again."""
        status = sink.status_of(medium)
        return None if status == "failed" and self._retry_failed else status

    def _start_supervisor(self) -> Supervisor:
        # Started with the first medium: a resume that finds nothing to do starts no process.
        return Supervisor(
            tuple(v.plan.request for v in self._views),
            tuple(v.batch_rows for v in self._views),
            extra_slots=max(2 * v.network.requests for v in self._views),
            workers=self._workers,
            limits=self._limits,
            inbox=self._inbox,
        )

    # -- messages -----------------------------------------------------------------------------------

    def _listen(self) -> None:
        assert self._supervisor is not None or not self._jobs
        if self._supervisor is None:
            return
        try:
            self._take(self._inbox.get(timeout=_TICK_S))
            for _ in range(self._inbox.qsize()):
                self._take(self._inbox.get())
        except queue.Empty:
            pass
        self._supervisor.watch()
        for event in self._supervisor.events():
            if isinstance(event, Filled):
                self._views[event.request].ready.append(event)
            else:
                self._end_job(event)
        self._submit()
        self._supervisor.flush()  # before the source of media may take its time
        self._tick()

    def _take(self, message: Any) -> None:
        if isinstance(message, _Computed):
            self._collect(message)
            return
        assert self._supervisor is not None
        number, said = message
        if self._first_decode_s is None and any(isinstance(m, Ready) for m in said or ()):
            self._first_decode_s = time.monotonic()
        self._supervisor.handle(number, said)

    def _submit(self) -> None:
        """Keep the engine's requests busy without ever waiting for one."""
        for scheduler, numbers in self._schedulers:
            while (place := scheduler.next()) is not None:
                self._submit_one(numbers[place])

    def _submit_one(self, number: int) -> None:
        assert self._supervisor is not None
        view = self._views[number]
        filled = view.ready.popleft()
        pixels = self._supervisor.pixels(filled.request, filled.slot)
        view.in_flight += 1
        result = view.network.submit(pixels.reshape(view.network.input_shape))
        result.add_done_callback(lambda r: self._inbox.put(_Computed(number, filled, r)))

    def _collect(self, computed: _Computed) -> None:
        assert self._supervisor is not None
        view = self._views[computed.view]
        view.in_flight -= 1
        filled = computed.filled
        self._supervisor.free(filled.request, filled.slot)
        vectors = to_vectors(computed.result.result(), view.plan)
        for wrote in filled.rows:
            self._add_rows(computed.view, wrote, vectors)

    def _add_rows(self, number: int, wrote: Wrote, vectors: Vectors) -> None:
        job = self._jobs.get(wrote.job)
        if job is None or number not in job.collectors:
            return  # its decoder died: the medium is already settled as failed
        collector = job.collectors[number]
        try:
            facts, rows = vectors.rows(wrote.first, wrote.rows)
        except InputError as exc:
            job.refused[number] = f"{exc.what} {exc.todo or ''}".rstrip()
            collector.drop(len(wrote.rows))
        else:
            collector.add(facts, rows, samples=len(wrote.rows))
        if collector.size_bytes > _SPILL_BYTES and collector.held >= _SPILL_ROWS:
            self._spill(job, number)
        self._settle_if_complete(wrote.job)

    def _spill(self, job: _Job, number: int) -> None:
        rows = job.collectors[number].take()
        if rows is not None:
            self._sinks[number].spill(job.spilled.setdefault(number, SpilledRows()), rows)

    # -- outcomes out -------------------------------------------------------------------------------

    def _end_job(self, event: JobEnded) -> None:
        job = self._jobs[event.job]
        job.ended = event.ended
        self._course.ended(job.medium, event.ended)
        if event.ended.seen is None:
            self._settle(event.job)
        else:
            self._settle_if_complete(event.job)

    def _settle_if_complete(self, number: int) -> None:
        job = self._jobs[number]
        if job.ended is None:
            return
        if all(c.received == job.ended.counts[i] for i, c in job.collectors.items()):
            self._settle(number)

    def _settle(self, number: int) -> None:
        """Hand a finished medium to the store."""
        job = self._jobs.pop(number)
        assert job.ended is not None
        self._course.over(job.medium)
        worst: Outcome | None = None
        for i, collector in job.collectors.items():
            sink, outcome, spill = self._sinks[i], _outcome(job, i), job.spilled.get(i)
            if outcome.rows and spill is not None:
                sink.settle_spilled(outcome, collector.take(), spill)
            else:
                if spill is not None:
                    sink.discard(spill)
                sink.settle(outcome, collector.take() if outcome.rows else None)
            self.tally.rows += outcome.rows
            if worst is None or _BADNESS[outcome.status] > _BADNESS[worst.status]:
                worst = outcome
        if worst is not None:
            self._count(worst)

    def _count(self, outcome: Outcome) -> None:
        self.tally.note(outcome)
        if (outcome.status != "ok" or outcome.is_note) and self._on_outcome is not None:
            self._on_outcome(outcome)

    def _tick(self) -> None:
        now_s = time.monotonic()
        if now_s - self._ticked_s >= _HAND_OVER_S:
            self._ticked_s = now_s
            for sink in self._sinks:
                sink.tick()

    def _tell_progress(self, *, is_over: bool = False) -> None:
        now_s = time.monotonic()
        if self._on_progress is None or (not is_over and now_s - self._told_s < _TELL_S):
            return
        self._told_s = now_s
        self._on_progress(
            self._course.progress(
                self.tally,
                [] if is_over or self._supervisor is None else self._supervisor.in_work(),
                self._counter,
                elapsed_s=now_s - self._began_s,
                all_found=self._all_found,
                is_over=is_over,
            )
        )


def _schedulers(views: Sequence[RunningView]) -> list[tuple[BatchScheduler, list[int]]]:
    """Group views by the device of their networks; each group with the views' numbers."""
    devices: dict[str, list[int]] = {}
    for number, view in enumerate(views):
        devices.setdefault(view.network.runs_on, []).append(number)
    return [(BatchScheduler([views[n] for n in numbers]), numbers) for numbers in devices.values()]


_BADNESS = {"skipped": 0, "ok": 1, "partial": 2, "failed": 3}
"""An image is none the worse for having no sound, where another view asks for that."""


def _outcome(job: _Job, request: int) -> Outcome:
    """How a medium ended for one view."""
    ended, medium = job.ended, job.medium
    assert ended is not None
    facts: Any = {"wall_s": round(ended.wall_s, 6), "content_hash": ended.content_hash}
    if ended.skipped is not None:
        return Outcome(medium, "skipped", ended.skipped, **facts)
    failed = ended.failed or job.refused.get(request)
    if failed is not None:
        return Outcome(medium, "failed", failed, **facts)
    assert ended.seen is not None
    seen = dict(ended.seen.apart).get(job.asked.index(request), ended.seen)
    if isinstance(seen, NothingDecoded):
        return Outcome(medium, "skipped" if seen.is_skipped else "failed", seen.reason, **facts)
    rows = job.collectors[request].rows
    reason = " ".join(seen.problems)
    if not rows:
        why = dict(seen.empty).get(job.asked.index(request), "No frame of it was sampled.")
        reason = f"{reason} {why}".strip()
        return Outcome(medium, "failed", reason, lost=seen.frames_lost, **facts)
    status: Status = "partial" if reason else "ok"
    # How sound was filled and video converted is kept, though nothing was lost; choices are kept and told.
    notes = seen.choices if seen.kind == "image" else (*seen.notes, *seen.choices)
    reason = " ".join([*seen.problems, *notes])
    is_note = status == "ok" and bool(seen.choices)
    return Outcome(medium, status, reason, rows=rows, lost=seen.frames_lost, is_note=is_note, **facts)
