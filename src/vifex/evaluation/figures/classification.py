"""Figures of single-label classification. scikit-learn computes those that it has.

A macro mean is over the classes that occur among the labels or the predictions, as in scikit-learn. A ratio
without a denominator, such as the precision of a class that is never predicted, counts as 0 in a mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from vifex.evaluation.predictions import Ints, Predictions

__all__ = [
    "Average",
    "ClassFigures",
    "Classification",
    "GroupFigures",
    "classification_figures",
    "group_figures",
    "top_k_accuracy",
]


@dataclass(frozen=True, slots=True)
class Average:
    """Precision, recall and F1, averaged over classes in one way. All are 0 to 1."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Figures of one class. All but the counts are 0 to 1."""

    name: str
    support: int
    """Rows of this class."""
    predicted: int
    """Rows that were given this class."""
    precision: float | None
    """`None` if the class is never predicted."""
    recall: float | None
    """`None` if no row is of this class."""
    f1: float | None
    """`None` if the class neither occurs nor is predicted."""


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """Figures of a classifier that follow from its predicted classes and their order."""

    n_rows: int
    accuracy: float
    top_k: dict[int, float]
    """K to the share of rows whose true class is among the K most probable; of equal ones the first count."""
    balanced_accuracy: float
    """Mean recall of the classes that have rows."""
    macro: Average
    micro: Average
    weighted: Average
    """Weighted by the number of rows of each class."""
    per_class: tuple[ClassFigures, ...]
    confusion: Ints
    """`[C, C]`: rows of the true class (first axis) that were given a class (second axis)."""

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes without a row."""
        return tuple(one.name for one in self.per_class if not one.support)


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """Figures of the rows that share a value of a column."""

    value: str
    n_rows: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float


def classification_figures(predictions: Predictions, *, top_k: Sequence[int] = (5,)) -> Classification:
    """Compute the figures of a classifier.

    Args:
        predictions: At least one row.
        top_k: Numbers of most probable classes; those that are not below the number of classes are left out.
    """
    from sklearn import metrics

    labels, predicted = predictions.labels, predictions.predicted
    columns = range(len(predictions.classes))
    confusion = metrics.confusion_matrix(labels, predicted, labels=columns).astype(np.int64)
    return Classification(
        n_rows=len(predictions),
        accuracy=float(metrics.accuracy_score(labels, predicted)),
        top_k={k: top_k_accuracy(predictions, k) for k in top_k if 1 < k < len(columns)},
        balanced_accuracy=_balanced(labels, predicted),
        macro=_average(labels, predicted, "macro"),
        micro=_average(labels, predicted, "micro"),
        weighted=_average(labels, predicted, "weighted"),
        per_class=tuple(_per_class(predictions, confusion)),
        confusion=confusion,
    )


def group_figures(predictions: Predictions, column: str) -> tuple[GroupFigures, ...]:
    """Compute figures for the rows of each value of a column, sorted by the value.

    Raises:
        InputError: If there is no such column.
    """
    values = np.asarray(predictions.column(column), dtype=object)
    found = []
    for value in sorted(set(values.tolist())):
        rows = np.flatnonzero(values == value)
        labels, predicted = predictions.labels[rows], predictions.predicted[rows]
        found.append(
            GroupFigures(
                value=value,
                n_rows=len(rows),
                accuracy=float((labels == predicted).mean()),
                balanced_accuracy=_balanced(labels, predicted),
                macro_f1=_average(labels, predicted, "macro").f1,
            )
        )
    return tuple(found)


def top_k_accuracy(predictions: Predictions, k: int) -> float:
    """Return the share of rows whose true class is among the `k` most probable; of equal ones the first."""
    own = np.take_along_axis(predictions.probabilities, predictions.labels[:, None], axis=1)
    before = np.arange(len(predictions.classes))[None] < predictions.labels[:, None]
    rank = (predictions.probabilities > own).sum(axis=1)
    rank += ((predictions.probabilities == own) & before).sum(axis=1)
    return float((rank < k).mean())


def _balanced(labels: Ints, predicted: Ints) -> float:
    from sklearn.metrics import balanced_accuracy_score

    with quiet_sklearn():
        return float(balanced_accuracy_score(labels, predicted))


def _average(labels: Ints, predicted: Ints, average: str) -> Average:
    from sklearn.metrics import precision_recall_fscore_support

    found: Any = precision_recall_fscore_support(labels, predicted, average=average, zero_division=0)
    precision, recall, f1, _ = found
    return Average(float(precision), float(recall), float(f1))


def _per_class(predictions: Predictions, confusion: Ints) -> Iterator[ClassFigures]:
    from sklearn.metrics import precision_recall_fscore_support

    found: Any = precision_recall_fscore_support(
        predictions.labels,
        predictions.predicted,
        labels=range(len(predictions.classes)),
        average=None,
        zero_division=0,
    )
    given = confusion.sum(axis=0)
    for place, name in enumerate(predictions.classes):
        support, predicted = int(found[3][place]), int(given[place])
        yield ClassFigures(
            name=name,
            support=support,
            predicted=predicted,
            precision=float(found[0][place]) if predicted else None,
            recall=float(found[1][place]) if support else None,
            f1=float(found[2][place]) if support or predicted else None,
        )


@contextmanager
def quiet_sklearn() -> Iterator[None]:
    """Suppress scikit-learn's warnings on classes without rows or with one class; these are stated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
