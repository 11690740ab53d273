"""A batch of arrivals that was extracted while folders were watched."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from vifex.values.reports import Problem

__all__ = ["WatchBatch"]


@dataclass(frozen=True, slots=True)
class WatchBatch:
    """What arrived in watched folders and is committed now."""

    ended: datetime
    """UTC."""
    media: int
    """Every medium of the batch."""
    ok: int
    partial: int
    skipped: int
    failed: int
    already_done: int
    """In the store before, and unchanged since."""
    moved: int
    """How many of those already done were finished under another address, which their rows have left."""
    copied: int
    """How many of those already done have the bytes of a finished file that stays, and its rows."""
    rows: int
    """Rows written, over all views."""
    seconds: float
    """From the first medium of the batch to its commit."""
    removed: tuple[str, ...]
    """Names of files that were deleted or moved away; folders end with `/`. Their rows stay in the store
    until `vifex.prune`."""
    problems: tuple[Problem, ...]
    """What was skipped, partial or failed, and what is `ok` with a note; at most 1,000."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `ended` in ISO 8601."""
        return {**asdict(self), "ended": self.ended.isoformat()}
