"""The run: media in, committed rows and outcomes out. It connects the parts; their rules are in their
modules.

One thread owns everything here. Decoders answer through the decoding loop, to which the engine's threads post
what they computed; what is finished goes to the commit thread.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt

from vifex.extraction.counting import Counter, is_long
from vifex.extraction.decoders.events import Ended, Filled, InWork, Retried
from vifex.extraction.decoders.loop import DecodingLoop
from vifex.extraction.pipeline.batch_scheduler import BatchScheduler
from vifex.extraction.pipeline.commit_thread import CommitThread
from vifex.extraction.pipeline.in_flight import InFlight, MediumInFlight
from vifex.extraction.pipeline.intake import Intake
from vifex.extraction.pipeline.interfaces import MediaQueue, MovedMedia
from vifex.extraction.pipeline.outcomes import outcome_of, worst
from vifex.extraction.pipeline.repeated import RepeatedRun
from vifex.extraction.pipeline.running_view import RunningView
from vifex.extraction.pipeline.showing import ProgressDisplay
from vifex.extraction.pipeline.vectors import to_vectors
from vifex.extraction.pipeline.view_sink import SpilledRows, ViewSink
from vifex.extraction.progress import Course, Progress
from vifex.values import Limits, Medium, Outcome
from vifex.values.reports import Tally

__all__ = ["Pipeline", "RunningView"]

_HAND_OVER_S: Final = 0.5
_REST_S: Final = 0.1
_SPILL_BYTES: Final = 2 << 20
"""Rows of one medium that are kept in memory before they go to the disk uncommitted..."""
_SPILL_ROWS: Final = 16
"""... and the least that are worth it."""
_FACTS_BYTES: Final = 200
"""What a row takes beside its vectors, about."""
_LOOKED_AT: Final = 256
"""Media that are looked at before decoders are listened to again."""


@dataclass(frozen=True, slots=True)
class _Computed:
    """A batch that came back from the engine."""

    view: int
    filled: Filled
    result: Future[dict[str, npt.NDArray[Any]]]


class Pipeline(RepeatedRun):
    """One run over media, for one or more views.

    Args:
        views: What is to be filled.
        workers: Decoder processes.
        slow_workers: Decoder processes beyond those, started for media of slow disks.
        window: Media that may wait for a decoder beyond what decoders would take now.
        limits: What one file may cost.
        retry_failed: Whether media that failed in an earlier run are tried again.
        counter: Counts the media ahead; the caller starts and closes it.
        on_progress: Called a few times a second.
        on_outcome: Called once for each medium that did not end `ok`, or has a note.
        course: Adds up what decoding took; by default one of its own.
        renames: Recognises media that are finished under another address; by default none is.
    """

    def __init__(
        self,
        views: Sequence[RunningView],
        *,
        workers: int,
        limits: Limits,
        slow_workers: int = 0,
        window: int = 0,
        retry_failed: bool = False,
        counter: Counter | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
        course: Course | None = None,
        renames: MovedMedia | None = None,
    ) -> None:
        self.unfinished: tuple[str, ...] = ()
        """Names of videos and sounds that were in work when the run was cut short."""
        self.is_committed = False
        """Whether everything in `tally` is durable."""
        self._views = list(views)
        self._commit_thread = CommitThread()
        self._sinks = [ViewSink(self._commit_thread, v.writer, v.plan.recipe, v.schema) for v in self._views]
        self._schedulers = _schedulers(self._views)
        self._intake = Intake(
            self._sinks,
            retry_failed=retry_failed,
            course=course or Course(),
            on_outcome=on_outcome,
            commit_thread=self._commit_thread,
            renames=renames,
        )
        self.tally = self._intake.tally
        self._display = ProgressDisplay(self._intake, counter, self.in_work, on_progress)
        self._workers, self._slow_workers, self._limits = workers, slow_workers, limits
        self._window = window
        self._loop: DecodingLoop[_Computed] | None = None
        self._found: deque[Medium | Outcome] = deque()
        """Media that were taken from the listing and not looked at."""
        self._in_flight = InFlight()
        self._ticked_s = time.monotonic()

    def run(self, listing: MediaQueue) -> Tally:
        """Take every medium to its end, commit what came of it, and end the decoders.

        Args:
            listing: The media; the caller closes it.

        Raises:
            VifexError: If the run cannot go on; what was finished before stays.
        """
        try:
            self.work(listing)
        finally:
            self.close()
        self._display.end(all_found=listing.is_over and not self._found)
        return self.tally

    def work(self, listing: MediaQueue) -> Tally:
        """Take every medium to its end and commit what came of it; the decoders stay for the next call.

        Args:
            listing: The media; the caller closes it.

        Raises:
            VifexError: If the run cannot go on; what was finished before stays.
        """
        began_s = time.monotonic()
        try:
            while True:
                self._feed(listing)
                more = bool(self._found) or not listing.is_over
                if not more and not self._in_flight:
                    break
                if self._loop is not None:
                    self._listen(self._loop, more=more and not listing.is_resting)
                self._tick(is_resting=listing.is_resting and not self._in_flight)
                self._display.show(all_found=listing.is_over and not self._found)
            self._commit()
            if self._loop is not None and self._loop.ready_s is not None:
                self.tally.busy_s = time.monotonic() - max(self._loop.ready_s, began_s)
        except BaseException:
            self.unfinished = tuple(w.medium.name for w in self.in_work() if is_long(w.medium))
            if not self._commit_thread.has_failed:  # what cannot be written now will not be by trying again
                self._commit()
            raise
        return self.tally

    def rest(self) -> None:
        """Watch the decoders for a tenth of a second, between two calls of `work`."""
        if self._loop is None:
            time.sleep(_REST_S)
        else:
            self._listen(self._loop, more=True)

    def close(self) -> None:
        """End the decoders and the commit thread."""
        if self._loop is not None:
            self._loop.close()
        # Last: an interrupt here, where a disk hangs, leaves no decoder behind.
        self._commit_thread.close()

    def capacity(self) -> int:
        """Count the media that decoders would take now; 1 before there are any."""
        return 1 if self._loop is None else self._loop.capacity()

    def free_decoders(self) -> int:
        """Count the decoders that would take a video or sound now; 1 before there are any."""
        return 1 if self._loop is None else self._loop.free_decoders()

    def in_work(self) -> list[InWork]:
        """Return the media that decoders are reading now."""
        return [] if self._loop is None else self._loop.in_work()

    @property
    def is_decoding(self) -> bool:
        """Whether a decoder has stood ready to read."""
        return self._loop is not None and self._loop.ready_s is not None

    # -- media in -----------------------------------------------------------------------------------

    def _feed(self, listing: MediaQueue) -> None:
        """Give decoders what they would take now, and pass over what is done."""
        looked_at = 0
        while self._found or not listing.is_over:
            capacity = self.capacity()
            if not capacity:
                return
            if looked_at >= _LOOKED_AT:  # a resume may pass over millions, and the rest must go on
                if self._loop is not None:
                    self._loop.wake()
                return
            if not self._found:
                self._found += self._intake.take(listing, wait=self._loop is None)
                if not self._found:
                    return
            while capacity and self._found:
                looked_at += 1
                capacity -= self._admit(self._found.popleft(), listing)

    def _admit(self, found: Medium | Outcome, listing: MediaQueue) -> bool:
        """Begin with what was found; returns whether a decoder was given something."""
        wanted = self._intake.admit(found)
        if not wanted:
            return False
        assert isinstance(found, Medium), "an outcome is over"
        if self._loop is None:
            self._loop = self._start_decoding()
            listing.wake_with(self._loop.wake)
        self._in_flight.add(self._loop.give(found, wanted), MediumInFlight(found, wanted))
        return True

    def _start_decoding(self) -> DecodingLoop[_Computed]:
        # Started with the first medium: a resume that finds nothing to do starts no process.
        return DecodingLoop(
            [v.plan.request for v in self._views],
            [v.batch_rows for v in self._views],
            extra_slots=max(2 * v.network.requests for v in self._views),
            workers=self._workers,
            limits=self._limits,
            slow_workers=self._slow_workers,
            window=self._window,
        )

    # -- events -------------------------------------------------------------------------------------

    def _listen(self, loop: DecodingLoop[_Computed], *, more: bool) -> None:
        for event in loop.step(more=more):
            match event:
                case Filled():
                    self._views[event.request].ready.append(event)
                case _Computed():
                    self._collect(loop, event)
                case Ended():
                    self._end(event)
                case Retried():
                    self._retry(event)
        self._submit(loop)
        loop.flush()  # before the commit thread or the source of media may take its time

    def _submit(self, loop: DecodingLoop[_Computed]) -> None:
        """Keep the engine's requests busy without ever waiting for one."""
        for scheduler, numbers in self._schedulers:
            while (place := scheduler.next()) is not None:
                self._submit_one(loop, numbers[place])

    def _submit_one(self, loop: DecodingLoop[_Computed], number: int) -> None:
        view = self._views[number]
        filled = view.ready.popleft()
        pixels = loop.pixels(filled.request, filled.slot)
        view.in_flight += 1
        result = view.network.submit(pixels.reshape(view.network.input_shape))
        result.add_done_callback(lambda r: loop.post(_Computed(number, filled, r)))

    def _collect(self, loop: DecodingLoop[_Computed], computed: _Computed) -> None:
        number, filled = computed.view, computed.filled
        view = self._views[number]
        view.in_flight -= 1
        loop.free(filled.request, filled.slot)
        batch = to_vectors(computed.result.result(), view.plan).rows(filled.facts)
        for medium, is_complete in self._in_flight.collect(number, filled.attempts, batch):
            if is_complete:
                self._settle(medium)
            else:
                self._spill_if_large(medium, number)

    def _spill_if_large(self, medium: MediumInFlight, number: int) -> None:
        place = medium.views.index(number)
        if medium.rows[place] < _SPILL_ROWS:
            return
        sink, held = self._sinks[number], medium.held(place)
        if held >= _SPILL_ROWS and held * (sink.row_bytes + _FACTS_BYTES) > _SPILL_BYTES:
            rows = medium.take(place)
            if rows is not None:
                medium.spilled = medium.spilled or {}
                sink.spill(medium.spilled.setdefault(place, SpilledRows()), rows)

    def _end(self, event: Ended) -> None:
        for medium in self._in_flight.end(event.finished):
            self._settle(medium)

    def _retry(self, event: Retried) -> None:
        medium = self._in_flight.retry(event.before, event.now)
        for place, spill in (medium.spilled or {}).items():
            self._sinks[medium.views[place]].discard(spill)
        medium.reset()

    # -- outcomes out -------------------------------------------------------------------------------

    def _settle(self, medium: MediumInFlight) -> None:
        """Hand a finished medium to the store."""
        self._intake.course.over(medium.medium)
        self._intake.course.ended(medium.medium, medium.wall_s, medium.media_s)
        outcomes = []
        for place, view in enumerate(medium.views):
            sink, outcome = self._sinks[view], outcome_of(medium, place)
            outcomes.append(outcome)
            self.tally.rows += outcome.rows
            rows = medium.take(place) if outcome.rows else None
            spill = medium.spilled.get(place) if medium.spilled else None
            if spill is None:
                sink.settle(outcome, rows)
            elif outcome.rows:
                sink.settle_spilled(outcome, rows, spill)
            else:
                sink.discard(spill)
                sink.settle(outcome, None)
        self._intake.count(worst(outcomes))

    def _tick(self, *, is_resting: bool) -> None:
        now_s = time.monotonic()
        if is_resting or now_s - self._ticked_s >= _HAND_OVER_S:
            self._ticked_s = now_s
            for sink in self._sinks:
                sink.tick()


def _schedulers(views: Sequence[RunningView]) -> list[tuple[BatchScheduler, list[int]]]:
    """Group views by the device of their networks; each group with the views' numbers."""
    devices: dict[str, list[int]] = {}
    for number, view in enumerate(views):
        devices.setdefault(view.network.runs_on, []).append(number)
    return [(BatchScheduler([views[n] for n in numbers]), numbers) for numbers in devices.values()]
