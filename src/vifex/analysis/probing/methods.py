"""The methods of a probe: k nearest neighbours, logistic regression and a linear support vector machine.

Each gives a score for each class, whose softmax are probabilities. scikit-learn fits the linear ones on rows
that are standardised: every column has mean 0 and variance 1 among the training rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from vifex.analysis.neighbours import nearest_neighbours
from vifex.analysis.rows import FloatMatrix, unit_vectors
from vifex.evaluation.predictions import Floats, Ints
from vifex.values import InputError

__all__ = [
    "METHODS",
    "NEIGHBOURS",
    "PENALTIES",
    "VOTE_TEMPERATURE",
    "LinearModel",
    "Method",
    "NeighbourModel",
    "ScoreModel",
    "Settings",
    "class_weights",
    "fit_model",
]

Method: TypeAlias = Literal["knn", "knn-uniform", "logistic", "svm"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
NEIGHBOURS: Final = 20
"""Neighbours of k-NN where the user names no number."""
VOTE_TEMPERATURE: Final = 0.07
"""A neighbour of cosine similarity s votes with the weight exp(s / 0.07), as in Wu et al., CVPR 2018."""
PENALTIES: Final = (0.0001, 0.001, 0.01, 0.1, 1.0)
"""Values of C that are tried, the strongest penalty first."""
_STEPS: Final = 1000
_ROWS: Final = 16_384


@dataclass(frozen=True, slots=True)
class Settings:
    """How classifiers are fitted."""

    k: int | None = None
    """Neighbours that vote; `None` takes 20, or all rows where there are fewer."""
    c: float | None = None
    """Inverse strength of the penalty of the linear methods; `None` chooses it."""
    balanced: bool = False
    """Whether each class weighs the same, however many rows it has."""
    calibrate: bool = True
    """Whether a temperature is fitted that makes the probabilities right on average."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.k is not None and self.k < 1:
            raise InputError(f"takes a number of at least 1, got {self.k}.", option="k")
        if self.c is not None and not 0 < self.c < float("inf"):
            raise InputError(f"takes a number above 0, got {self.c}.", option="c")


@dataclass(frozen=True, slots=True, eq=False)
class LinearModel:
    """Scores that are linear in a row: `x @ weights.T + bias`."""

    weights: Floats
    """`[C, D]`, for rows that are not standardised."""
    bias: Floats
    """`[C]`; minus infinity for a class without a training row."""
    converged: bool = True

    @property
    def n_columns(self) -> int:
        """Numbers of a row, D."""
        return int(self.weights.shape[1])

    def scores(self, rows: FloatMatrix) -> Floats:
        """Return the score of each class for rows `[N, D]`: float64 `[N, C]`."""
        found = np.empty((len(rows), len(self.bias)))
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS].astype(np.float64)
            found[start : start + _ROWS] = part @ self.weights.T + self.bias
        return found


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourModel:
    """Scores by the votes of the most similar training rows."""

    unit: FloatMatrix
    """`[M, D]`: training rows of length 1."""
    labels: Ints
    """`[M]`: class of each."""
    weights: Floats
    """`[C]`: factor of the votes for each class."""
    k: int
    temperature: float | None
    """A vote is exp(similarity / temperature); `None` counts every vote once."""
    smooth: bool
    """Whether one vote is spread over all classes, so that no probability is 0."""
    converged: bool = True

    @property
    def n_columns(self) -> int:
        """Numbers of a row, D."""
        return int(self.unit.shape[1])

    def scores(self, rows: FloatMatrix) -> Floats:
        """Return the logarithm of each class's share of the votes for rows `[N, D]`: float64 `[N, C]`."""
        found = nearest_neighbours(self.unit, self.k, of=unit_vectors(rows))
        votes = np.ones(found.similarity.shape)
        if self.temperature is not None:
            votes = np.exp(found.similarity.astype(np.float64) / self.temperature)
        labels = self.labels[found.rows]
        shares = np.zeros((len(rows), len(self.weights)))
        np.add.at(shares, (np.arange(len(rows))[:, None], labels), votes * self.weights[labels])
        shares /= shares.sum(axis=1, keepdims=True)
        if self.smooth:
            shares = (self.k * shares + 1 / len(self.weights)) / (self.k + 1)
        with np.errstate(divide="ignore"):
            return np.log(shares)


