"""Sequences: a moment of one query, then one of the next query in the same medium."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vifex.search.combined.values import Then
from vifex.search.moments.merging import Run

__all__ = ["Chain", "chains", "steps_of"]

Found = tuple[Run, int]
"""A moment and the index of its best row."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Moments of a sequence, one for each part."""

    gain: float
    """Of the worst part."""
    parts: tuple[Run, ...]
    rows: tuple[int, ...]
    """Index of the best row of each part."""


def steps_of(query: Then) -> tuple[list[Any], list[float | None]]:
    """Return the parts of a sequence, and the longest time between each two neighbours."""
    if not isinstance(query.first, Then):
        return [query.first, query.second], [query.within_s]
    parts, within_s = steps_of(query.first)
    return [*parts, query.second], [*within_s, query.within_s]


def chains(found: Sequence[Sequence[Found]], within_s: Sequence[float | None]) -> Iterator[Chain]:
    """Yield sequences, the best first; those of one medium do not overlap.

    Args:
        found: The moments of each part.
        within_s: For each part but the first, the longest time from the end of the part before to its start.
    """
    media = [defaultdict[int, list[Found]](list) for _ in found]
    for own, runs in zip(media, found, strict=True):
        for one in runs:
            if np.isfinite(one[0].start_s):
                own[one[0].medium].append(one)
    everywhere = set(media[0]).intersection(*media[1:])
    all_chains = [
        chain for m in sorted(everywhere) for chain in _of_medium([own[m] for own in media], within_s)
    ]
    taken = defaultdict[int, list[tuple[float, float]]](list)
    for chain in sorted(all_chains, key=lambda chain: -chain.gain):
        start_s, end_s = chain.parts[0].start_s, max(part.end_s for part in chain.parts)
        spans = taken[chain.parts[0].medium]
        if all(end_s <= low or high <= start_s for low, high in spans):
            spans.append((start_s, end_s))
            yield chain


def _of_medium(found: Sequence[list[Found]], within_s: Sequence[float | None]) -> list[Chain]:
    """Return for each moment of the last part the best sequence that ends with it."""
    best = [Chain(run.gain, (run,), (row,)) for run, row in found[0]]
    for runs, longest_s in zip(found[1:], within_s, strict=True):
        following = []
        for run, row in runs:
            before = [chain for chain in best if _follows(chain.parts[-1], run, longest_s)]
            if before:
                # Of equal ones the latest: it is the nearest in time.
                chain = max(before, key=lambda one: (one.gain, one.parts[-1].start_s))
                following.append(Chain(min(chain.gain, run.gain), (*chain.parts, run), (*chain.rows, row)))
        best = following
    return best


def _follows(first: Run, second: Run, longest_s: float | None) -> bool:
    if second.start_s <= first.start_s or second.end_s <= first.end_s:
        return False
    return longest_s is None or second.start_s - first.end_s <= longest_s
