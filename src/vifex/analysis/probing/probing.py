"""A probe: each labelled row is predicted by a classifier that learned from rows of other groups."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vifex.analysis.probing.fitting import Fitted, fit_chosen
from vifex.analysis.probing.methods import Method, Settings
from vifex.analysis.probing.splitting import Fold
from vifex.analysis.rows import FloatMatrix
from vifex.evaluation.predictions import Floats, Ints

__all__ = ["ProbeFold", "ProbedRows", "probe_rows"]


@dataclass(frozen=True, slots=True)
class ProbeFold:
    """What was chosen in one fold."""

    n_train: int
    """Rows that the classifier learned from."""
    n_test: int
    """Rows that tested it."""
    c: float | None
    """Inverse strength of the penalty; `None` for k-NN."""
    temperature: float
    """Scores were divided by it; 1 where none was fitted."""
    chosen_on: int
    """Training rows that were held out to choose by."""
    seconds: float
    """Wall time of fitting and predicting."""


@dataclass(frozen=True, slots=True, eq=False)
class ProbedRows:
    """Predictions of rows by classifiers that did not learn from their groups."""

    rows: Ints
    """`[M]`: rows with a prediction, rising."""
    probabilities: Floats
    """`[M, C]`."""
    fold: Ints
    """`[M]`: number of the fold in which each row was tested."""
    folds: tuple[ProbeFold, ...]
    notes: tuple[str, ...]
    last: Fitted
    """The classifier of the last fold."""


def probe_rows(
    method: Method,
    rows: FloatMatrix,
    labels: Ints,
    groups: Ints,
    n_classes: int,
    folds: Sequence[Fold],
    settings: Settings,
) -> ProbedRows:
    """Fit a classifier in each fold and predict the rows that test it.

    Args:
        method: See `vifex.analysis.probing.methods`.
        rows: `[N, D]`, finite.
        labels: `[N]`: class of each row, 0 to below `n_classes`.
        groups: `[N]`: group of each row.
        n_classes: Number of classes.
        folds: See `vifex.analysis.probing.splitting`. No row is tested twice.
        settings: How classifiers are fitted.

    Raises:
        InputError: If a fold cannot be learned from.
    """
    probable = np.zeros((len(rows), n_classes))
    number = np.full(len(rows), -1, np.int64)
    facts: list[ProbeFold] = []
    notes: list[str] = []
    for place, fold in enumerate(folds):
        began_s = time.perf_counter()
        fitted = fit_chosen(method, rows, labels, groups, n_classes, settings, fold)
        probable[fold.test] = fitted.probabilities(rows[fold.test])
        number[fold.test] = place
        took_s = time.perf_counter() - began_s
        facts.append(
            ProbeFold(len(fold.train), len(fold.test), fitted.c, fitted.temperature, fitted.chosen_on, took_s)
        )
        notes += fitted.notes
    tested = np.flatnonzero(number >= 0)
    return ProbedRows(
        tested, probable[tested], number[tested], tuple(facts), tuple(dict.fromkeys(notes)), fitted
    )