ScoreModel: TypeAlias = LinearModel | NeighbourModel


def fit_model(
    method: Method, rows: FloatMatrix, labels: Ints, n_classes: int, settings: Settings, c: float = 1.0
) -> ScoreModel:
    """Fit a classifier.

    Args:
        method: Which.
        rows: Training rows `[N, D]`, finite.
        labels: `[N]`: class of each, 0 to below `n_classes`. A class may be absent.
        n_classes: Number of classes, C.
        settings: How.
        c: Inverse strength of the penalty, for the linear methods.

    Raises:
        InputError: If there are fewer rows than neighbours, or a linear method has rows of one class.
    """
    if method in ("knn", "knn-uniform"):
        return _neighbours(method, rows, labels, n_classes, settings)
    return fit_linear_models(method, rows, labels, n_classes, settings, [c])[0]


def fit_linear_models(
    method: Method,
    rows: FloatMatrix,
    labels: Ints,
    n_classes: int,
    settings: Settings,
    penalties: Sequence[float],
) -> list[LinearModel]:
    """Fit a linear classifier for each value of C; see `fit_model`."""
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(labels)) < 2:
        raise InputError(
            "the training rows are all of one class.",
            todo="Label media of a second class, or take fewer folds or another split.",
        )
    scaler = StandardScaler().fit(rows)
    ready = scaler.transform(rows)
    return [_linear(_estimator(method, c, settings), ready, labels, n_classes, scaler) for c in penalties]


def class_weights(labels: Ints, n_classes: int, *, balanced: bool) -> Floats:
    """Return a weight for each class `[C]`: 1, or N / (classes with rows x rows of the class)."""
    counts = np.bincount(labels, minlength=n_classes)
    if not balanced:
        return np.ones(n_classes)
    return np.where(counts > 0, len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0.0)


def _neighbours(
    method: Method, rows: FloatMatrix, labels: Ints, n_classes: int, settings: Settings
) -> NeighbourModel:
    if settings.k is not None and settings.k > len(rows):
        raise InputError(
            f"{settings.k} neighbours are to vote, and there are {len(rows)} training rows.",
            todo=f"Use `k={len(rows)}` or less.",
        )
    return NeighbourModel(
        unit=unit_vectors(rows),
        labels=labels,
        weights=class_weights(labels, n_classes, balanced=settings.balanced),
        k=settings.k or min(NEIGHBOURS, len(rows)),
        temperature=VOTE_TEMPERATURE if method == "knn" else None,
        smooth=settings.calibrate,
    )


def _estimator(method: Method, c: float, settings: Settings) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    weight = "balanced" if settings.balanced else None
    if method == "logistic":
        return LogisticRegression(C=c, max_iter=_STEPS, class_weight=weight)
    return LinearSVC(C=c, max_iter=_STEPS, class_weight=weight, dual="auto", random_state=settings.seed)


def _linear(
    estimator: Any, ready: npt.NDArray[Any], labels: Ints, n_classes: int, scaler: Any
) -> LinearModel:
    """Fit on standardised rows, and return the scores as those of the rows as they were."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(ready, labels)
    own = np.asarray(estimator.coef_, np.float64)
    bias = np.asarray(estimator.intercept_, np.float64)
    if len(estimator.classes_) == 2:
        # scikit-learn gives the score of the second class.
        own, bias = np.concatenate([0 * own, own]), np.concatenate([0 * bias, bias])
    weights = np.zeros((n_classes, own.shape[1]))
    biases = np.full(n_classes, -np.inf)
    weights[estimator.classes_] = own / scaler.scale_
    biases[estimator.classes_] = bias - (own / scaler.scale_) @ scaler.mean_
    stopped = any(issubclass(one.category, ConvergenceWarning) for one in caught)
    return LinearModel(weights, biases, converged=not stopped)
