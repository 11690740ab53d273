"""The heaviest path through matches in the order of both times.

A temporal network has a node for each match of two frames, and an edge from a match to those that come later
in both videos (Tan, Ngo, Hong and Chua, ACM Multimedia 2009). Its heaviest path is a copied segment. Here the
nodes are the frames near a line, and frames that do not match count against the path, so that it ends where
the copy ends and passes over a few frames in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.analysis.copies.segments.lines import Line
from vifex.analysis.rows import FloatMatrix

__all__ = ["Path", "heaviest_paths"]

REACH = 2
"""A path stays within so many sampled frames of its line."""
STEP_ASIDE = 0.5
"""What a path pays to come nearer to the line or go farther from it by one frame."""
ABSENT = -1.0


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Matches of a path, in order."""

    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    score: float


def heaviest_paths(
    evidence: FloatMatrix,
    t_a: npt.NDArray[np.float64],
    t_b: npt.NDArray[np.float64],
    lines: Sequence[Line],
    *,
    gap: int,
    least: float = 0.0,
) -> list[Path | None]:
    """Return for each line the path with the highest sum of evidence near it.

    Args:
        evidence: `[m, n]`.
        t_a: Seconds `[m]`.
        t_b: Seconds `[n]`.
        lines: Where to look.
        gap: A path ends where so many frames of the first video in a row have no match.
        least: A path with a lower score is of no use.

    Returns:
        None for a line where no path has a score of `least`, or none is positive.
    """
    found: list[Path | None] = [None] * len(lines)
    wanted = np.stack([line.at(t_a) for line in lines])
    columns = np.clip(_nearest(t_b, wanted)[:, :, None] + np.arange(-REACH, REACH + 1), 0, len(t_b) - 1)
    half = (float(np.median(np.diff(t_b))) if len(t_b) > 1 else 1.0) / 2
    outside = (wanted < t_b[0] - half) | (wanted > t_b[-1] + half)
    cells = evidence[np.arange(len(t_a))[:, None], columns].astype(np.float64)
    cells[outside] = ABSENT
    # No path has a higher sum than the best cells of all rows together.
    promising = np.flatnonzero(np.maximum(cells.max(axis=2), 0).sum(axis=1) > max(least, 0))
    if not len(promising):
        return found
    cells, columns = cells[promising], columns[promising]
    sums, came = _sweep(cells, columns)
    for number, which in enumerate(promising.tolist()):
        row, place = np.unravel_index(int(sums[number].argmax()), sums.shape[1:])
        if sums[number, row, place] <= 0:
            continue
        rows, places = _walk_back(came[number], int(row), int(place))
        taken, values = columns[number, rows, places], cells[number, rows, places]
        gains = values.copy()
        again = np.flatnonzero(np.diff(taken) == 0) + 1
        gains[again] = np.minimum(gains[again], 0)
        gains[1:] -= STEP_ASIDE * np.abs(np.diff(places))
        path = _heaviest_part(rows, taken, values > 0, gains, gap)
        if path.score >= least:
            found[which] = path
    return found


def _nearest(t_b: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    if len(t_b) == 1:
        return np.zeros(wanted.shape, np.int64)
    after = np.clip(np.searchsorted(t_b, wanted), 1, len(t_b) - 1)
    before = after - 1
    return np.where(wanted - t_b[before] <= t_b[after] - wanted, before, after)


def _sweep(
    cells: npt.NDArray[np.float64], columns: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int8]]:
    """Sum along the best way to each cell; also return from which place of the row before, or -1.

    A frame of the second video gives evidence once. A path may stay at it, but gains nothing.

    Args:
        cells: Evidence `[L, m, places]` near each line.
        columns: The frame of the second video of each cell.
    """
    rows, width = cells.shape[1:]
    places = np.arange(width)
    aside = np.abs(places[:, None] - places)
    cost = np.where(aside > 1, np.inf, STEP_ASIDE * aside)
    # [L, m - 1, place, place before]: what a step costs besides.
    ahead = columns[:, 1:, :, None] - columns[:, :-1, None, :]
    twice = np.maximum(cells[:, 1:, :, None], 0)
    costs = cost + np.where(ahead < 0, np.inf, np.where(ahead == 0, twice, 0))
    sums = np.empty_like(cells)
    came = np.full(cells.shape, -1, np.int8)
    sums[:, 0] = cells[:, 0]
    for row in range(1, rows):
        ways = sums[:, row - 1, None, :] - costs[:, row - 1]
        best = ways.argmax(axis=2)
        gain = ways.max(axis=2)
        sums[:, row] = cells[:, row] + np.maximum(gain, 0)
        came[:, row] = np.where(gain > 0, best, -1)
    return sums, came


def _walk_back(
    came: npt.NDArray[np.int8], row: int, place: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    rows, places = [row], [place]
    while came[row, place] >= 0:
        row, place = row - 1, int(came[row, place])
        rows.append(row)
        places.append(place)
    return np.array(rows[::-1]), np.array(places[::-1])


def _heaviest_part(
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    matches: npt.NDArray[np.bool_],
    gains: npt.NDArray[np.float64],
    gap: int,
) -> Path:
    """Cut a path where it has a gap, and return the part that gains most."""
    good = np.flatnonzero(matches)
    cuts = np.flatnonzero(np.diff(good) > gap)
    firsts, lasts = good[np.r_[0, cuts + 1]], good[np.r_[cuts, len(good) - 1]]
    sums = [float(gains[i : j + 1].sum()) for i, j in zip(firsts, lasts, strict=True)]
    best = int(np.argmax(sums))
    part = slice(firsts[best], lasts[best] + 1)
    return Path(rows[part], columns[part], sums[best])
