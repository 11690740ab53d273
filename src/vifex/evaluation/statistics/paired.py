"""Two models on the same rows: McNemar's test and the paired bootstrap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.evaluation.predictions import Ints, Predictions
from vifex.evaluation.statistics.bootstrap import (
    SCORES,
    Interval,
    Resamples,
    percentile_interval,
    scores_by_weights,
)
from vifex.values import InputError

__all__ = ["Comparison", "Difference", "McNemar", "compare_predictions", "matched", "mcnemar_test"]


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test of whether two classifiers have the same accuracy. Rows must be independent."""

    both_right: int
    only_first: int
    """Rows that the first model has right and the second has wrong."""
    only_second: int
    both_wrong: int
    p_exact: float
    """Two-sided binomial test of the rows on which one alone is right, 0 to 1."""
    chi2: float | None
    """`(|b - c| - 1)^2 / (b + c)` with the correction for continuity; `None` if `b + c` is 0."""
    p_chi2: float | None
    """Of `chi2` with one degree of freedom."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of the first model minus that of the second."""

    first: float
    second: float
    interval: Interval
    """Of the difference, over resamples of the same rows for both models."""
    p: float
    """Two-sided: twice the smaller share of resamples on either side of 0, which are counted with 1 added to
    both counts."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What sets two models apart on the same rows."""

    n_rows: int
    n_units: int
    """Rows or groups that the bootstrap drew."""
    mcnemar: McNemar
    differences: dict[str, Difference]
    """By figure: `accuracy`, `balanced_accuracy`, `macro_f1` and `log_loss`."""


def mcnemar_test(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> McNemar:
    """Test whether two classifiers are right equally often on the same rows.

    The exact p is that of `binomtest(min(b, c), b + c, 0.5)`. It is the one to use where `b + c` is small.

    Args:
        first: Whether the first model is right `[N]`.
        second: Whether the second model is right `[N]`.

    Raises:
        InputError: If sizes differ.

    Source: McNemar, Psychometrika 12, 1947; the correction: Edwards, Psychometrika 13, 1948.
    """
    if len(first) != len(second):
        raise InputError(f"one model has {len(first)} rows and the other {len(second)}.")
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    apart = only_first + only_second
    chi2 = max(abs(only_first - only_second) - 1, 0) ** 2 / apart if apart else None
    return McNemar(
        both_right=int((first & second).sum()),
        only_first=only_first,
        only_second=only_second,
        both_wrong=int((~first & ~second).sum()),
        p_exact=_binomial_p(min(only_first, only_second), apart),
        chi2=chi2,
        # The chi-square distribution of one degree is that of a squared normal variable.
        p_chi2=None if chi2 is None else math.erfc(math.sqrt(chi2 / 2)),
    )


def compare_predictions(
    first: Predictions,
    second: Predictions,
    *,
    groups: str | None = None,
    count: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Compare two models on the same rows.

    Args:
        first: Of the model in question.
        second: Of the model it is compared with; its rows may have another order.
        groups: Column of `first` whose groups are resampled whole; `None` resamples rows.
        count: Number of resamples.
        seed: Seed of the draws.
        level: Of the intervals.

    Raises:
        InputError: If the rows, their labels or the classes differ.
    """
    second = matched(first, second)
    values = None if groups is None else first.column(groups)
    resamples = Resamples(len(first), values, count, seed)
    scores = scores_by_weights(first), scores_by_weights(second)
    drawn = np.array([scores[0](weights) - scores[1](weights) for weights in resamples.weights()])
    ones: Ints = np.ones(len(first), np.int64)
    whole = scores[0](ones), scores[1](ones)
    return Comparison(
        n_rows=len(first),
        n_units=resamples.n_units,
        mcnemar=mcnemar_test(first.correct, second.correct),
        differences={
            name: Difference(
                first=float(whole[0][place]),
                second=float(whole[1][place]),
                interval=percentile_interval(float((whole[0] - whole[1])[place]), drawn[:, place], level),
                p=_sides_p(drawn[:, place]),
            )
            for place, name in enumerate(SCORES)
        },
    )


def matched(first: Predictions, second: Predictions) -> Predictions:
    """Return the rows of `second` in the order of `first`, by their names.

    Raises:
        InputError: If a name occurs twice or in one of them only, or if labels or classes differ.
    """
    if first.classes != second.classes:
        raise InputError("the two models have other classes.", todo="Compare models of the same classes.")
    for one in (first, second):
        if len(set(one.names)) != len(one):
            raise InputError("two rows have the same name.", todo="Give each row a name of its own.")
    place = {name: row for row, name in enumerate(second.names)}
    alone = sorted(set(first.names) ^ set(second.names))
    if alone:
        raise InputError(
            f"the two models were evaluated on other rows: only one has {alone[0]!r}.",
            todo="Evaluate both on the same data.",
        )
    found = second.take(np.array([place[name] for name in first.names], np.int64))
    differing = np.flatnonzero(found.labels != first.labels)
    if len(differing):
        raise InputError(f"the label of {first.names[differing[0]]!r} differs between the two models.")
    return found


def _binomial_p(successes: int, trials: int) -> float:
    """Two-sided p of a fair coin: twice the lower tail, at most 1."""
    if trials == 0:
        return 1.0
    steps = np.arange(1, successes + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log((trials - steps + 1) / steps))])
    return float(min(1.0, 2 * np.exp(logs - trials * math.log(2)).sum()))


def _sides_p(drawn: npt.NDArray[np.float64]) -> float:
    below, above = int((drawn <= 0).sum()), int((drawn >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(drawn) + 1))
