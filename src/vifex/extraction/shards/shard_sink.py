"""The way of what shards hand over into one view of the store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pyarrow as pa

from vifex.extraction.pipeline.commit_thread import CommitThread
from vifex.extraction.pipeline.interfaces import CommittingWriter
from vifex.extraction.pipeline.view_sink import SpilledRows, ViewSink
from vifex.extraction.shards.ipc import from_bytes, only
from vifex.extraction.shards.protocol import Rows
from vifex.values import Outcome, Recipe

__all__ = ["ShardSink"]


class ShardSink(ViewSink):
    """One view's place in the store, for rows that are laid out already.

    Args:
        commit_thread: Makes the calls of the writer.
        writer: Of the view.
        recipe: Of the view.
        schema: Of its rows.
    """

    _writer: CommittingWriter

    def __init__(
        self, commit_thread: CommitThread, writer: CommittingWriter, recipe: Recipe, schema: pa.Schema
    ) -> None:
        super().__init__(commit_thread, writer, recipe, schema)
        self._spills: dict[tuple[int, str], SpilledRows] = {}
        """Shard and medium to its rows that lie on the disk."""

    def take(self, outcomes: Sequence[Outcome], rows: Rows | None) -> None:
        """Take finished media with all their rows; blocks while many commits wait."""
        self._commit_thread.do(partial(self._take, list(outcomes), rows))

    def take_spilled(self, shard: int, outcome: Outcome, rows: bytes | None) -> None:
        """Take a shard's finished medium of which some rows went to the disk before."""
        spill = self._spills.pop((shard, outcome.medium.medium_id))
        self._commit_thread.do(partial(self._take_spilled, outcome, rows, spill))

    def spill_part(self, shard: int, medium_id: str, rows: Rows) -> None:
        """Take some rows of a shard's unfinished medium to the disk."""
        spill = self._spills.setdefault((shard, medium_id), SpilledRows())
        self._commit_thread.do(partial(self._spill_part, spill, medium_id, rows))

    def discard_medium(self, shard: int, medium_id: str) -> None:
        """Take the rows of a medium that a shard will not finish from the disk, if there are any."""
        spill = self._spills.pop((shard, medium_id), None)
        if spill is not None:
            self.discard(spill)

    def discard_all(self, medium_id: str) -> None:
        """Take the rows of a medium from the disk that any shard has spilled and not finished."""
        if self._spills:  # few media have any, and this is called for each
            for shard in [shard for shard, spilled in self._spills if spilled == medium_id]:
                self.discard_medium(shard, medium_id)

    def take_some(
        self, outcomes: Sequence[Outcome], rows: Rows | None, counts: Sequence[int], places: Sequence[int]
    ) -> None:
        """Take some of the media that a shard has handed over together.

        Args:
            outcomes: Of the media that are taken.
            rows: Of all that the shard has handed over, one medium after the other.
            counts: Rows of each of those.
            places: Of the media that are taken, among those.
        """
        self._commit_thread.do(partial(self._take_some, list(outcomes), rows, list(counts), list(places)))

    # -- in the commit thread ----------------------------------------------------------------------------

    def _take(self, outcomes: list[Outcome], rows: Rows | None) -> None:
        if rows is None or isinstance(rows, bytes):
            self._writer.add_many(outcomes, None if rows is None else from_bytes(rows))
        else:
            self._writer.add_written(outcomes, rows)

    def _take_some(
        self, outcomes: list[Outcome], rows: Rows | None, counts: list[int], places: list[int]
    ) -> None:
        batch = None
        if rows is not None:
            every = from_bytes(rows) if isinstance(rows, bytes) else self._writer.take_back(rows)
            batch = only(every, counts, places)
        if outcomes:
            self._writer.add_many(outcomes, batch)

    def _take_spilled(self, outcome: Outcome, rows: bytes | None, spill: SpilledRows) -> None:
        self._writer.add(outcome, None if rows is None else from_bytes(rows), spill.there)

    def _spill_part(self, spill: SpilledRows, medium_id: str, rows: Rows) -> None:
        if isinstance(rows, bytes):
            spill.there = self._writer.spill(spill.there, from_bytes(rows))
        else:
            spill.there = self._writer.spill_written(spill.there, medium_id, rows)
