"""Groups of copies from pairs: a star around a representative.

A group of everything that is connected may be a chain: A is like B, B like C, and A has nothing to do with D.
Here every image of a group makes a pair with the group's representative. The representative is the image with
the most pairs; then the images of its group are taken away, and the rest is grouped in the same way.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.analysis.copies.pairs import Pairs

__all__ = ["Star", "stars", "stars_of_two"]


@dataclass(frozen=True, slots=True, eq=False)
class Star:
    """A representative and the rows that make a pair with it."""

    row: int
    members: npt.NDArray[np.int64]
    """Rows, the highest score first."""
    pairs: npt.NDArray[np.int64]
    """Index of the pair of each member."""


def stars(pairs: Pairs, scores: npt.NDArray[np.float32], rows: int) -> list[Star]:
    """Group the rows of one collection; a row is in at most one group.

    Args:
        pairs: Between rows of the collection.
        scores: `[P]`, higher is nearer; they break ties and order the members.
        rows: Number of rows of the collection.

    Returns:
        Groups, the one with the highest score first.
    """
    starts, ends, ids = _neighbours(pairs, rows)
    degree = np.diff(starts)
    taken = np.zeros(rows, bool)
    waiting = [(-int(degree[row]), int(row)) for row in np.flatnonzero(degree)]
    heapq.heapify(waiting)
    found = []
    while waiting:
        count, row = heapq.heappop(waiting)
        if taken[row]:
            continue
        span = slice(starts[row], starts[row + 1])
        free = ~taken[ends[span]]
        if not free.any():
            continue
        if free.sum() < -count:
            heapq.heappush(waiting, (-int(free.sum()), row))
            continue
        star = _star(row, ends[span][free], ids[span][free], scores)
        taken[row] = True
        taken[star.members] = True
        found.append(star)
    return _ordered(found, scores)


def stars_of_two(pairs: Pairs, scores: npt.NDArray[np.float32]) -> list[Star]:
    """Group pairs of two collections: each row of the first with its copies in the second."""
    found = []
    firsts, starts, counts = np.unique(pairs.first, return_index=True, return_counts=True)
    for row, start, count in zip(firsts.tolist(), starts, counts, strict=True):
        ids = np.arange(start, start + count)
        found.append(_star(row, pairs.second[ids], ids, scores))
    return _ordered(found, scores)


def _star(
    row: int,
    members: npt.NDArray[np.integer],
    ids: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
) -> Star:
    order = np.lexsort((members, -scores[ids]))
    return Star(int(row), members[order].astype(np.int64), ids[order])


def _ordered(found: list[Star], scores: npt.NDArray[np.float32]) -> list[Star]:
    return sorted(found, key=lambda star: (-float(scores[star.pairs[0]]), star.row))


def _neighbours(
    pairs: Pairs, rows: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the pairs by row: `ends[starts[r]:starts[r + 1]]` are the rows that make a pair with `r`."""
    sources = np.concatenate([pairs.first, pairs.second])
    order = np.argsort(sources, kind="stable")
    starts = np.zeros(rows + 1, np.int64)
    np.cumsum(np.bincount(sources, minlength=rows), out=starts[1:])
    ends = np.concatenate([pairs.second, pairs.first])[order].astype(np.int64)
    ids = np.tile(np.arange(len(pairs), dtype=np.int64), 2)[order]
    return starts, ends, ids
