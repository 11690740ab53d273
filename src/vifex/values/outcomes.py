"""What became of a medium."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from vifex.values.media import Medium

__all__ = ["BADNESS", "Outcome", "Status", "worst"]

Status = Literal["ok", "partial", "skipped", "failed"]

BADNESS: Final[Mapping[str, int]] = {"skipped": 0, "ok": 1, "partial": 2, "failed": 3}
"""An image is none the worse for having no sound, where another view asks for that."""


def worst(statuses: Iterable[Status]) -> Status:
    """Return the status by which a medium counts that ended in several ways in several views.

    Raises:
        ValueError: If there is none.
    """
    return max(statuses, key=BADNESS.__getitem__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a medium ended; every medium that a run was given ends in one."""

    medium: Medium
    status: Status
    """`ok`; `partial`: rows, and something was lost; `skipped`: by its kind; `failed`: no rows."""
    reason: str = ""
    """Sentences; never empty but for `ok`, where they say how the medium was read."""
    rows: int = 0
    lost: int = 0
    """Frames that were seen or announced by the decoder and could not be had."""
    wall_s: float = 0.0
    """Seconds that decoding took, waiting not counted."""
    content_hash: str = ""
    """Hash of the file's content, see `vifex.media.content_hash`; empty where it is not known."""
    is_note: bool = False
    """Whether the reason of a medium that is `ok` is to be told to the user, not only kept."""

    def __post_init__(self) -> None:
        if self.status != "ok" and not self.reason:
            raise ValueError(f"{self.medium.name}: {self.status} needs a reason")
        if self.status in ("skipped", "failed") and self.rows:
            raise ValueError(f"{self.medium.name}: {self.status} has no rows, got {self.rows}")
