"""The report of a run: counts, problems, and the exit status that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from vifex.values import Outcome, Status
from vifex.values.printing import clean

__all__ = ["Estimate", "Interrupted", "Problem", "Report", "Tally"]

_PROBLEMS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Problem:
    """A medium that did not end `ok` in this run, or that did with a note on how it was read."""

    name: str
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take, as a short probe of its media says."""

    media: int
    """Every medium that the sources give."""
    already_done: int
    """Of those, how many the store holds in every view."""
    images: int
    """To be done."""
    videos_and_sounds: int
    """To be done."""
    rows: int
    """That the run will write, over all views."""
    seconds: float
    """Of the whole run, start-up included."""
    size_bytes: int
    """By which the store will grow."""
    probed_media: int
    """From how many media this was estimated."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Report:
    """How a run of `extract` ended."""

    store: str
    views: tuple[str, ...]
    media: int
    """Every medium that the run was given."""
    ok: int
    partial: int
    skipped: int
    failed: int
    already_done: int
    """Finished by an earlier run and unchanged since."""
    already_failed: int
    """How many of those had failed or were partial; they count for the exit status."""
    rows: int
    """Rows written by this run, over all views."""
    seconds: float
    """Wall time of the whole run with its start-up."""
    busy_s: float
    """Seconds from the opening of the first file to the last durable commit."""
    problems: tuple[Problem, ...]
    """What was skipped, partial or failed in this run, and what is `ok` with a note; at most 1,000, the
    ledger has all."""
    precision: dict[str, str] = field(default_factory=dict)
    """For each view, the precision that `auto` chose."""
    added_bytes: int | None = None
    """By which the folder of the store grew, where that was measured."""
    estimate: Estimate | None = None
    """What was estimated before the run, if it was."""
    notices: tuple[str, ...] = ()
    """Sentences on the sources and on what the views learned from them."""
    moved: int = 0
    """How many of those already done were finished under another address, which their rows have left."""
    copied: int = 0
    """How many of those already done have the bytes of a finished file that stays, and its rows."""

    @property
    def exit_status(self) -> int:
        """0 if no medium failed or is partial, else 3."""
        return 3 if self.failed or self.partial or self.already_failed else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "exit_status": self.exit_status}


class Interrupted(KeyboardInterrupt):
    """A run was interrupted; what it had finished is committed.

    Args:
        store: The store's folder.
        media: Media that the run finished, all of them committed.
        rows: Their rows, over all views.
        unfinished: Names of the videos and sounds that were in work: each is kept whole or not at all.
    """

    def __init__(self, store: str, media: int, rows: int, unfinished: Sequence[str]) -> None:
        self.store, self.media, self.rows = store, media, rows
        self.unfinished = tuple(unfinished)
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        if not self.media:
            told = "interrupted before any medium was finished; the same command starts again."
        else:
            media = f"{self.media:,} medi{'um' if self.media == 1 else 'a'}"
            rows = f"{self.rows:,} row{'s' * (self.rows != 1)}"
            kept = f"{media} with {rows} of this run are kept in {clean(self.store)}"
            told = f"interrupted. {kept}; the same command goes on from there."
        if not self.unfinished:
            return told
        were = "was" if len(self.unfinished) == 1 else "were"
        start = "starts" if len(self.unfinished) == 1 else "start"
        return f"{told} {', '.join(map(clean, self.unfinished))} {were} not finished and {start} anew."


class Tally:
    """Counts outcomes during a run."""

    def __init__(self) -> None:
        self.by_status: dict[Status, int] = {"ok": 0, "partial": 0, "skipped": 0, "failed": 0}
        self.already_done = 0
        self.already_failed = 0
        self.moved = 0
        self.copied = 0
        self.media = 0
        self.rows = 0
        self.busy_s = 0.0
        self.problems: list[Problem] = []

    def note(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.by_status[outcome.status] += 1
        if (outcome.status != "ok" or outcome.is_note) and len(self.problems) < _PROBLEMS_KEPT:
            self.problems.append(Problem(outcome.medium.name, outcome.status, outcome.reason))

    def note_done(self, status: str) -> None:
        """Count a medium that an earlier run finished."""
        self.already_done += 1
        self.already_failed += status in ("failed", "partial")

    @property
    def finished(self) -> int:
        """Media that have ended, in any way."""
        return sum(self.by_status.values()) + self.already_done
