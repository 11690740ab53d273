"""What a run does between two calls of `work`, whether its decoders are its own or those of shards."""

from __future__ import annotations

from collections.abc import Sequence

from vifex.extraction.pipeline.commit_thread import CommitThread
from vifex.extraction.pipeline.intake import Intake
from vifex.extraction.pipeline.interfaces import MovedMedia, RowWriter
from vifex.extraction.pipeline.showing import ProgressDisplay
from vifex.extraction.pipeline.view_sink import ViewSink
from vifex.values.reports import Tally

__all__ = ["RepeatedRun"]


class RepeatedRun:
    """The part that `Pipeline` and `ShardedPipeline` share; they make what is named here."""

    tally: Tally
    is_committed: bool
    """Whether everything in `tally` is durable."""
    _commit_thread: CommitThread
    _sinks: Sequence[ViewSink]
    _intake: Intake
    _display: ProgressDisplay

    def begin_again(self, *, retry_failed: bool) -> None:
        """Count anew in the next call of `work`.

        Args:
            retry_failed: Whether media that failed before are tried again in that call.
        """
        self.tally = self._intake.begin_again(retry_failed=retry_failed)
        self._display.begin_again()
        self.is_committed = False

    def write_to(self, writers: Sequence[RowWriter], renames: MovedMedia) -> None:
        """Write to other writers of the views from the next call of `work` on.

        Args:
            writers: One for each view.
            renames: Recognises media that are finished under another address.
        """
        for sink, writer in zip(self._sinks, writers, strict=True):
            sink.write_to(writer)
        self._intake.renames = renames

    def _commit(self) -> None:
        """Commit everything that is finished, and wait until it is durable."""
        for sink in self._sinks:
            sink.commit()
        self._commit_thread.finish()
        self.is_committed = True
