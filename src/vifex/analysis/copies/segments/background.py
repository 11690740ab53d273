"""How similar a frame is to what has nothing to do with it, and how common a frame is.

A similarity says little by itself: a frame of a car park at night is like every other car park. From each
similarity the mean of both frames' bias is taken away, where the bias of a frame is a high quantile of its
similarity to the background (score normalisation, as in the Video Similarity Challenge 2022, Pizzi et al.,
arXiv:2306.09489). The background is the collection itself: its other media.

A frame that many media have, as black or an intro, weighs less: inverse document frequency over media.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.analysis.copies.segments.frames import Frames
from vifex.analysis.rows import FloatMatrix

__all__ = ["Background", "measure_background"]

ROWS_AT_MOST = 1 << 14
"""Frames of the background that each frame is compared with."""
PRODUCTS_AT_ONCE = 1 << 23
BIAS_QUANTILE = 0.75
"""Of a frame's best similarity to each unit of the background, of which at most a quarter may be copies."""
MATCH_DEVIATIONS = 2.0
"""A normalised similarity so many standard deviations above the middle of unrelated frames is a match."""
QUARTILE = 0.6745
"""Standard deviations from the median of a normal distribution to its upper quartile."""
LEAST_MEDIA = 8
"""Below so many other media their parts of `PART_S` seconds are the units of the background."""
PART_S = 5.0
COMMON_SHARE = 0.1
COMMON_COUNT = 4
"""A frame that more media have than this share, and than this count, weighs less."""


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """What is needed to turn a similarity into evidence of a copy."""

    half_bias: FloatMatrix
    """`[N]`: half of the bias of each frame. A normalised similarity is the cosine less both halves."""
    weight: FloatMatrix
    """`[N]`: in [0, 1]."""
    match: float
    """The normalised similarity from which on a frame counts as a match."""
    deviation: float
    """The standard deviation of normalised similarities of unrelated frames."""


@dataclass(frozen=True, slots=True)
class _Units:
    """Frames of the background, grouped."""

    rows: npt.NDArray[np.int64]
    """`[B]`: which frames."""
    starts: npt.NDArray[np.int64]
    """`[U]`: the first of each unit within `rows`."""
    medium: npt.NDArray[np.int64]
    """`[U]`."""
    start_s: npt.NDArray[np.float64]
    end_s: npt.NDArray[np.float64]


def measure_background(frames: Frames) -> Background:
    """Measure bias, weight and the distribution of normalised similarities of all frames.

    Args:
        frames: At least two media.
    """
    units = _units(frames)
    # First with the plain similarity, then with the normalised one.
    half_bias = np.empty(len(frames), np.float32)
    middle = np.empty(len(frames), np.float32)
    for rows, best in _best(frames, units, np.zeros(len(frames), np.float32)):
        with np.errstate(all="ignore"):
            middle[rows], half_bias[rows] = np.nanquantile(best, [0.5, BIAS_QUANTILE], axis=1)
    # Frames that are like everything tell nothing of how the others vary.
    contrast = np.clip(1 - middle, 0, 1) ** 2 + 1e-9
    above = float(np.average(half_bias - middle, weights=contrast))
    deviation = max(above / QUARTILE, 1e-6)
    match = MATCH_DEVIATIONS * deviation - above
    half_bias /= 2
    common = np.zeros(len(frames), np.float32)
    count = np.zeros(len(frames), np.float32)
    for rows, best in _best(frames, units, half_bias):
        common[rows] = (best > match).sum(axis=1)
        count[rows] = np.isfinite(best).sum(axis=1)
    limit = np.maximum(COMMON_COUNT, COMMON_SHARE * count)
    weight = np.minimum(1, limit / np.maximum(common, 1)) ** 2
    return Background(half_bias, weight.astype(np.float32), match, deviation)


def _units(frames: Frames) -> _Units:
    """Group frames of the background by medium, or by parts of media where there are few media."""
    few = frames.media - 1 < LEAST_MEDIA
    key = np.stack([frames.medium, (frames.t_s // PART_S).astype(np.int64) if few else frames.medium * 0])
    every = max(1, -(-len(frames) // ROWS_AT_MOST))
    rows = np.arange(0, len(frames), every)
    new = np.any(np.diff(key[:, rows], axis=1) != 0, axis=0)
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    ends = np.concatenate([starts[1:], [len(rows)]]) - 1
    medium = frames.medium[rows[starts]]
    if not few:
        return _Units(rows, starts, medium, np.full(len(starts), -np.inf), np.full(len(starts), np.inf))
    return _Units(
        rows, starts, medium, frames.t_s[rows[starts]] - PART_S / 2, frames.t_s[rows[ends]] + PART_S / 2
    )


def _best(
    frames: Frames, units: _Units, half_bias: FloatMatrix
) -> Iterator[tuple[npt.NDArray[np.int64], FloatMatrix]]:
    """Give blocks of frames with their best similarity to each unit; NaN for the unit that a frame is in."""
    background = frames.unit[units.rows]
    bias = half_bias[units.rows]
    medium = frames.medium
    step = max(1, PRODUCTS_AT_ONCE // len(background))
    for first in range(0, len(frames), step):
        rows = np.arange(first, min(len(frames), first + step))
        products = frames.unit[rows] @ background.T
        products -= bias
        best = np.maximum.reduceat(products, units.starts, axis=1) - half_bias[rows, None]
        own = medium[rows, None] == units.medium
        t_s = frames.t_s[rows, None]
        best[own & (t_s >= units.start_s) & (t_s <= units.end_s)] = np.nan
        yield rows, best
