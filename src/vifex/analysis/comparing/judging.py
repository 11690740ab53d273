"""Held-out predictions of the labels from a layer: by nearest neighbours and by a linear classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.values import InputError

__all__ = ["Folds", "knn_predictions", "linear_predictions", "make_folds"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[Any]

_NEIGHBOURS: Final = 20
_TEMPERATURE: Final = 0.07
_PENALTIES: Final = 10.0 ** np.arange(-1, 6)
"""Of the ridge classifier, over features of variance 1."""
_MOST_FOLDS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """Examples, their classes, and the fold in which each is held out. Groups stay whole."""

    labels: Ints
    """`[N]`: numbers of classes, each of which occurs."""
    fold: Ints
    """`[N]`: from 0."""

    @property
    def count(self) -> int:
        """How many folds there are."""
        return int(self.fold.max()) + 1

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return int(self.labels.max()) + 1


def make_folds(labels: Ints, groups: Ints, *, seed: int = 0) -> Folds:
    """Divide examples into folds of alike classes; a group is in one fold.

    Args:
        labels: `[N]`: numbers of classes.
        groups: `[N]`: numbers of groups, such as media.
        seed: Of the order.

    Raises:
        InputError: If a class has examples of one group alone, or there is one class.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError("layers are ranked by at least two classes, and there is one.")
    fewest = min(len(np.unique(groups[labels == c])) for c in classes)
    if fewest < 2:
        raise InputError("a class has examples of one medium alone.", todo="Leave the class out.")
    split = StratifiedGroupKFold(min(_MOST_FOLDS, fewest), shuffle=True, random_state=seed)
    fold = np.empty(len(labels), np.int64)
    for number, (_, held) in enumerate(split.split(np.zeros((len(labels), 1)), labels, groups)):
        fold[held] = number
    return Folds(labels, fold)


def knn_predictions(unit: Floats, folds: Folds) -> Ints:
    """Classify each held-out example by its 20 nearest neighbours of the other folds.

    A neighbour of cosine s votes with the weight exp(s / 0.07).

    Args:
        unit: Vectors of length 1, float32 `[N, D]`.
        folds: Of the examples.

    Returns:
        Numbers of classes, `[N]`.

    Source: Wu et al., CVPR 2018, arXiv:1805.01978, section 3.4.
    """
    predicted = np.empty(len(unit), np.int64)
    for number in range(folds.count):
        held, bank = np.flatnonzero(folds.fold == number), np.flatnonzero(folds.fold != number)
        similar = unit[held] @ unit[bank].T
        k = min(_NEIGHBOURS, len(bank))
        top = np.argpartition(similar, len(bank) - k, axis=1)[:, -k:]
        values = np.take_along_axis(similar, top, axis=1).astype(np.float64)
        # The largest weight of each example is 1: nothing overflows, and the votes keep their order.
        weights = np.exp((values - values.max(axis=1, keepdims=True)) / _TEMPERATURE)
        votes = np.zeros((len(held), folds.n_classes))
        np.add.at(votes, (np.arange(len(held))[:, None], folds.labels[bank][top]), weights)
        predicted[held] = votes.argmax(axis=1)
    return predicted


def linear_predictions(vectors: Floats, folds: Folds) -> Ints:
    """Classify each held-out example by a ridge classifier that the other folds trained.

    Features are scaled to mean 0 and variance 1 on the training examples. The penalty is the best of seven by
    leave-one-out on these.

    Args:
        vectors: `[N, D]`, finite.
        folds: Of the examples.

    Returns:
        Numbers of classes, `[N]`.
    """
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    predicted = np.empty(len(vectors), np.int64)
    for number in range(folds.count):
        held = folds.fold == number
        probe = make_pipeline(StandardScaler(), RidgeClassifierCV(_PENALTIES))
        probe.fit(vectors[~held], folds.labels[~held])
        predicted[held] = probe.predict(vectors[held])
    return predicted
