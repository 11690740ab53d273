"""Lines `t_b = speed * t_a + offset` along which two videos may show the same: a Hough vote over offsets.

Every pair of frames with evidence votes, at each speed of a grid, for the offset that would bring the two
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FloatMatrix

__all__ = ["SPEEDS", "Line", "vote"]

SPEEDS: tuple[float, ...] = tuple(float(np.round(0.8 * 1.25 ** (k / 5), 4)) for k in range(11))
"""From 0.8 to 1.25, each 4.6 % above the one before, 1 among them."""
MATCHES_OF_A_FRAME = 12
BIN_STEPS = 2
"""A bin of offsets is as wide as so many sampled frames."""


@dataclass(frozen=True, slots=True)
class Line:
    """`t_b = speed * t_a + offset_s`."""

    speed: float
    offset_s: float

    def at(self, t_a: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the times in the second video that belong to times in the first."""
        return self.speed * t_a + self.offset_s


def vote(
    evidence: FloatMatrix,
    t_a: npt.NDArray[np.float64],
    t_b: npt.NDArray[np.float64],
    *,
    step_s: float,
    speeds: Sequence[float] = SPEEDS,
    most: int = 8,
) -> list[Line]:
    """Return the lines with the most votes, the best first.

    Args:
        evidence: `[m, n]`, of each frame of the first video with each of the second.
        t_a: Seconds `[m]`.
        t_b: Seconds `[n]`.
        step_s: Seconds between sampled frames.
        speeds: Which speeds to try.
        most: How many lines.
    """
    rows, columns = _strongest(evidence)
    if not len(rows):
        return []
    votes = evidence[rows, columns].astype(np.float64)
    width = max(step_s, 1e-3) * BIN_STEPS / 2
    ranked: list[tuple[float, Line]] = []
    for speed in speeds:
        offsets = t_b[columns] - speed * t_a[rows]
        bins = np.floor((offsets - offsets.min()) / width).astype(np.int64)
        half = np.bincount(bins, votes, minlength=int(bins.max()) + 2)
        # Bins overlap by half, so that no line falls between two.
        sums = (half[:-1] + half[1:]).astype(np.float64)
        for place in _peaks(sums, most):
            offset = float(offsets.min() + (place + 1) * width)
            ranked.append((float(sums[place]), Line(speed, offset)))
    # Of equal votes the speed nearest to 1 comes first.
    ranked.sort(key=lambda one: (-one[0], abs(np.log(one[1].speed))))
    return [line for _, line in ranked[:most]]


def _strongest(evidence: FloatMatrix) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the positive cells; of a row with many, those with the most evidence."""
    kept = min(MATCHES_OF_A_FRAME, evidence.shape[1])
    columns = np.argpartition(evidence, evidence.shape[1] - kept, axis=1)[:, -kept:]
    rows = np.broadcast_to(np.arange(len(evidence))[:, None], columns.shape)
    positive = np.take_along_axis(evidence, columns, axis=1) > 0
    return rows[positive], columns[positive]


def _peaks(sums: npt.NDArray[np.float64], most: int) -> list[int]:
    """Return the highest places of which none is beside another."""
    found: list[int] = []
    for place in np.argsort(-sums, kind="stable")[: most * 4].tolist():
        if sums[place] > 0 and all(abs(place - other) > 1 for other in found):
            found.append(place)
        if len(found) == most:
            break
    return found
