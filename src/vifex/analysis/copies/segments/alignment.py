"""All copied segments of one pair of videos: the best line, its path, a finer line, and what is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.analysis.copies.segments.lines import Line, vote
from vifex.analysis.copies.segments.network import Path, heaviest_paths
from vifex.analysis.rows import FloatMatrix

__all__ = ["Aligned", "align"]

SEGMENTS_AT_MOST = 16
LEAST_MATCHES = 4
SPEEDS_WITHIN = (0.78, 1.28)
FITTED_FROM_S = 3.0
"""A shorter path says too little about the speed."""
FITTED = 3
ROUNDS = 3
"""The lines of so many paths are fitted, so many times."""
BETTER_BY = 1.03
"""Another speed than 1 must have a score so many times as high."""
GAP_S = 1.5
LEAST_GAP = 3
"""A segment ends where for so many seconds, and so many sampled frames, nothing matches."""
OVERLAP = 0.5
REPEAT = 0.7
"""What shows a part of a better segment once more must have this share of its score. A scene that hardly
moves is like its own next seconds, which makes short and weaker segments beside the right one."""


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """One segment of a pair, by rows of both."""

    line: Line
    path: Path
    matches: int
    """How many frames of the path have evidence for a copy."""

    @property
    def score(self) -> float:
        """The sum of evidence along the path."""
        return self.path.score

    @property
    def spans(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """First and last row in both videos."""
        return _span(self.path.rows), _span(self.path.columns)


def align(
    evidence: FloatMatrix,
    t_a: npt.NDArray[np.float64],
    t_b: npt.NDArray[np.float64],
    *,
    step_s: float,
    least: float,
    most: int = SEGMENTS_AT_MOST,
) -> list[Aligned]:
    """Return the segments of two videos with at least a score of `least`, the strongest first.

    Args:
        evidence: `[m, n]` of the frames of both; it is changed.
        t_a: Seconds `[m]`.
        t_b: Seconds `[n]`.
        step_s: Seconds between sampled frames.
        least: The lowest score.
        most: How many segments at most.
    """
    found: list[Aligned] = []
    for _ in range(2 * most):
        best = _best(evidence, t_a, t_b, step_s, least)
        if best is None or best.score < least or len(found) == most:
            break
        if best.matches >= LEAST_MATCHES and not any(_shows_again(best, other) for other in found):
            found.append(best)
        (a_first, a_last), (b_first, b_last) = best.spans
        evidence[a_first : a_last + 1, b_first : b_last + 1] = -1
    return found


def _best(
    evidence: FloatMatrix,
    t_a: npt.NDArray[np.float64],
    t_b: npt.NDArray[np.float64],
    step_s: float,
    least: float,
) -> Aligned | None:
    """Return the strongest segment: the best path near a line of the vote, with the line fitted to it."""
    gap = max(LEAST_GAP, round(GAP_S / step_s)) if step_s else LEAST_GAP
    lines = vote(evidence, t_a, t_b, step_s=step_s)
    if not lines:
        return None
    # The fitted line may gain a little; a line far below what is needed is not worth the fit.
    paths = heaviest_paths(evidence, t_a, t_b, lines, gap=gap, least=least / 2)
    ways = [Aligned(line, path, 0) for line, path in zip(lines, paths, strict=True) if path is not None]
    ways.sort(key=_preferred, reverse=True)
    ways = ways[:FITTED]
    for _ in range(ROUNDS):
        if not ways:
            return None
        fitted = [_fitted(evidence, t_a, t_b, way) for way in ways]
        paths = heaviest_paths(evidence, t_a, t_b, fitted, gap=gap, least=least / 2)
        again = [
            Aligned(line, path, 0) if path is not None and path.score > way.score + 1e-6 else way
            for way, line, path in zip(ways, fitted, paths, strict=True)
        ]
        if again == ways:
            break
        ways = again
    best = max(ways, key=_preferred)
    matches = int((evidence[best.path.rows, best.path.columns] > 0).sum())
    return Aligned(best.line, best.path, matches)


def _preferred(way: Aligned) -> float:
    return way.score * (BETTER_BY if abs(way.line.speed - 1) < 0.01 else 1.0)


def _fitted(
    evidence: FloatMatrix, t_a: npt.NDArray[np.float64], t_b: npt.NDArray[np.float64], way: Aligned
) -> Line:
    """Fit the line of a path to its matches by least squares."""
    path = way.path
    weights = evidence[path.rows, path.columns].astype(np.float64)
    good = weights > 0
    x, y, weights = t_a[path.rows[good]], t_b[path.columns[good]], weights[good]
    speed = way.line.speed
    if len(x) >= 2 * LEAST_MATCHES and x[-1] - x[0] >= FITTED_FROM_S:
        aside = x - np.average(x, weights=weights)
        speed = float(np.clip(np.sum(weights * aside * y) / np.sum(weights * aside**2), *SPEEDS_WITHIN))
    return Line(speed, float(np.average(y - speed * x, weights=weights)))


def _shows_again(one: Aligned, better: Aligned) -> bool:
    """Return whether a segment overlaps a better one in a video and is weaker: a scene that looks alike."""
    if one.score >= REPEAT * better.score:
        return False
    return any(_overlap(mine, theirs) > OVERLAP for mine, theirs in zip(one.spans, better.spans, strict=True))


def _overlap(mine: tuple[int, int], theirs: tuple[int, int]) -> float:
    shared = min(mine[1], theirs[1]) - max(mine[0], theirs[0]) + 1
    return max(0, shared) / (mine[1] - mine[0] + 1)


def _span(places: npt.NDArray[np.int64]) -> tuple[int, int]:
    return int(places.min()), int(places.max())
