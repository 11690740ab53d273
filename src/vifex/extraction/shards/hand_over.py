"""The shard's side of a hand-over: a writer of rows that sends them to the coordinator."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from vifex.extraction.progress import Course
from vifex.extraction.shards.given_media import GivenMedia
from vifex.extraction.shards.ipc import to_bytes
from vifex.extraction.shards.protocol import (
    Coordinator,
    Discarded,
    HandedOver,
    OutcomeColumns,
    Rows,
    SpilledPart,
)
from vifex.values import Medium, Outcome, Status

if TYPE_CHECKING:
    from vifex.store import LabelChange, RowsThere

__all__ = ["HandOverWriter", "MediaSeconds"]


_FRAGMENT_BYTES: Final = 32 << 20
"""Rows that a shard gathers for a fragment that it writes itself."""
_WORTH_BYTES: Final = 8 << 20
"""Fewer rows travel to the coordinator, which puts those of several shards into one fragment."""
_PART_BYTES: Final = 16 << 20
"""Rows of an unfinished medium that a shard gathers for a fragment; several media may be open."""
_GATHERED_S: Final = 1.0
"""How long finished media wait for others."""


class MediaSeconds(Course):
    """Keeps the seconds of video or sound of each medium until it is handed over."""

    def __init__(self) -> None:
        super().__init__()
        self._media_s: dict[str, float] = {}

    def ended(self, medium: Medium, wall_s: float, media_s: float) -> None:
        """Note what the decoding of a medium took."""
        if media_s:
            self._media_s[medium.medium_id] = media_s

    def seconds_of(self, medium: Medium) -> float:
        """Return the seconds of a medium once; 0 for an image."""
        return self._media_s.pop(medium.medium_id, 0.0)


@dataclass(slots=True)
class _Spilled:
    """Rows of a medium that is not finished."""

    medium_id: str
    waiting: list[pa.RecordBatch] = field(default_factory=list)
    """Not handed over yet."""
    size_bytes: int = 0
    """Of those."""
    is_there: bool = False
    """Whether the coordinator has some."""


@dataclass(slots=True)
class _Gathered:
    """Finished media whose rows are not yet enough for a fragment."""

    since_s: float
    outcomes: list[Outcome] = field(default_factory=list)
    rows: list[pa.RecordBatch] = field(default_factory=list)
    size_bytes: int = 0

    def takes(self, rows: pa.RecordBatch | None) -> bool:
        """Check whether rows have the columns of those that are here."""
        return rows is None or not self.rows or rows.schema.equals(self.rows[0].schema)


class HandOverWriter:
    """A `RowWriter` that hands over to the coordinator.

    Args:
        view: Number of its view.
        coordinator: Commits.
        media: Says which views want a medium.
        seconds: Of the media.
        table: Where this process may write the rows itself. Many rows go there, and the coordinator is told
            where they lie; few travel to it, as it would have to merge small fragments. Without it all do.
    """

    def __init__(
        self,
        view: int,
        coordinator: Coordinator,
        media: GivenMedia,
        seconds: MediaSeconds,
        table: RowsThere | None = None,
    ) -> None:
        self._view, self._coordinator, self._media, self._seconds = view, coordinator, media, seconds
        self._table = table
        self._gathered: _Gathered | None = None

    def finished(self) -> HandOverWriter:
        """Return this: the coordinator has decided which views want a medium."""
        return self

    def status_of(self, medium: Medium, recipe_hash: str) -> Status | None:
        """Return `None` where this view wants the medium."""
        return None if self._view in self._media.wanted_by(medium) else "ok"

    def has_labels_of(self, medium: Medium) -> bool:
        """Return that labels are as stated: the coordinator sees to them."""
        return True

    def has_rows(self, medium_id: str) -> bool:
        """Return that there are none: the coordinator gives no outcomes to shards."""
        return False

    def add(
        self, outcome: Outcome, rows: pa.RecordBatch | None = None, spilled: _Spilled | None = None
    ) -> None:
        """Hand over a medium of which some rows were spilled before."""
        waiting = [] if spilled is None else spilled.waiting
        waiting += [] if rows is None else [rows]
        if spilled is None or not spilled.is_there:
            self.add_many([outcome], pa.concat_batches(waiting) if waiting else None)
            return
        if spilled.size_bytes >= _WORTH_BYTES:
            self._say_part(spilled)
        last = to_bytes(pa.concat_batches(spilled.waiting)) if spilled.waiting else None
        self._say([outcome], last, has_spilled=True)

    def add_many(self, outcomes: Sequence[Outcome], rows: pa.RecordBatch | None = None) -> None:
        """Hand over finished media, now or when their rows fill a fragment."""
        if self._table is None:
            self._say(outcomes, None if rows is None else to_bytes(rows))
            return
        if self._gathered is not None and not self._gathered.takes(rows):
            self.commit()
        gathered = self._gathered = self._gathered or _Gathered(time.monotonic())
        gathered.outcomes += outcomes
        if rows is not None:
            gathered.rows.append(rows)
            gathered.size_bytes += rows.nbytes
        if gathered.size_bytes >= _FRAGMENT_BYTES:
            self.commit()

    def spill(self, spilled: _Spilled | None, rows: pa.RecordBatch) -> _Spilled:
        """Hand over rows of an unfinished medium, now or when they fill a fragment."""
        spilled = spilled or _Spilled(str(rows.column("medium_id")[0]))
        spilled.waiting.append(rows)
        spilled.size_bytes += rows.nbytes
        if self._table is None or spilled.size_bytes >= _PART_BYTES:
            self._say_part(spilled)
        return spilled

    def discard(self, spilled: _Spilled) -> None:
        """Void the spilled rows of a medium."""
        if spilled.is_there:
            self._coordinator.say(Discarded(self._view, spilled.medium_id))

    def relabel(self, changes: Mapping[str, LabelChange]) -> int:
        """Do nothing: the coordinator sees to labels."""
        return 0

    def tick(self) -> None:
        """Hand over what has waited long enough, or what the coordinator waits for."""
        gathered = self._gathered
        if gathered is None:
            return
        if self._media.is_resting or time.monotonic() - gathered.since_s >= _GATHERED_S:
            self.commit()

    def commit(self) -> None:
        """Hand over all finished media; the coordinator commits them."""
        gathered, self._gathered = self._gathered, None
        if gathered is not None:
            rows = self._written(gathered.rows, gathered.size_bytes) if gathered.rows else None
            self._say(gathered.outcomes, rows)

    def _say_part(self, spilled: _Spilled) -> None:
        rows = self._written(spilled.waiting, spilled.size_bytes)
        spilled.waiting, spilled.size_bytes, spilled.is_there = [], 0, True
        self._coordinator.say(SpilledPart(self._view, spilled.medium_id, rows))

    def _written(self, rows: Sequence[pa.RecordBatch], size_bytes: int) -> Rows:
        """Write rows into the store if there are enough for a fragment; else return them."""
        if self._table is not None and size_bytes >= _WORTH_BYTES and self._table.fits(rows[0]):
            return self._table.write(rows)
        return to_bytes(pa.concat_batches(rows))

    def _say(self, outcomes: Sequence[Outcome], rows: Rows | None, *, has_spilled: bool = False) -> None:
        columns = OutcomeColumns.of(outcomes, [self._seconds.seconds_of(o.medium) for o in outcomes])
        for outcome in outcomes:
            self._media.hand_over(outcome.medium, self._view)
        self._coordinator.say(HandedOver(self._view, columns, rows, has_spilled))
