"""Images that occur in videos: the frames that show an image, as a span.

The similarity of an image and a frame is normalised as that of two frames is. Few images occur in a video. So
the best similarities of each image with each video show what chance gives: a normal distribution is fitted to
their upper half. An image is found where that distribution gives fewer false alarms than are allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from vifex.analysis.copies.segments.background import BIAS_QUANTILE, PRODUCTS_AT_ONCE, Background
from vifex.analysis.copies.segments.frames import Frames
from vifex.analysis.rows import FloatMatrix

__all__ = ["FoundStills", "Still", "find_stills"]

LEAST_SIMILARITY = 0.5
"""Normalised. Below it nothing is found, however few images and videos there are. Of 120 photographs and 99
videos (`benchmarks/copies_stills.py`) pairs that are unrelated reach 0.47, and copies have 0.52 or more."""
_TAIL = 0.1
"""The share of best similarities that says how far those of unrelated pairs spread."""
_NORMAL = NormalDist()
SPAN_SHARE = 0.6
"""A span goes on while frames have this share of the best frame's similarity."""


@dataclass(frozen=True, slots=True)
class Still:
    """An image in a video."""

    image: int
    """Row of the image."""
    medium: int
    """The video, by its number."""
    best_s: float
    """The second of the most similar frame."""
    start_s: float
    end_s: float
    similarity: float
    """Cosine similarity of that frame."""
    score: float
    """The normalised similarity of that frame."""
    false_alarms: float
    """How many images with such a score chance is expected to find in the collection."""


@dataclass(frozen=True, slots=True)
class FoundStills:
    """What was found, the strongest first, and from which score on."""

    stills: tuple[Still, ...]
    least_score: float
    pairs: int
    """Pairs of an image and a video."""


def find_stills(
    images: FloatMatrix, frames: Frames, background: Background, *, false_alarms: float = 0.05
) -> FoundStills:
    """Find the videos that show an image.

    Args:
        images: Vectors `[I, D]` of length 1.
        frames: Sampled frames of videos.
        background: Of the frames.
        false_alarms: How many false finds are allowed in the whole collection, on average.
    """
    best, half_bias = _best(images, frames, background)
    pairs = best.size
    far = -_NORMAL.inv_cdf(min(0.5, false_alarms / pairs))
    middle, spread = _unrelated(best, far)
    least = max(LEAST_SIMILARITY, middle + spread * far)
    found = []
    for image, medium in np.argwhere(best >= least).tolist():
        alarms = pairs * _NORMAL.cdf(-float(best[image, medium] - middle) / spread)
        found.append(_still(images, frames, background, image, medium, float(half_bias[image]), alarms))
    found.sort(key=lambda still: (-still.score, still.image, still.medium))
    return FoundStills(tuple(found), least, pairs)


def _unrelated(best: FloatMatrix, far: float) -> tuple[float, float]:
    """Return the middle and the standard deviation of the best similarities of unrelated pairs.

    In a small collection many pairs are related. The lower tail says at first which ones, then those are left
    out.
    """
    deviations = float(_NORMAL.inv_cdf(1 - _TAIL))
    lower, middle = np.quantile(best, [_TAIL, 0.5])
    others = best[best <= middle + far * (middle - lower) / deviations]
    middle, upper = np.quantile(others, [0.5, 1 - _TAIL])
    return float(middle), max(float(upper - middle) / deviations, 1e-6)


def _best(images: FloatMatrix, frames: Frames, background: Background) -> tuple[FloatMatrix, FloatMatrix]:
    """Return the best normalised similarity of each image with each video, `[I, M]`, and half the biases.

    An image's bias is how similar it is to videos in general. Its most similar video does not count: that may
    show it.
    """
    best = np.empty((len(images), frames.media), np.float32)
    half_bias = np.empty(len(images), np.float32)
    step = max(1, PRODUCTS_AT_ONCE // len(frames))
    for first in range(0, len(images), step):
        rows = slice(first, first + step)
        products = images[rows] @ frames.unit.T
        plain = np.maximum.reduceat(products, frames.starts[:-1], axis=1)
        others = np.sort(plain, axis=1)[:, :-1]
        half_bias[rows] = np.quantile(others, BIAS_QUANTILE, axis=1) / 2
        products -= background.half_bias
        best[rows] = np.maximum.reduceat(products, frames.starts[:-1], axis=1)
    return best - half_bias[:, None], half_bias


def _still(
    images: FloatMatrix,
    frames: Frames,
    background: Background,
    image: int,
    medium: int,
    half_bias: float,
    false_alarms: float,
) -> Still:
    of = frames.of(medium)
    similarity = frames.unit[of] @ images[image]
    scores: npt.NDArray[np.float32] = similarity - background.half_bias[of] - half_bias
    place = int(scores.argmax())
    below = np.flatnonzero(scores < SPAN_SHARE * scores[place])
    first = int(below[below < place].max(initial=-1)) + 1
    last = int(below[below > place].min(initial=len(scores))) - 1
    times, half = frames.t_s[of], frames.step_s(medium) / 2
    return Still(
        image=image,
        medium=medium,
        best_s=float(times[place]),
        start_s=max(0.0, float(times[first]) - half),
        end_s=float(times[last]) + half,
        similarity=float(similarity[place]),
        score=float(scores[place]),
        false_alarms=false_alarms,
    )
