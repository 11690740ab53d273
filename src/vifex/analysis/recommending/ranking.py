"""Ranking of candidates: relevance to a weighted history, and maximal marginal relevance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FloatMatrix

__all__ = ["Relevance", "decayed", "maximal_marginal_relevance", "relevance_of"]

Floats = npt.NDArray[np.float64]

_BLOCK_ROWS: Final = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class Relevance:
    """How well candidates suit a history."""

    values: Floats
    """`[N]`: weighted cosine to what was liked, less that to what was disliked, -2 to 2."""
    reason: npt.NDArray[np.int64]
    """`[N]`: the liked item of the history that counts most for the candidate."""
    similarity: Floats
    """`[N]`: cosine to that item."""


def decayed(weights: Floats, times: Floats, half_life: float | None) -> Floats:
    """Halve weights for each half-life between an item and the newest one.

    Args:
        weights: `[H]`.
        times: `[H]`, in the unit of the half-life; an item without a time (NaN) counts as the newest.
        half_life: Above 0; `None` leaves the weights as they are.
    """
    if half_life is None or np.isnan(times).all():
        return weights
    age = np.nan_to_num(np.nanmax(times) - times)
    return np.asarray(weights * 0.5 ** (age / half_life))


def relevance_of(unit: FloatMatrix, history: FloatMatrix, weights: Floats, *, nearest: int = 3) -> Relevance:
    """Compare candidates with a history.

    The relevance is the mean of the `nearest` largest products of weight and cosine over the liked items,
    less the same over the disliked ones. A history of several interests is thus not blurred to their mean.

    Args:
        unit: Candidates of length 1, `[N, D]`.
        history: Items of length 1, `[H, D]`.
        weights: `[H]`; the largest absolute value counts as 1. Negative ones are dislikes. At least one is
            positive.
        nearest: Number of items that count for a candidate.
    """
    scaled = weights / np.abs(weights).max()
    liked, disliked = np.flatnonzero(scaled > 0), np.flatnonzero(scaled < 0)
    values, similarity = np.empty(len(unit)), np.empty(len(unit))
    reason = np.empty(len(unit), np.int64)
    for start in range(0, len(unit), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        cosines = np.clip(unit[block] @ history.T, -1, 1).astype(np.float64)
        weighed = cosines * np.abs(scaled)
        values[block] = _top_mean(weighed[:, liked], nearest)
        if len(disliked):
            values[block] -= _top_mean(weighed[:, disliked], nearest)
        best = liked[weighed[:, liked].argmax(axis=1)]
        reason[block] = best
        similarity[block] = np.take_along_axis(cosines, best[:, None], axis=1)[:, 0]
    return Relevance(values, reason, similarity)


def maximal_marginal_relevance(
    unit: FloatMatrix, relevance: Floats, count: int, *, diversity: float
) -> list[int]:
    """Choose candidates one by one, each by its relevance and by its distance to those chosen before.

    The next one has the largest (1 - d) relevance - d (largest cosine to a chosen one). With d = 0 this is
    the order of relevance.

    Args:
        unit: Candidates of length 1, `[N, D]`.
        relevance: `[N]`; -inf leaves a candidate out.
        count: Number of candidates to choose at most.
        diversity: d, 0 to 1.

    Source: Carbonell and Goldstein, The Use of MMR, SIGIR 1998 (lambda is 1 - d).
    """
    chosen: list[int] = []
    nearest = np.full(len(unit), -np.inf)
    left = np.isfinite(relevance)
    relevance = np.where(left, relevance, 0)
    for _ in range(min(count, int(left.sum()))):
        penalty = diversity * nearest if chosen else 0.0
        gains = np.where(left, (1 - diversity) * relevance - penalty, -np.inf)
        pick = int(np.argmax(gains))
        chosen.append(pick)
        left[pick] = False
        nearest = np.maximum(nearest, unit @ unit[pick])
    return chosen


def _top_mean(values: Floats, count: int) -> Floats:
    """Return the mean of the largest `count` of each row."""
    count = min(count, values.shape[1])
    top = np.partition(values, values.shape[1] - count, axis=1)[:, -count:]
    return np.asarray(top.mean(axis=1))
