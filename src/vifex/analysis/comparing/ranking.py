"""Ranks of layers by how many examples they classify right, and how far the ranks vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.evaluation.statistics.bootstrap import Interval, Resamples, percentile_interval

__all__ = ["Ranking", "rank_layers"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The score of one layer and its rank among the others, with intervals over resampled media."""

    score: Interval
    """Mean of the balanced accuracies by which layers are ranked."""
    parts: tuple[Interval, ...]
    """Balanced accuracy of each classifier."""
    rank: Interval
    """1 is the best; layers of one score share a rank."""


def rank_layers(
    correct: npt.NDArray[np.bool_],
    labels: Ints,
    groups: Ints,
    *,
    by: Sequence[int] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Ranking]:
    """Rank layers.

    In each resample the same media count for all layers, so ranks are compared like with like.

    Args:
        correct: `[L, P, N]`: whether each of P classifiers of each of L layers was right on each example.
        labels: `[N]`: numbers of classes.
        groups: `[N]`: numbers of media, which are drawn whole.
        by: The classifiers whose mean ranks the layers; all by default.
        resamples: How many are drawn.
        seed: Of the draws.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    n_layers, n_parts, n_rows = correct.shape
    flat = correct.reshape(-1, n_rows).astype(np.float64)
    ones = np.ones((1, n_rows))
    drawn = np.stack(
        list(Resamples(n_rows, groups.astype(str).tolist(), count=resamples, seed=seed).weights())
    ).astype(np.float64)
    value, samples = (
        _balanced(flat, labels, weights).reshape(-1, n_layers, n_parts) for weights in (ones, drawn)
    )
    chosen = list(range(n_parts)) if by is None else list(by)
    scores = value[:, :, chosen].mean(axis=2), samples[:, :, chosen].mean(axis=2)
    ranks = _ranks(scores[0]), _ranks(scores[1])
    return [
        Ranking(
            score=percentile_interval(float(scores[0][0, place]), scores[1][:, place], 0.95),
            parts=tuple(
                percentile_interval(float(value[0, place, part]), samples[:, place, part], 0.95)
                for part in range(n_parts)
            ),
            rank=percentile_interval(float(ranks[0][0, place]), ranks[1][:, place], 0.95),
        )
        for place in range(n_layers)
    ]


def _balanced(correct: Floats, labels: Ints, weights: Floats) -> Floats:
    """Balanced accuracies `[R, M]` of M classifiers under R weights of the examples."""
    total = np.zeros((len(weights), len(correct)))
    occurs = np.zeros((len(weights), 1))
    for label in np.unique(labels):
        mine = labels == label
        support = weights[:, mine].sum(axis=1, keepdims=True)
        right = weights[:, mine] @ correct[:, mine].T
        total += np.divide(right, support, out=np.zeros_like(right), where=support > 0)
        occurs += support > 0
    return total / occurs


def _ranks(scores: Floats) -> Floats:
    """Ranks `[R, L]` of scores, 1 for the largest; equal scores share the smallest rank."""
    rounded = np.round(scores, 12)
    ranks: Floats = 1.0 + (rounded[:, None, :] > rounded[:, :, None]).sum(axis=2)
    return ranks
