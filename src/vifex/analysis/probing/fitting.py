"""A classifier whose C and temperature are chosen on rows that were held out of its training rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vifex.analysis.probing.methods import (
    PENALTIES,
    LinearModel,
    Method,
    NeighbourModel,
    ScoreModel,
    Settings,
    fit_linear_models,
    fit_model,
)
from vifex.analysis.probing.splitting import Fold, held_out
from vifex.analysis.rows import FloatMatrix
from vifex.evaluation.predictions import Floats, Ints

__all__ = ["Fitted", "fit_chosen", "fit_temperature", "model_probabilities", "softmax"]

_FLOOR = float(np.finfo(np.float64).eps)
_BOUNDS = (np.log(0.001), np.log(1000.0))
"""Of the logarithm of the temperature."""
_UNCHOSEN = "Too few rows for holding some out: C is 1, and probabilities are not calibrated."


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A classifier with the choices that were made for it."""

    method: Method
    model: ScoreModel
    c: float | None
    """Inverse strength of the penalty; `None` for k-NN."""
    temperature: float
    """Scores are divided by it; 1 where none was fitted."""
    chosen_on: int
    """Rows that were held out to choose by; 0 where nothing was chosen."""
    notes: tuple[str, ...] = ()

    def probabilities(self, rows: FloatMatrix) -> Floats:
        """Return the probability of each class for rows `[N, D]`: float64 `[N, C]`."""
        return model_probabilities(self.model, rows, self.temperature)


def model_probabilities(model: ScoreModel, rows: FloatMatrix, temperature: float) -> Floats:
    """Return the probability of each class for rows `[N, D]`: float64 `[N, C]`.

    Votes of neighbours are shares already. They are not scaled again, so that equal votes stay equal.
    """
    scores = model.scores(rows)
    if temperature == 1 and isinstance(model, NeighbourModel):
        shares: Floats = np.exp(scores)
        return shares
    return softmax(scores / temperature)


def softmax(scores: Floats) -> Floats:
    """Return the softmax of each row `[N, C]`; minus infinity gives 0."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return found


def fit_chosen(
    method: Method,
    rows: FloatMatrix,
    labels: Ints,
    groups: Ints,
    n_classes: int,
    settings: Settings,
    fold: Fold | None = None,
) -> Fitted:
    """Fit a classifier; choose its C and its temperature on rows that are held out, then fit on all.

    The best C has the highest accuracy on these rows (balanced accuracy where classes weigh the same); of
    equal ones the smallest is taken. The temperature has the lowest log loss there.

    Args:
        method: Which.
        rows: All rows `[N, D]`, finite.
        labels: `[N]`: class of each.
        groups: `[N]`: group of each; groups are held out whole.
        n_classes: Number of classes.
        settings: How.
        fold: Rows to learn from and to choose by; all rows by default, a quarter of which is held out.

    Raises:
        InputError: See `fit_model`.

    Source of the temperature: Guo et al., ICML 2017, section 4.2.
    """
    train = np.arange(len(labels)) if fold is None else fold.train
    linear = method in ("logistic", "svm")
    wants = settings.calibrate or (linear and settings.c is None)
    learn, check = _inner(labels, groups, train, fold, settings) if wants else (train, train[:0])
    penalties: list[float | None] = (
        [None] if not linear else [*PENALTIES] if settings.c is None else [settings.c]
    )
    notes: list[str] = []
    place, temperature = 0, 1.0
    if len(check):
        models = _models(method, rows[learn], labels[learn], n_classes, settings, penalties)
        scores = [model.scores(rows[check]) for model in models]
        right = [_accuracy(one, labels[check], n_classes, settings) for one in scores]
        place = int(np.argmax(right))
        if settings.calibrate:
            temperature = fit_temperature(scores[place], labels[check])
    elif wants:
        notes.append(_UNCHOSEN)
        penalties = [None] if not linear else [settings.c or 1.0]
    c = penalties[place]
    if len(check) and fold is not None and fold.validation is not None:
        model = models[place]
    else:
        model = _models(method, rows[train], labels[train], n_classes, settings, [c])[0]
    if not model.converged:
        notes.append(f"The method {method} with C = {c:g} stopped at its limit of steps.")
    return Fitted(method, model, c, temperature, len(check), tuple(notes))


def fit_temperature(scores: Floats, labels: Ints) -> float:
    """Return the temperature from 0.001 to 1000 by which scores `[N, C]` have the lowest log loss."""
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        probable = softmax(scores / np.exp(logarithm))
        own = probable[np.arange(len(labels)), labels]
        return float(-np.log(np.clip(own, _FLOOR, 1)).mean())

    found = minimize_scalar(loss, bounds=_BOUNDS, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def _models(
    method: Method,
    rows: FloatMatrix,
    labels: Ints,
    n_classes: int,
    settings: Settings,
    penalties: list[float | None],
) -> list[LinearModel] | list[ScoreModel]:
    values = [c for c in penalties if c is not None]
    if values:
        return fit_linear_models(method, rows, labels, n_classes, settings, values)
    return [fit_model(method, rows, labels, n_classes, settings)]


def _inner(
    labels: Ints, groups: Ints, train: Ints, fold: Fold | None, settings: Settings
) -> tuple[Ints, Ints]:
    """Return rows to learn from and rows to choose by; none to choose by where none can be spared."""
    if fold is not None and fold.validation is not None:
        return train, fold.validation
    inner = held_out(labels[train], groups[train], seed=settings.seed)
    if inner is None or len(np.unique(labels[train][inner.train])) < 2:
        return train, train[:0]
    if settings.k is not None and settings.k > len(inner.train):
        return train, train[:0]
    return train[inner.train], train[inner.test]


def _accuracy(scores: Floats, labels: Ints, n_classes: int, settings: Settings) -> float:
    right = scores.argmax(axis=1) == labels
    if not settings.balanced:
        return float(right.mean())
    counts = np.bincount(labels, minlength=n_classes)
    return float(
        (np.bincount(labels, weights=right, minlength=n_classes)[counts > 0] / counts[counts > 0]).mean()
    )
