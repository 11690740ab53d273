"""The run with several shards: it lists media, gives them out, and commits what shards hand over.

There is one ledger and one committer, this process. A shard that dies is replaced, and its unfinished media
are given out again. While commits wait for the disk nothing is read from the shards, whose pipes fill: a
shard is never ahead of the committer by more than its pipe and its own queue hold.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, cast

from vifex.extraction.counting import Counter, is_long
from vifex.extraction.decoders.events import InWork
from vifex.extraction.decoders.poller import Poller
from vifex.extraction.pipeline.commit_thread import CommitThread
from vifex.extraction.pipeline.intake import Intake
from vifex.extraction.pipeline.interfaces import CommittingWriter, MediaQueue, MovedMedia
from vifex.extraction.pipeline.outcomes import worst
from vifex.extraction.pipeline.repeated import RepeatedRun
from vifex.extraction.pipeline.showing import ProgressDisplay
from vifex.extraction.progress import Course, Progress
from vifex.extraction.shards.assignments import MOST_LOSSES, Assigned, Assignments
from vifex.extraction.shards.pipes import ShardProcess
from vifex.extraction.shards.protocol import (
    Beat,
    Discarded,
    Fault,
    FromShard,
    Give,
    HandedOver,
    NoMore,
    Noticed,
    Ready,
    ShardLink,
    ShardSetup,
    SpilledPart,
    Step,
    Stop,
    Want,
)
from vifex.extraction.shards.seat import Seat
from vifex.extraction.shards.shard_sink import ShardSink
from vifex.store import WrittenRows
from vifex.values import EngineError, Medium, Outcome, Recipe
from vifex.values.reports import Tally
from vifex.values.steps import step

__all__ = ["ShardedPipeline"]

_TICK_S: Final = 0.1
_COMMIT_S: Final = 0.5
"""How often finished media are committed, at most."""
_AHEAD: Final = 1024
"""Media that wait for shards, at most."""
_LOOKED_AT: Final = 256
"""Media that are looked at before shards are listened to again."""
_AWAY_S: Final = 1.0
"""Longer pauses of this process do not count as silence of a shard."""
_STOP_S: Final = 10.0
"""Seconds that shards have to hand over what is finished when the run is cut short."""
_IDLE_DEATHS: Final = 3
_SUSPECTED: Final = 3
"""Media in a row that end their shard, before the shard itself counts as broken."""


class ShardedPipeline(RepeatedRun):
    """One run over media with several shards, for one or more views; `Pipeline` is the run without shards.

    Args:
        views: Recipe and writer of each view.
        setups: One for each shard.
        retry_failed: Whether media that failed in an earlier run are tried again.
        counter: Counts the media ahead; the caller starts and closes it.
        on_progress: Called a few times a second.
        on_outcome: Called once for each medium that did not end `ok`, or has a note.
        on_notice: Called with what a user must know.
        start: Starts a shard.
        option: The user's option without which this process does everything.
        doubles: Whether idle shards are given media at the end that others have had for unusually long, which
            pays where they are on other machines.
    """

    def __init__(
        self,
        views: Sequence[tuple[Recipe, CommittingWriter]],
        setups: Sequence[ShardSetup],
        *,
        retry_failed: bool = False,
        counter: Counter | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
        on_notice: Callable[[str], None] = lambda notice: None,
        renames: MovedMedia | None = None,
        start: Callable[[ShardSetup], ShardLink] = ShardProcess,
        option: str = "shards",
        doubles: bool = False,
    ) -> None:
        self.unfinished: tuple[str, ...] = ()
        """Names of videos and sounds that were in work when the run was cut short."""
        self.is_committed = False
        """Whether everything in `tally` is durable."""
        self._commit_thread = CommitThread()
        self._sinks: list[ShardSink] = [
            ShardSink(self._commit_thread, writer, recipe, schema)
            for (recipe, writer), schema in zip(views, setups[0].schemas, strict=True)
        ]
        self._intake = Intake(
            self._sinks,
            retry_failed=retry_failed,
            course=Course(),
            on_outcome=on_outcome,
            commit_thread=self._commit_thread,
            renames=renames,
        )
        self.tally = self._intake.tally
        self._display = ProgressDisplay(self._intake, counter, self._in_work, on_progress)
        self._on_notice = on_notice
        self._option, self._doubles = option, doubles
        self._poller = Poller()
        self._seats = [Seat(number, setup, start) for number, setup in enumerate(setups)]
        self._assignments = Assignments(len(self._seats))
        self._is_started = False
        self._found: deque[Medium | Outcome] = deque()
        """Media that were taken from the listing and not looked at."""
        self._heard: Seat | None = None
        """Whose messages are being taken."""
        self._decoding_s: float | None = None
        """When the first decoder of any shard stood ready."""
        self._ticked_s = self._watched_s = time.monotonic()

    def run(self, listing: MediaQueue) -> Tally:
        """Take every medium to its end, commit what came of it, and end the shards.

        Args:
            listing: The media; the caller closes it.

        Raises:
            VifexError: If the run cannot go on; what was finished before stays.
        """
        try:
            self.work(listing, is_last=True)
        finally:
            self.close()
        self._display.end(all_found=listing.is_over and not self._found)
        return self.tally

    def work(self, listing: MediaQueue, *, is_last: bool = False) -> Tally:
        """Take every medium to its end and commit what came of it.

        Args:
            listing: The media; the caller closes it.
            is_last: Whether shards may end when they have nothing to do; else they stay for the next call.

        Raises:
            VifexError: If the run cannot go on; what was finished before stays.
        """
        began_s = time.monotonic()
        try:
            while not self._is_over(listing):
                self._feed(listing)
                self._serve(listing, is_last=is_last)
                if self._is_started:
                    self._listen(_TICK_S)
                    self._watch()
                self._tick()
                self._display.show(all_found=listing.is_over and not self._found)
            for seat in self._seats:
                self._give_up(seat)
            self._commit()
            if self._decoding_s is not None:
                self.tally.busy_s = time.monotonic() - max(self._decoding_s, began_s)
        except BaseException as exc:
            self.unfinished = tuple(w.medium.name for w in self._in_work() if is_long(w.medium))
            if not self._commit_thread.has_failed:  # what cannot be written now will not be by trying again
                if isinstance(exc, KeyboardInterrupt):
                    self._stop_shards()
                self._commit()
            raise
        return self.tally

    def rest(self) -> None:
        """Watch the shards for a tenth of a second, between two calls of `work`."""
        if self._is_started:
            self._listen(_TICK_S)
            self._watch()
        else:
            time.sleep(_TICK_S)

    def close(self) -> None:
        """End the shards and the commit thread."""
        self._end_shards()
        self._poller.close()
        self._commit_thread.close()

    def _is_over(self, listing: MediaQueue) -> bool:
        return listing.is_over and not self._found and self._assignments.is_idle

    # -- media out to shards ------------------------------------------------------------------------------

    def _feed(self, listing: MediaQueue) -> None:
        """Take media from the listing, and pass over what is done."""
        looked_at = 0
        while self._assignments.waiting < _AHEAD and (self._found or not listing.is_over):
            if looked_at >= _LOOKED_AT:  # a resume may pass over millions, and shards must go on
                self._poller.wake()
                return
            if not self._found:
                self._found += self._intake.take(listing, wait=not self._is_started)
                if not self._found:
                    return
            looked_at += 1
            found = self._found.popleft()
            wanted = self._intake.admit(found)
            if wanted:
                assert isinstance(found, Medium), "an outcome is over"
                self._assignments.add(found, wanted)
                if not self._is_started:
                    self._start_shards()
                    listing.wake_with(self._poller.wake)

    def _start_shards(self) -> None:
        # Started with the first medium: a resume that finds nothing to do starts no process.
        self._is_started = True
        for seat in self._seats:
            self._poller.add(seat.start())

    def _serve(self, listing: MediaQueue, *, is_last: bool) -> None:
        """Give media to the shards that want some, and tell them when there are no more ever."""
        is_end = listing.is_over and not self._found
        for seat in self._seats:
            if seat.link is None:
                continue
            if seat.want is not None:
                give = self._assignments.next(seat.number, seat.want.count, most_long=seat.want.long)
                if give is None and is_end and self._doubles:
                    give = self._assignments.double(seat.number, time.monotonic())
                if give is not None:
                    seat.want = None
                    seat.link.say(give)
            is_told = seat.is_told_the_end or not is_last
            if is_end and not self._assignments.waiting and not is_told:
                seat.is_told_the_end = True
                # A shard that may be given another one's medium stays, and sends what is not a full batch.
                seat.link.say(Give((), alone=True) if self._doubles else NoMore())
            self._flush(seat, seat.link)

    def _flush(self, seat: Seat, link: ShardLink) -> None:
        is_blocked = link.flush()
        if is_blocked != seat.is_blocked:
            seat.is_blocked = is_blocked
            self._poller.expect_writable(link, is_blocked)

    # -- what shards say ----------------------------------------------------------------------------------

    def _listen(self, timeout_s: float) -> None:
        seats = {id(seat.link): seat for seat in self._seats if seat.link is not None}
        for watched in self._poller.wait(timeout_s):
            seat, link = seats[id(watched)], cast(ShardLink, watched)
            self._heard = seat
            said = link.listen()
            if said is None:
                self._reap(seat, link, "")
            for message in said or ():
                self._take(seat, message)
            self._heard = None

    def _take(self, seat: Seat, message: FromShard) -> None:
        seat.heard_s = time.monotonic()
        match message:
            case HandedOver():
                self._hand_over(seat, message)
            case SpilledPart(view, medium_id, rows):
                if self._is_open(seat, medium_id, view):
                    self._sinks[view].spill_part(seat.number, medium_id, rows)
            case Discarded(view, medium_id):
                self._sinks[view].discard_medium(seat.number, medium_id)
            case Want():
                seat.want = message
            case Beat():
                seat.beat = message
                if message.is_decoding and self._decoding_s is None:
                    self._decoding_s = time.monotonic()
            case Ready():
                seat.is_ready = True
                step("")
            case Step(what):
                if not any(s.is_ready for s in self._seats):
                    step(what)
            case Noticed(text):
                self._on_notice(text)
            case Fault(error):
                raise error

    def _hand_over(self, seat: Seat, message: HandedOver) -> None:
        columns, rows, sink = message.outcomes, message.rows, self._sinks[message.view]
        places = [p for p, m in enumerate(columns.medium_ids) if self._is_open(seat, m, message.view)]
        counts, are_some = columns.rows, len(places) < len(columns.medium_ids)
        if are_some:
            columns = columns.only(places)
        outcomes = [
            columns.outcome(place, self._assigned(seat, medium_id).medium)
            for place, medium_id in enumerate(columns.medium_ids)
        ]
        if message.has_spilled and not outcomes:
            return  # another shard was faster
        if message.has_spilled:
            assert not isinstance(rows, WrittenRows), "the last rows of a medium travel"
            sink.take_spilled(seat.number, outcomes[0], rows)
        elif are_some:  # other shards were faster with the rest
            sink.take_some(outcomes, rows, counts, places)
        else:
            sink.take(outcomes, rows)
        if not outcomes:
            return
        seat.idle_deaths = 0
        self._give_up(seat)
        for place, outcome in enumerate(outcomes):
            self.tally.rows += outcome.rows
            medium = outcome.medium
            over = self._assignments.hand_over(
                seat.number, medium.medium_id, message.view, outcome, columns.media_s[place]
            )
            if over is not None:
                self._discard_others(medium.medium_id)
                self._intake.course.over(medium)
                self._intake.course.ended(medium, columns.wall_s[place], over.media_s)
                self._intake.count(worst(over.outcomes))

    def _is_open(self, seat: Seat, medium_id: str, view: int) -> bool:
        """Whether a view waits for a shard's rows of a medium: no other shard has handed them over."""
        found = self._assignments.find(seat.number, medium_id)
        return found is not None and view in found.open_views

    def _discard_others(self, medium_id: str) -> None:
        """Drop what other shards have spilled of a medium that is over."""
        if self._doubles:
            for sink in self._sinks:
                sink.discard_all(medium_id)

    def _assigned(self, seat: Seat, medium_id: str) -> Assigned:
        found = self._assignments.find(seat.number, medium_id)
        assert found is not None, "a shard hands over what it was given"
        return found

    # -- shards that end ----------------------------------------------------------------------------------

    def _watch(self) -> None:
        """End shards that give no sign of life."""
        now_s = time.monotonic()
        was_away = now_s - self._watched_s > _AWAY_S
        self._watched_s = now_s
        for seat in self._seats:
            if was_away:
                seat.heard_s = now_s
            if seat.link is not None and seat.is_silent(now_s):
                self._reap(seat, seat.link, "gave no sign of life")

    def _reap(self, seat: Seat, link: ShardLink, why: str) -> None:
        """Take what a shard had sent before its end, and replace it where there is something to do."""
        seat.link = None
        self._poller.remove(link)
        try:
            for message in link.kill():
                self._take(seat, message)
            how = why or link.died_by()
        finally:
            link.close()
        held = self._assignments.held(seat.number)
        if seat.is_told_the_end and not held:
            return
        self._lose(seat, how, lost_machine=link.lost_machine)
        if seat.is_told_the_end and self._assignments.is_idle:
            return  # all that it had are given up
        self._on_notice(
            f"Shard {seat.number + 1} of {len(self._seats)} {how} and was replaced; "
            f"its {len(held)} unfinished media are tried again."
        )
        self._poller.add(seat.start())

    def _lose(self, seat: Seat, how: str, *, lost_machine: bool) -> None:
        """Settle what a dead shard had."""
        held = self._assignments.held(seat.number)
        for sink in self._sinks:
            for medium_id in held:
                sink.discard_medium(seat.number, medium_id)
        seat.idle_deaths += not held and not lost_machine
        for assigned in self._assignments.lose(seat.number, lost_machine=lost_machine):
            seat.suspected.append((assigned, how))
        if seat.idle_deaths >= _IDLE_DEATHS or len(seat.suspected) >= _SUSPECTED:
            which = f"shard {seat.number + 1} of {len(self._seats)}"
            raise EngineError(
                f"{which} does not work: it {how}, and so did those before it.",
                todo=f"Try without `{self._option}=`, which shows what is wrong.",
            )

    def _give_up(self, seat: Seat) -> None:
        """Settle media that ended their shards as failed: the shard after them works."""
        suspected, seat.suspected = seat.suspected, []
        for assigned, how in suspected:
            self._fail(assigned, how)

    def _fail(self, assigned: Assigned, how: str) -> None:
        reason = (
            f"Each of {MOST_LOSSES} shards that worked on it ended; the last one {how}. "
            "Try `retry_failed=True`."
        )
        outcome = Outcome(assigned.medium, "failed", reason)
        for view in assigned.open_views:
            self._sinks[view].settle(outcome, None)
        self._intake.course.over(assigned.medium)
        self._intake.count(worst([*assigned.outcomes, outcome]))

    def _stop_shards(self) -> None:
        """Let shards hand over what is finished, for a while."""
        for seat in self._seats:
            if not seat.is_ready or seat is self._heard:
                self._end(seat)  # it has nothing yet, or the interrupt came between two of its messages
            elif seat.link is not None:
                seat.link.say(Stop())
                seat.is_told_the_end = True
        until_s = time.monotonic() + _STOP_S
        while any(seat.link is not None for seat in self._seats) and time.monotonic() < until_s:
            for seat in self._seats:
                if seat.link is not None:
                    self._flush(seat, seat.link)
            for watched in self._poller.wait(_TICK_S):
                self._hear_last(cast(ShardLink, watched))

    def _hear_last(self, link: ShardLink) -> None:
        seat = next(seat for seat in self._seats if seat.link is link)
        said = link.listen()
        if said is None:
            seat.link = None
            self._poller.remove(link)
            said = link.kill()
            link.close()
        for message in said:
            if isinstance(message, HandedOver | SpilledPart | Discarded):
                self._take(seat, message)

    def _end_shards(self) -> None:
        for seat in self._seats:
            self._end(seat)

    def _end(self, seat: Seat) -> None:
        link, seat.link = seat.link, None
        if link is not None:
            self._poller.remove(link)
            link.kill()
            link.close()

    # -- progress -----------------------------------------------------------------------------------------

    def _tick(self) -> None:
        now_s = time.monotonic()
        if now_s - self._ticked_s >= _COMMIT_S:
            self._ticked_s = now_s
            for sink in self._sinks:
                sink.tick()

    def _in_work(self) -> list[InWork]:
        found = []
        for seat in self._seats:
            for w in seat.beat.in_work if seat.link is not None else ():
                assigned = self._assignments.find(seat.number, w.medium_id)
                if assigned is not None:
                    found.append(InWork(assigned.medium, w.at_s, w.end_s, w.spent_s))
        return found
