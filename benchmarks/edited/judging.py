"""What is the same in two videos, by the record of their pieces, and how well it was found."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edited.edits import EDITS
from edited.videos import COMPILATION, ORIGINAL, UNRELATED, Piece, Video

__all__ = ["Found", "judge"]

SHORTEST_SECONDS = 1.5
"""What two videos share for a shorter time is neither asked for nor wrong."""
IOU = 0.5
NOT_IN_THE_SUM = ("mirrored", "picture in picture")


@dataclass(frozen=True, slots=True)
class Found:
    """A pair of spans that a method gives; `a` and `b` are numbers of videos."""

    a: int
    b: int
    a_start_s: float
    a_end_s: float
    b_start_s: float
    b_end_s: float
    speed: float


@dataclass(frozen=True, slots=True)
class _Same:
    """A pair of spans that are the same."""

    one: Piece
    other: Piece
    start_s: float
    end_s: float

    @property
    def spans(self) -> tuple[tuple[float, float], tuple[float, float]]:
        return tuple((p.at(self.start_s), p.at(self.end_s)) for p in (self.one, self.other))  # type: ignore[return-value]

    @property
    def seconds(self) -> float:
        return min(stop - start for start, stop in self.spans)


def judge(videos: Sequence[Video], found: Iterable[Found], *, step_s: float) -> dict[str, Any]:
    """Return F1, precision, recall and offsets for each edit, and the false alarms.

    The rows of edits count pairs of an original and a copy. A segment counts where it overlaps a true one by
    an intersection over union of `IOU` in both videos, one for one.
    """
    by_pair: dict[tuple[int, int], list[Found]] = {}
    for one in found:
        if one.a > one.b:
            one = Found(one.b, one.a, one.b_start_s, one.b_end_s, one.a_start_s, one.a_end_s, 1 / one.speed)
        by_pair.setdefault((one.a, one.b), []).append(one)
    counts: dict[str, dict[str, Any]] = {}
    alarms, unrelated_alarms = 0, 0
    for a, b in itertools.combinations(range(len(videos)), 2):
        same = _same(videos[a], videos[b])
        given = by_pair.get((a, b), [])
        if not same:
            alarms += len(given)
            unrelated_alarms += len(given) * (UNRELATED in (videos[a].edit, videos[b].edit))
            continue
        _add(counts.setdefault(_edit(videos[a], videos[b]), _nothing()), same, given, step_s)
    whole = _nothing()
    for name, count in counts.items():
        if name in _scored() and name not in NOT_IN_THE_SUM:
            for key in whole:
                whole[key] += count[key]
    order = [*(e.name for e in EDITS), COMPILATION, "copy and copy"]
    rows = {name: _figures(counts[name]) for name in order if name in counts}
    return {
        **rows,
        "all but mirrored and picture in picture": _figures(whole),
        "false_alarms": alarms,
        "false_alarms_on_unrelated": unrelated_alarms,
    }


def _scored() -> tuple[str, ...]:
    return (*(edit.name for edit in EDITS), COMPILATION)


def _edit(one: Video, other: Video) -> str:
    edits = [video.edit for video in (one, other) if video.edit != ORIGINAL]
    return edits[0] if len(edits) == 1 else "copy and copy"


def _same(one: Video, other: Video) -> list[_Same]:
    found = []
    for p, q in itertools.product(one.pieces, other.pieces):
        start = max(p.source_start_s, q.source_start_s)
        end = min(p.source_end_s, q.source_end_s)
        if p.source == q.source and end > start:
            found.append(_Same(p, q, start, end))
    return found


def _nothing() -> dict[str, Any]:
    return {"right": 0, "wrong": 0, "missed": 0, "near": 0, "offsets": []}


def _add(count: dict[str, Any], same: list[_Same], found: list[Found], step_s: float) -> None:
    """Match the found to the same, the best overlaps first."""
    overlaps = sorted(
        ((_worse_iou(one, other), i, j) for i, one in enumerate(same) for j, other in enumerate(found)),
        reverse=True,
    )
    mine: set[int] = set()
    theirs: set[int] = set()
    for overlap, i, j in overlaps:
        if overlap >= IOU and i not in mine and j not in theirs:
            mine.add(i)
            theirs.add(j)
            off = _offset(same[i], found[j])
            count["offsets"].append(off)
            count["near"] += off <= step_s
    count["right"] += len(mine)
    count["missed"] += sum(one.seconds >= SHORTEST_SECONDS for i, one in enumerate(same) if i not in mine)
    short = [one for one in same if one.seconds < SHORTEST_SECONDS]
    for j, one in enumerate(found):
        if j not in theirs and not any(_touches(other, one) for other in short):
            count["wrong"] += 1


def _worse_iou(same: _Same, found: Found) -> float:
    spans = (found.a_start_s, found.a_end_s), (found.b_start_s, found.b_end_s)
    return min(_iou(mine, theirs) for mine, theirs in zip(same.spans, spans, strict=True))


def _touches(same: _Same, found: Found) -> bool:
    return _worse_iou(same, found) > 0


def _iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    shared = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    return shared / (one[1] - one[0] + other[1] - other[0] - shared)


def _offset(same: _Same, found: Found) -> float:
    """Return by how many seconds the second video is off, at the middle of the found span of the first."""
    middle = (found.a_start_s + found.a_end_s) / 2
    share = (middle - same.one.start_s) / (same.one.end_s - same.one.start_s)
    source_s = same.one.source_start_s + share * (same.one.source_end_s - same.one.source_start_s)
    return abs(same.other.at(source_s) - (found.b_start_s + found.b_end_s) / 2)


def _figures(count: Mapping[str, Any]) -> dict[str, Any]:
    right, wrong, missed = count["right"], count["wrong"], count["missed"]
    return {
        "segments": right + missed,
        "f1": round(2 * right / max(1, 2 * right + wrong + missed), 4),
        "precision": round(right / max(1, right + wrong), 4),
        "recall": round(right / max(1, right + missed), 4),
        "offset_within_one_frame": round(count["near"] / max(1, right), 4),
        "offset_median_s": round(float(np.median(count["offsets"])), 4) if right else None,
    }
