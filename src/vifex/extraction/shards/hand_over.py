"""The shard's side of a hand-over: a writer of rows that sends them to the coordinator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from vifex.extraction.progress import Course
from vifex.extraction.shards.given_media import GivenMedia
from vifex.extraction.shards.ipc import to_bytes
from vifex.extraction.shards.protocol import Coordinator, Discarded, HandedOver, OutcomeColumns, SpilledPart
from vifex.values import Medium, Outcome, Status

if TYPE_CHECKING:
    from vifex.store import LabelChange

__all__ = ["HandOverWriter", "MediaSeconds"]


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


@dataclass(frozen=True, slots=True)
class _SpilledThere:
    """Rows of a medium that the coordinator has."""

    medium_id: str


class HandOverWriter:
    """A `RowWriter` that hands over to the coordinator.

    Args:
        view: Number of its view.
        coordinator: Commits.
        media: Says which views want a medium.
        seconds: Of the media.
    """

    def __init__(self, view: int, coordinator: Coordinator, media: GivenMedia, seconds: MediaSeconds) -> None:
        self._view, self._coordinator, self._media, self._seconds = view, coordinator, media, seconds

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
        self, outcome: Outcome, rows: pa.RecordBatch | None = None, spilled: _SpilledThere | None = None
    ) -> None:
        """Hand over a medium of which some rows were spilled before."""
        self._say([outcome], rows, has_spilled=spilled is not None)

    def add_many(self, outcomes: Sequence[Outcome], rows: pa.RecordBatch | None = None) -> None:
        """Hand over finished media."""
        self._say(outcomes, rows, has_spilled=False)

    def spill(self, spilled: _SpilledThere | None, rows: pa.RecordBatch) -> _SpilledThere:
        """Hand over rows of an unfinished medium."""
        there = spilled or _SpilledThere(str(rows.column("medium_id")[0]))
        self._coordinator.say(SpilledPart(self._view, there.medium_id, to_bytes(rows)))
        return there

    def discard(self, spilled: _SpilledThere) -> None:
        """Void the spilled rows of a medium."""
        self._coordinator.say(Discarded(self._view, spilled.medium_id))

    def relabel(self, changes: Mapping[str, LabelChange]) -> int:
        """Do nothing: the coordinator sees to labels."""
        return 0

    def tick(self) -> None:
        """Do nothing: the coordinator commits."""

    def commit(self) -> None:
        """Do nothing: the coordinator commits."""

    def _say(self, outcomes: Sequence[Outcome], rows: pa.RecordBatch | None, *, has_spilled: bool) -> None:
        columns = OutcomeColumns.of(outcomes, [self._seconds.seconds_of(o.medium) for o in outcomes])
        data = None if rows is None else to_bytes(rows)
        for outcome in outcomes:
            self._media.hand_over(outcome.medium, self._view)
        self._coordinator.say(HandedOver(self._view, columns, data, has_spilled))
