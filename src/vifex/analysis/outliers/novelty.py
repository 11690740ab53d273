"""Novelty along time: how unlike the rest of its medium each moment is, and which moments stand out.

The novelty of a row is its mean cosine distance to the nearest tenth of the other rows of the medium. What
lasts longer than about a tenth of the medium has near rows and is ordinary; a short event has none. A moment
stands out by its modified z-score, 0.6745 (x - median) / MAD, from 3.5 on (Iglewicz and Hoaglin, How to
Detect and Handle Outliers, 1993), and by a least distance, so that noise over a still scene is no event.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.neighbours import nearest_neighbours
from vifex.analysis.rows import FloatMatrix

__all__ = ["LEAST_ROWS", "Run", "modified_z", "novelty_of", "unusual_runs"]

Floats = npt.NDArray[np.float64]

LEAST_ROWS: Final = 10
"""Rows that a medium needs for a novelty."""
_SHARE: Final = 0.1
_TO_MAD: Final = 0.6745
_TO_MEAN: Final = 0.7979
"""Of a normal distribution the mean absolute deviation is 0.7979 times the standard deviation."""


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that follow each other, `[start, stop)`, and the one of the largest score."""

    start: int
    stop: int
    peak: int


def novelty_of(unit: FloatMatrix) -> Floats:
    """Return the mean cosine distance `[T]` of each row to the nearest tenth of the others, at least 3.

    Args:
        unit: Rows of one medium, of length 1, `[T, D]`, T at least `LEAST_ROWS`.
    """
    k = max(3, math.ceil(_SHARE * (len(unit) - 1)))
    similarity = nearest_neighbours(unit, k).similarity
    distances: Floats = 1 - similarity.mean(axis=1, dtype=np.float64)
    return np.maximum(distances, 0)


def modified_z(values: Floats) -> Floats:
    """Return modified z-scores `[T]`; all are 0 where the values are equal.

    Where more than half of the values are equal, their mean absolute deviation takes the place of the MAD.
    """
    apart = values - np.median(values)
    mad = float(np.median(np.abs(apart)))
    if mad > 0:
        return np.asarray(_TO_MAD * apart / mad)
    mean = float(np.abs(apart).mean())
    return np.asarray(_TO_MEAN * apart / mean) if mean > 0 else np.zeros(len(values))


def unusual_runs(
    novelty: Floats, starts_s: Floats, ends_s: Floats, *, z: float, least: float, gap_s: float
) -> list[Run]:
    """Join unusual rows to runs, in the order of time.

    Args:
        novelty: `[T]`, rows in the order of time.
        starts_s: `[T]` seconds.
        ends_s: `[T]` seconds.
        z: Smallest modified z-score of an unusual row.
        least: Smallest difference to the median novelty.
        gap_s: Unusual rows with at most this many seconds between them are one run.
    """
    scores = modified_z(novelty)
    unusual = np.flatnonzero((scores >= z) & (novelty - np.median(novelty) >= least))
    runs: list[Run] = []
    for row in unusual.tolist():
        if runs and starts_s[row] - ends_s[runs[-1].stop - 1] <= gap_s:
            last = runs[-1]
            peak = row if novelty[row] > novelty[last.peak] else last.peak
            runs[-1] = Run(last.start, row + 1, peak)
        else:
            runs.append(Run(row, row + 1, row))
    return runs
