"""What people said of segments: a mark is about segments whose spans overlap its own by half."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["SegmentMark", "SegmentMarks", "span_key"]

Word = Literal["confirmed", "wrong"]
_KEY: Final = re.compile(r"(.+)@([0-9.]+)-([0-9.]+)")
_OVERLAP: Final = 0.5
_Side = tuple[str, float, float]


def span_key(medium_id: str, start_s: float, end_s: float) -> str:
    """Return how marks name a span: `MEDIUM@START-END`."""
    return f"{medium_id}@{start_s:.2f}-{end_s:.2f}"


@dataclass(frozen=True, slots=True)
class SegmentMark:
    """What a person said of a pair of spans, by their keys."""

    a: str
    b: str
    word: Word


class SegmentMarks:
    """The marks of a store.

    Args:
        marks: The oldest first; marks that name no span are passed over.
        either_way: Whether both spans are of one store, so that their order means nothing.
    """

    def __init__(self, marks: Iterable[SegmentMark], *, either_way: bool) -> None:
        self._marks: dict[tuple[str, str], list[tuple[_Side, _Side, Word]]] = {}
        for mark in marks:
            a, b = _side(mark.a), _side(mark.b)
            if a is None or b is None:
                continue
            for one, other in ((a, b), (b, a)) if either_way else ((a, b),):
                self._marks.setdefault((one[0], other[0]), []).append((one, other, mark.word))

    def word(self, a: _Side, b: _Side) -> Word | None:
        """Return what the newest mark says of a pair of spans.

        Args:
            a: Id of the medium, start and end in seconds.
            b: The same of the other span.
        """
        for one, other, word in reversed(self._marks.get((a[0], b[0]), [])):
            if _overlap(a, one) >= _OVERLAP and _overlap(b, other) >= _OVERLAP:
                return word
        return None


def _side(key: str) -> _Side | None:
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    try:
        return found[1], float(found[2]), float(found[3])
    except ValueError:
        return None


def _overlap(one: _Side, other: _Side) -> float:
    """Return intersection over union."""
    shared = max(0.0, min(one[2], other[2]) - max(one[1], other[1]))
    return shared / max(1e-9, one[2] - one[1] + other[2] - other[1] - shared)
