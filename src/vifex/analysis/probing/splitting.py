"""Which rows a classifier learns from and which test it: folds, or a split that is stated.

Rows of one group, such as the frames of one video, are never on both sides.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vifex.evaluation.predictions import Ints
from vifex.values import InputError

__all__ = ["Fold", "grouped_folds", "held_out", "stated_split"]

_TRAIN = ("train", "training")
_VALIDATION = ("val", "valid", "validation", "dev")
_TEST = ("test", "testing")
_INNER_FOLDS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Rows to learn from, rows to choose by and rows to test, as indices."""

    train: Ints
    test: Ints
    validation: Ints | None = None
    """Rows by which C and the temperature are chosen; `None` holds some of `train` out."""


def grouped_folds(labels: Ints, groups: Ints, folds: int, *, seed: int) -> list[Fold]:
    """Divide rows into folds; groups stay whole, and each class is spread over the folds.

    Args:
        labels: `[N]`: class of each row.
        groups: `[N]`: group of each row, 0 to below the number of groups.
        folds: At least 2. No more are made than the class with most groups has.
        seed: Of the shuffling.

    Raises:
        InputError: If there are fewer than two groups.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if folds < 2:
        raise InputError(f"takes a number of at least 2, got {folds}.", option="folds")
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    count = min(folds, int(np.bincount(pairs[0]).max()))
    n_groups = len(np.unique(groups))
    if count < 2:
        raise InputError(
            f"no class has two groups, and cross-validation needs them; there are {n_groups} groups.",
            todo="Label more media, or group by another column.",
        )
    kind = StratifiedKFold if n_groups == len(labels) else StratifiedGroupKFold
    splitter = kind(n_splits=count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer groups than folds is not in every fold; the caller counts its groups.
        warnings.simplefilter("ignore", UserWarning)
        made = list(splitter.split(np.zeros(len(labels)), labels, groups))
    return [Fold(train.astype(np.int64), test.astype(np.int64)) for train, test in made if len(test)]


def held_out(labels: Ints, groups: Ints, *, seed: int) -> Fold | None:
    """Hold out a quarter of the rows, to choose by; `None` where no class has two groups."""
    try:
        return grouped_folds(labels, groups, _INNER_FOLDS, seed=seed)[0]
    except InputError:
        return None


def stated_split(splits: Sequence[str | None], groups: Ints, names: Sequence[str], *, by: str) -> Fold:
    """Take the split that the rows state: `train`, `test`, and `val` to choose by.

    Rows of `val` test where none is of `test`. Rows without a split are left out.

    Args:
        splits: `[N]`.
        groups: `[N]`: group of each row, an index into `names`.
        names: Names of the groups.
        by: What a group is, for messages.

    Raises:
        InputError: If a split is unknown, one side has no row, or a group is on both sides.
    """
    known = {word: place for place, words in enumerate((_TRAIN, _VALIDATION, _TEST)) for word in words}
    unknown = sorted({s for s in splits if s is not None and s.lower() not in known})
    if unknown:
        raise InputError(
            f"the split {unknown[0]!r} is unknown.",
            todo="A split is train, val or test. Cross-validate with `folds=5`, whatever the split.",
        )
    sides = np.array([-1 if s is None else known[s.lower()] for s in splits])
    train, validation, test = (np.flatnonzero(sides == place) for place in range(3))
    if not len(test):
        validation, test = test, validation
    for what, rows in (("train", train), ("test", test)):
        if not len(rows):
            raise InputError(
                f"no labelled row is of the split {what!r}.", todo="Cross-validate with `folds=5`."
            )
    used = [("train", train), ("test", test), ("val", validation)]
    for i, (one, first) in enumerate(used):
        for other, second in used[i + 1 :]:
            shared = np.intersect1d(groups[first], groups[second])
            if len(shared):
                some = ", ".join(names[g] for g in shared[:3])
                raise InputError(
                    f"{len(shared)} {by} have rows in both {one} and {other}: {some}"
                    f"{', ...' if len(shared) > 3 else ''}. Figures would be too good.",
                    todo="Mend the split, or cross-validate with `folds=5`, which keeps them together.",
                )
    return Fold(train, test, validation if len(validation) else None)
