"""Bootstrap: how much a figure varies between samples of the same kind.

A resample is a weight for each row: how often the row was drawn. Rows of one group are drawn together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vifex.evaluation.figures.calibration import log_losses
from vifex.evaluation.predictions import Floats, Ints, Predictions
from vifex.values import InputError

__all__ = ["SCORES", "Interval", "Resamples", "bootstrap_interval", "score_intervals", "scores_by_weights"]

SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")
"""Figures that have intervals."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A percentile interval of a figure."""

    value: float
    """The figure on all rows."""
    low: float
    high: float
    level: float = 0.95
    """Share of the resamples within `low` to `high`."""


@dataclass(frozen=True, slots=True, eq=False)
class Resamples:
    """Draws with replacement of rows, or of groups of rows."""

    n_rows: int
    groups: Sequence[str] | None = None
    """`[N]`: the group of each row; `None` draws single rows."""
    count: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"needs at least one, got {self.count}.", option="resamples")
        if self.groups is not None and len(self.groups) != self.n_rows:
            raise InputError(f"there are {self.n_rows} rows and {len(self.groups)} groups.")
        if self.n_units < 2:
            raise InputError(
                "an interval needs at least two groups.", todo="Resample by a column with more values."
            )

    @property
    def n_units(self) -> int:
        """How many rows or groups are drawn."""
        return self.n_rows if self.groups is None else len(set(self.groups))

    def weights(self) -> Iterator[Ints]:
        """Yield for each resample how often each row was drawn, `[N]`."""
        place = np.arange(self.n_rows)
        if self.groups is not None:
            _, place = np.unique(np.asarray(self.groups, dtype=str), return_inverse=True)
        units = self.n_units
        generator = np.random.default_rng(self.seed)
        for _ in range(self.count):
            drawn = np.bincount(generator.integers(0, units, units), minlength=units)
            yield drawn[place].astype(np.int64)


def bootstrap_interval(
    figure: Callable[[Ints], float], resamples: Resamples, *, level: float = 0.95
) -> Interval:
    """Compute the percentile interval of a figure.

    Args:
        figure: Computes the figure from a weight for each row, `[N]`.
        resamples: What is drawn, and how often.
        level: Share of the resamples within the interval, above 0 and below 1.

    Raises:
        ValueError: If `level` is out of its range.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    drawn = np.array([figure(weights) for weights in resamples.weights()])
    return percentile_interval(figure(np.ones(resamples.n_rows, np.int64)), drawn, level)


def score_intervals(
    predictions: Predictions, resamples: Resamples, *, level: float = 0.95
) -> dict[str, Interval]:
    """Compute intervals of accuracy, balanced accuracy, macro F1 and log loss from the same resamples."""
    score = scores_by_weights(predictions)
    drawn = np.array([score(weights) for weights in resamples.weights()])
    values = score(np.ones(len(predictions), np.int64))
    return {
        name: percentile_interval(float(values[place]), drawn[:, place], level)
        for place, name in enumerate(SCORES)
    }


def percentile_interval(value: float, drawn: Floats, level: float) -> Interval:
    """Make an interval of the figures of the resamples."""
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1, got {level}")
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high), level)


def scores_by_weights(predictions: Predictions) -> Callable[[Ints], Floats]:
    """Return a function from row weights `[N]` to the figures of `SCORES`.

    With a weight of 1 for each row the figures are those of `classification_figures`.
    """
    losses, n_classes = log_losses(predictions), len(predictions.classes)
    labels, predicted, correct = predictions.labels, predictions.predicted, predictions.correct

    def score(weights: Ints) -> Floats:
        support = np.bincount(labels, weights=weights, minlength=n_classes)
        given = np.bincount(predicted, weights=weights, minlength=n_classes)
        right = np.bincount(labels, weights=weights * correct, minlength=n_classes)
        total = weights.sum()
        with_rows = support > 0
        occurs = with_rows | (given > 0)
        f1 = 2 * right[occurs] / (support[occurs] + given[occurs])
        recall = right[with_rows] / support[with_rows]
        return np.array([right.sum() / total, recall.mean(), f1.mean(), (weights * losses).sum() / total])

    return score
