"""The values of an overview of a store, as a page and JSON show them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = [
    "CollectionFacts",
    "KindCount",
    "NameCount",
    "Overview",
    "ReasonGroup",
    "RunRate",
    "SampleRow",
    "ViewFacts",
]


@dataclass(frozen=True, slots=True)
class KindCount:
    """Media of one kind."""

    kind: str
    """`image`, `video`, `audio`, or `other` where the name does not say it."""
    media: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class NameCount:
    """A label or a split, and how many media have it."""

    name: str
    media: int


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """The media of a store; one that several views have counts once."""

    media: int
    size_bytes: int
    """Of the files, as they were when they were found."""
    kinds: tuple[KindCount, ...]
    covered_s: float
    """Seconds of video and sound that rows cover, in the view in which it is most."""
    labels: tuple[NameCount, ...]
    """The most frequent ones."""
    different_labels: int
    """How many there are."""
    splits: tuple[NameCount, ...]
    unlabelled: int
    """Media without a label."""


@dataclass(frozen=True, slots=True)
class ViewFacts:
    """One view."""

    view: str
    model: str
    columns: tuple[tuple[str, str, str], ...]
    """For each feature column its layer, its shape and its number format."""
    media: int
    with_rows: int
    """Media that have rows."""
    rows: int
    statuses: dict[str, int]
    choices: tuple[tuple[str, str], ...]
    """Name and words of each choice that decides the rows."""


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    """Media with the same status whose reasons differ in numbers and names alone."""

    view: str
    status: str
    """`failed`, `partial` or `skipped`; `ok` for a note."""
    reason: str
    """Of one of them."""
    media: int
    examples: tuple[tuple[str, str, str, int], ...]
    """Name, address, id and number of rows of some."""


@dataclass(frozen=True, slots=True)
class RunRate:
    """How fast a run was."""

    view: str
    number: int
    started: str
    """ISO 8601, UTC; empty where the run did not say."""
    command: str
    media: int
    rows: int
    deleted: int
    seconds: float | None
    """From its start to its last commit; `None` where the ledger does not say."""
    course: tuple[tuple[float, int, int], ...] = ()
    """Of the newest run of a view: at each commit the seconds since its start, and the media and the rows
    that were committed by then; at most some hundred commits."""

    @property
    def media_per_s(self) -> float | None:
        """Media a second, start-up included."""
        return self.media / self.seconds if self.seconds else None

    @property
    def rows_per_s(self) -> float | None:
        """Rows a second, start-up included."""
        return self.rows / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A row in the middle of a medium that was drawn at random."""

    view: str
    key: str
    name: str
    label: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What is in a store."""

    store: str
    size_bytes: int
    """Of the store's folder."""
    collection: CollectionFacts
    views: tuple[ViewFacts, ...]
    problems: tuple[ReasonGroup, ...]
    """The most frequent ones of media that are not `ok`."""
    notes: tuple[ReasonGroup, ...]
    """The same of media that are `ok` with a note on how they were read."""
    left_out: int
    """Groups of problems and notes beyond those."""
    runs: tuple[RunRate, ...]
    """The newest ones, view by view, the oldest first."""
    samples: tuple[SampleRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        found = asdict(self)
        for run, plain in zip(self.runs, found["runs"], strict=True):
            plain |= {"media_per_s": run.media_per_s, "rows_per_s": run.rows_per_s}
        for group in (*found["problems"], *found["notes"]):
            names = ("name", "uri", "medium_id", "rows")
            group["examples"] = [dict(zip(names, one, strict=True)) for one in group["examples"]]
        for view in found["views"]:
            view["columns"] = [
                dict(zip(("layer", "shape", "dtype"), c, strict=True)) for c in view["columns"]
            ]
            view["choices"] = dict(view["choices"])
        return found
