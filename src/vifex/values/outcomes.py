"""Outcomes: how a medium ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from vifex.values.media import Medium

__all__ = ["BADNESS", "Outcome", "Status", "worst"]

Status = Literal["ok", "partial", "skipped", "failed"]

BADNESS: Final[Mapping[str, int]] = {"skipped": 0, "ok": 1, "partial": 2, "failed": 3}
"""`skipped` counts least: an image without sound is well, though a view of sound skips it."""


def worst(statuses: Iterable[Status]) -> Status:
    """Return the status by which a medium counts that ended in several ways in several views.

    Raises:
        ValueError: If there is none.
    """
    return max(statuses, key=BADNESS.__getitem__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a medium ended. Every medium of a run ends in exactly one outcome."""

    medium: Medium
    status: Status
    """`ok`; `partial`: rows, and something was lost; `skipped`: by its kind; `failed`: no rows."""
    reason: str = ""
    """Sentences. It is empty only for `ok`; there it may say how the medium was read."""
    rows: int = 0
    lost: int = 0
    """Frames that the decoder announced and could not give."""
    wall_s: float = 0.0
    """Seconds that decoding took, without waiting."""
    content_hash: str = ""
    """Hash of the file's content, see `vifex.media.content_hash`; empty where it is not known."""
    is_note: bool = False
    """Whether the reason of a medium that is `ok` is printed, not only stored."""
    is_unknown: bool = False
    """Whether a medium is `failed` because its server could not be asked: rows that it has stay."""

    def __post_init__(self) -> None:
        if self.status != "ok" and not self.reason:
            raise ValueError(f"{self.medium.name}: {self.status} needs a reason")
        if self.status in ("skipped", "failed") and self.rows:
            raise ValueError(f"{self.medium.name}: {self.status} has no rows, got {self.rows}")
