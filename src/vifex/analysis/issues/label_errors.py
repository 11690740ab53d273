"""Labels that the features contradict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vifex.evaluation.predictions import Floats, Ints

__all__ = ["LabelError", "label_errors"]


@dataclass(frozen=True, slots=True)
class LabelError:
    """An example whose label is probably another one."""

    row: int
    likely: int
    """The class that it probably is of."""
    own: float
    """Probability of its label."""
    other: float
    """Probability of the likely class."""


def label_errors(probabilities: Floats, labels: Ints) -> list[LabelError]:
    """Find examples that are likely of another class than their label, by confident learning.

    The threshold of a class is the mean probability of the class among the examples that have its label. An
    example counts for the most probable of the classes whose threshold it reaches. It is an error if that is
    not its label.

    Args:
        probabilities: `[N, C]`: of classifiers that did not learn from the example.
        labels: `[N]`.

    Returns:
        The errors, the largest difference of both probabilities first.

    Source: Northcutt, Jiang and Chuang, Confident Learning, JAIR 2021, section 3.1.
    """
    n_classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=n_classes)
    own = probabilities[np.arange(len(labels)), labels]
    sums = np.bincount(labels, weights=own, minlength=n_classes)
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    reaches = probabilities >= thresholds
    likely = np.where(reaches, probabilities, -1.0).argmax(axis=1)
    wrong = np.flatnonzero(reaches.any(axis=1) & (likely != labels))
    found = [
        LabelError(row, int(likely[row]), float(own[row]), float(probabilities[row, likely[row]]))
        for row in wrong.tolist()
    ]
    return sorted(found, key=lambda one: (one.own - one.other, one.row))
