"""Which media are to be done, and the counts of those that are over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from vifex.extraction.pipeline.commit_thread import CommitThread
from vifex.extraction.pipeline.interfaces import MediaQueue, MovedMedia
from vifex.extraction.pipeline.view_sink import ViewSink
from vifex.extraction.progress import Course
from vifex.values import Medium, Outcome, Status
from vifex.values.reports import Tally

__all__ = ["Intake"]

_AT_ONCE: Final = 256
"""Media that are taken from the sources together, at most."""


class Intake:
    """Takes what the sources give, and counts how each medium ends.

    Args:
        sinks: One for each view.
        retry_failed: Whether media that failed in an earlier run are tried again.
        course: Adds up what decoding took.
        on_outcome: Called once for each medium that did not end `ok`, or has a note.
        commit_thread: Makes the calls of the views' writers.
        renames: Recognises media that are finished under another address; by default none is.
    """

    def __init__(
        self,
        sinks: Sequence[ViewSink],
        *,
        retry_failed: bool,
        course: Course,
        on_outcome: Callable[[Outcome], None] | None,
        commit_thread: CommitThread | None = None,
        renames: MovedMedia | None = None,
    ) -> None:
        self.tally = Tally()
        self.course = course
        self._sinks = sinks
        self._retry_failed = retry_failed
        self._on_outcome = on_outcome
        self._commit_thread = commit_thread
        self.renames = renames

    def take(self, listing: MediaQueue, *, wait: bool) -> Sequence[Medium | Outcome]:
        """Take the next media from the sources; those that are finished under another address get their rows.

        Args:
            listing: The media.
            wait: Whether to wait for one where there is none.
        """
        if self.renames is None or self._commit_thread is None:
            return listing.take(_AT_ONCE, wait=wait)
        found = listing.take(self.renames.at_once, wait=wait)
        moved, copied = self.renames.look(found, self._commit_thread.do_now)
        self.tally.moved += moved
        self.tally.copied += copied
        return found

    def begin_again(self, *, retry_failed: bool) -> Tally:
        """Count anew; returns the new counts."""
        self._retry_failed = retry_failed
        self.tally, self.course = Tally(), Course()
        return self.tally

    def admit(self, found: Medium | Outcome) -> tuple[int, ...]:
        """Count what was found; returns the numbers of the views that want it, none if it is over."""
        self.tally.media += 1
        if isinstance(found, Outcome):
            self._settle_at_once(found)
            return ()
        done = [self._done(s, found) for s in self._sinks]
        wanted = tuple(i for i, status in enumerate(done) if status is None)
        if not wanted:
            self.course.over(found)
            self.tally.note_done(next((s for s in done if s in ("failed", "partial")), "ok"))
        return wanted

    def count(self, outcome: Outcome) -> None:
        """Count a medium that ended in this run, once for all views."""
        self.tally.note(outcome)
        if (outcome.status != "ok" or outcome.is_note) and self._on_outcome is not None:
            self._on_outcome(outcome)

    def _settle_at_once(self, outcome: Outcome) -> None:
        """Write an outcome that the source found: a missing file, or a file that is no medium."""
        self.course.over(outcome.medium)
        kept = [s for s in self._sinks if outcome.is_unknown and s.has_rows(outcome.medium)]
        open_sinks = [s for s in self._sinks if s not in kept and self._done(s, outcome.medium) is None]
        if not open_sinks and not kept:
            self.tally.note_done(outcome.status)
            return
        for sink in open_sinks:
            sink.settle(outcome, None)
        self.count(outcome)

    def _done(self, sink: ViewSink, medium: Medium) -> Status | None:
        """Return how a medium ended in a view; `None` if it is to be done, or done again."""
        status = sink.status_of(medium)
        return None if status == "failed" and self._retry_failed else status
