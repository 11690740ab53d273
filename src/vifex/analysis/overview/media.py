"""The media of a store by kind, size, label and split, and their problems, in one pass over each ledger.

Memory holds 8 bytes for each medium, and at most some thousand names and reasons.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.analysis.overview.overview import CollectionFacts, KindCount, NameCount, ReasonGroup
from vifex.media.sources.kinds import by_name
from vifex.store import View

__all__ = ["MediaCounts", "count_media"]

_COLUMNS: Final = ("medium_id", "uri", "name", "label", "split", "size_bytes", "status", "reason", "rows")
_MOST_NAMES: Final = 100_000
"""Different labels that are counted one by one."""
_MOST_GROUPS: Final = 2_000
_EXAMPLES: Final = 4
_KINDS: Final = ("image", "video", "audio", "other")
_IMPORTED: Final = "imported from "
"""How the reason of each medium of an imported view begins."""
# Names, addresses and numbers differ from medium to medium; the rest of a reason says what happened.
_OWN: Final = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|\b0x[0-9a-f]+\b|\d+(?:[.,:]\d+)*", re.IGNORECASE)

Group = tuple[str, str, str]


@dataclass(slots=True)
class _Groups:
    """Media by view, status and what happened."""

    media: Counter[Group] = field(default_factory=Counter)
    reasons: dict[Group, str] = field(default_factory=dict)
    examples: dict[Group, list[tuple[str, str, str, int]]] = field(default_factory=dict)

    def add(self, view: str, status: str, reason: str, example: tuple[str, str, str, int]) -> None:
        """Count a medium."""
        key = (view, status, _OWN.sub("#", reason))
        if key not in self.media:
            if len(self.media) >= _MOST_GROUPS:
                key, reason = (view, status, ""), "Other reasons."
            self.reasons.setdefault(key, reason)
        self.media[key] += 1
        kept = self.examples.setdefault(key, [])
        if len(kept) < _EXAMPLES:
            kept.append(example)

    def most(self, status: str, count: int) -> tuple[list[ReasonGroup], int]:
        """Return the largest groups of a status, and how many there are beyond."""
        wanted = [(key, n) for key, n in self.media.items() if key[1] == status]
        wanted.sort(key=lambda pair: (-pair[1], pair[0]))
        shown = [
            ReasonGroup(key[0], status, self.reasons[key], n, tuple(self.examples[key]))
            for key, n in wanted[:count]
        ]
        return shown, max(0, len(wanted) - count)


@dataclass(slots=True)
class MediaCounts:
    """What the ledgers say of the media."""

    kinds: dict[str, list[int]] = field(default_factory=lambda: {kind: [0, 0] for kind in _KINDS})
    """Media and bytes by kind."""
    labels: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0
    by_view: dict[str, Counter[str]] = field(default_factory=dict)
    """Statuses, by view."""
    with_rows: Counter[str] = field(default_factory=Counter)
    groups: _Groups = field(default_factory=_Groups)
    drawn: dict[str, list[tuple[str, str, str | None, int]]] = field(default_factory=dict)
    """By view: id, name, label and rows of the media with the smallest ids. Ids are hashes, so these are
    drawn at random, and the same ones each time."""

    def collection(self, shown: int, covered_s: float) -> CollectionFacts:
        """Return the counts of the media; at most `shown` labels and splits."""
        kinds = tuple(KindCount(kind, *self.kinds[kind]) for kind in _KINDS if self.kinds[kind][0])
        return CollectionFacts(
            media=sum(kind.media for kind in kinds),
            size_bytes=sum(kind.size_bytes for kind in kinds),
            kinds=kinds,
            covered_s=covered_s,
            labels=_most(self.labels, shown),
            different_labels=len(self.labels),
            splits=_most(self.splits, shown),
            unlabelled=self.unlabelled,
        )


def count_media(views: Sequence[View], samples: int) -> MediaCounts:
    """Count the media of some views.

    Args:
        views: A medium of several counts once in the collection, as the first of them has it.
        samples: Media that are drawn from each view.
    """
    counts = MediaCounts()
    seen = np.empty(0, np.uint64)
    for view in views:
        ids = []
        of_rows = {} if view.ledger_has_labels else _labels_of_rows(view)
        for batch in view.ledger_batches(_COLUMNS):
            own = _hashes(batch.column("medium_id"))
            ids.append(own)
            _count(counts, view.name, _labelled(batch, of_rows), np.isin(own, seen, invert=True), samples)
        if len(views) > 1:
            seen = np.union1d(seen, np.concatenate([*ids, seen]))
    return counts


def _labels_of_rows(view: View) -> dict[str, tuple[str | None, str | None]]:
    """Read the label and the split of each medium from its first row, which a ledger of format 1 lacks."""
    batches = view.batches(["medium_id", "label", "split"], "ordinal = 0")
    return {
        medium_id: (label, split)
        for batch in batches
        for medium_id, label, split in zip(*(c.to_pylist() for c in batch.columns), strict=True)
    }


def _labelled(batch: pa.RecordBatch, labels: Mapping[str, tuple[str | None, str | None]]) -> pa.RecordBatch:
    if not labels:
        return batch
    found = [labels.get(medium_id, (None, None)) for medium_id in batch.column("medium_id").to_pylist()]
    for place, name in enumerate(("label", "split")):
        column = pa.array([one[place] for one in found], batch.schema.field(name).type)
        batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), column)
    return batch


def _hashes(ids: pa.Array) -> npt.NDArray[np.uint64]:
    """Return the first halves of ids: two of 10 million media share one with a chance of 3 in a million."""
    return np.fromiter((int(one[:16], 16) for one in ids.to_pylist()), np.uint64, len(ids))


def _count(
    counts: MediaCounts, view: str, batch: pa.RecordBatch, is_new: npt.NDArray[np.bool_], samples: int
) -> None:
    statuses = counts.by_view.setdefault(view, Counter())
    drawn = counts.drawn.setdefault(view, [])
    for new, values in zip(is_new.tolist(), _lines(batch), strict=True):
        medium_id, uri, name, label, split, size_bytes, status, reason, rows = values
        statuses[status] += 1
        if rows:
            counts.with_rows[view] += 1
            drawn.append((medium_id, name, label, rows))
        if status != "ok" or (reason and not reason.startswith(_IMPORTED)):
            counts.groups.add(view, status, reason, (name, uri, medium_id, rows))
        if not new:
            continue
        if status != "skipped":
            kind = counts.kinds[by_name(name) or "other"]
            kind[0] += 1
            kind[1] += size_bytes
            _count_name(counts.labels, label)
            _count_name(counts.splits, split)
            counts.unlabelled += label is None
    counts.drawn[view] = heapq.nsmallest(samples, drawn)


def _lines(
    batch: pa.RecordBatch,
) -> Iterator[tuple[str, str, str, str | None, str | None, int, str, str, int]]:
    yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _count_name(counter: Counter[str], name: str | None) -> None:
    if name is not None and (name in counter or len(counter) < _MOST_NAMES):
        counter[name] += 1


def _most(counter: Counter[str], count: int) -> tuple[NameCount, ...]:
    found = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(NameCount(name, media) for name, media in found[:count])
