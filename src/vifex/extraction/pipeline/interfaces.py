"""What a run is connected to: where its media come from, and where its rows go.

Rows go to the store itself, or to a process that commits for this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pyarrow as pa

from vifex.values import Medium, Outcome, Status

if TYPE_CHECKING:
    from vifex.store import (  # a shard does without the store, which takes long to import
        LabelChange,
        WrittenRows,
    )

__all__ = ["CommittingWriter", "FinishedBefore", "MediaQueue", "MovedMedia", "RowWriter", "SpilledPart"]

SpilledPart: TypeAlias = Any
"""What a writer returns for spilled rows; it alone knows what that is."""


class MediaQueue(Protocol):
    """Media that come one after the other; `Listing` has those of the sources."""

    @property
    def is_over(self) -> bool:
        """Whether every medium was taken."""

    @property
    def is_resting(self) -> bool:
        """Whether nothing comes before what was taken is over: batches are not to wait to be full."""

    def take(self, most: int, *, wait: bool = False) -> Sequence[Medium | Outcome]:
        """Take at most `most` media, maybe none; with `wait`, wait for one where there is none."""

    def wake_with(self, wake: Callable[[], None]) -> None:
        """Let `wake` be called, by any thread, when there is more after `take` found too little."""


class FinishedBefore(Protocol):
    """Which media need not be done."""

    def status_of(self, medium: Medium, recipe_hash: str) -> Status | None:
        """Return how a medium ended; `None` if it is to be done."""

    def has_labels_of(self, medium: Medium) -> bool:
        """Check whether the stored label and split are those that the source states."""

    def has_rows(self, medium_id: str) -> bool:
        """Check whether a medium has rows."""


class MovedMedia(Protocol):
    """Recognises media that are finished under another address; `Renames` does it in views."""

    at_once: int
    """Media that it takes together, at most."""

    def look(
        self, found: Sequence[Medium | Outcome], do: Callable[[Callable[[], object]], None]
    ) -> tuple[int, int]:
        """Give recognised media their rows by calls through `do`; return how many were moved and copied."""


class RowWriter(Protocol):
    """Takes the finished media of one view; `ViewWriter` is the one that writes them."""

    def finished(self) -> FinishedBefore:
        """Return which media need not be done."""

    def add(
        self, outcome: Outcome, rows: pa.RecordBatch | None = None, spilled: SpilledPart | None = None
    ) -> None:
        """Take a finished medium with all its rows: the spilled ones, then the given ones."""

    def add_many(self, outcomes: Sequence[Outcome], rows: pa.RecordBatch | None = None) -> None:
        """Take several finished media, with the rows of all of them in the same order."""

    def spill(self, spilled: SpilledPart | None, rows: pa.RecordBatch) -> SpilledPart:
        """Take rows of an unfinished medium; return all of them so far."""

    def discard(self, spilled: SpilledPart) -> None:
        """Drop spilled rows of a medium that will not be finished."""

    def relabel(self, changes: Mapping[str, LabelChange]) -> int:
        """Change labels and splits of finished media."""

    def tick(self) -> None:
        """Commit what has waited long enough."""

    def commit(self) -> None:
        """Commit what was taken."""


class CommittingWriter(RowWriter, Protocol):
    """Commits what other processes have computed; `ViewWriter` is the one."""

    def add_written(self, outcomes: Sequence[Outcome], written: WrittenRows) -> None:
        """Take finished media whose rows another process has written into the table."""

    def spill_written(self, spilled: SpilledPart | None, medium_id: str, written: WrittenRows) -> SpilledPart:
        """Take rows of an unfinished medium that another process has written; return all of them so far."""

    def take_back(self, written: WrittenRows) -> pa.RecordBatch:
        """Read rows that another process has written, and remove their files."""
