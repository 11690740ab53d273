"""The evidence of a copy in a pair of frames, and which pairs of media have enough of it to be aligned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from vifex.analysis.copies.segments.background import PRODUCTS_AT_ONCE, Background
from vifex.analysis.copies.segments.frames import Frames
from vifex.analysis.products import SENT_FROM
from vifex.analysis.rows import FloatMatrix
from vifex.values.machines import Machines, parts_of

__all__ = ["evidence_between", "pairs_with_evidence"]

MOST, LEAST = 6.0, -1.0
"""One pair of frames counts for at most and at least so much."""


def evidence_between(frames: Frames, background: Background, first: slice, second: slice) -> FloatMatrix:
    """Return the evidence of each frame of `first` with each of `second`, float32 `[m, n]`.

    It is the normalised similarity above that of a match, in standard deviations, between `LEAST` and `MOST`.
    Evidence for a copy is multiplied by the weights of both frames.
    """
    found = frames.unit[first] @ frames.unit[second].T
    found -= background.half_bias[first, None] + np.float32(background.match)
    found -= background.half_bias[second]
    found /= background.deviation
    # It levels off instead of being cut, so that of two good matches the better one still counts for more.
    np.tanh(found / MOST, out=found)
    found *= MOST
    np.maximum(found, LEAST, out=found)
    weights = np.minimum(background.weight[first, None], background.weight[second])
    return np.where(found > 0, found * weights, found)


def pairs_with_evidence(
    frames: Frames, background: Background, least: float, machines: Machines | None = None
) -> list[tuple[int, int]]:
    """Find the pairs of media whose segments could have a score of `least`.

    A path takes each frame of the first medium at most once. So the sum of the best evidence of each frame
    of the first medium is never below the score of a segment.
    """
    groups = _groups(frames)
    shared = (frames, background, least, groups)
    if machines is None or frames.unit.size * len(frames) < SENT_FROM:
        return _pairs_of_groups(*shared, slice(0, len(groups)))
    parts = parts_of(len(groups), 1, machines.width)
    return sorted(pair for _, found in machines.each(_pairs_of_groups, shared, parts) for pair in found)


def _groups(frames: Frames) -> list[tuple[int, int]]:
    """Divide the media into groups that are compared with all later media at once."""
    groups = []
    first = 0
    step = max(1, PRODUCTS_AT_ONCE // len(frames))
    while first < frames.media:
        last = int(np.searchsorted(frames.starts, frames.starts[first] + step, side="right")) - 1
        last = max(first + 1, last)
        groups.append((first, last))
        first = last
    return groups


def _pairs_of_groups(
    frames: Frames,
    background: Background,
    least: float,
    groups: Sequence[tuple[int, int]],
    part: slice,
    _threads: int | None = None,
) -> list[tuple[int, int]]:
    return [pair for group in groups[part] for pair in _pairs_of(frames, background, *group, least)]


def _pairs_of(
    frames: Frames, background: Background, first: int, last: int, least: float
) -> Iterator[tuple[int, int]]:
    """The pairs of the media `first:last` with later ones."""
    begin, end = int(frames.starts[first]), int(frames.starts[last])
    sums = np.zeros((last - first, frames.media - first))
    columns = frames.starts[first:-1] - begin
    owner = np.repeat(np.arange(last - first), np.diff(frames.starts[first : last + 1]))
    step = max(1, PRODUCTS_AT_ONCE // (len(frames) - begin))
    for low in range(begin, end, step):
        rows = slice(low, min(end, low + step))
        evidence = evidence_between(frames, background, rows, slice(begin, None))
        best = np.maximum(np.maximum.reduceat(evidence, columns, axis=1), 0)
        mine = owner[low - begin : rows.stop - begin]
        changes = np.flatnonzero(np.diff(mine, prepend=-1))
        sums[mine[changes]] += np.add.reduceat(best, changes, axis=0)
    for one, other in np.argwhere(sums >= least).tolist():
        a, b = first + one, first + other
        if a < b and frames.compared(a, b):
            yield a, b
