"""Predictions: for each row the probabilities of the classes, the true class, a name and groups.

`make_predictions` checks the scores once, so that no figure has to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from vifex.values import InputError

__all__ = ["Floats", "Ints", "Predictions", "ScoreKind", "make_predictions", "probabilities"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ScoreKind = Literal["auto", "probabilities", "logits"]
"""What scores are. `auto` takes them as probabilities if each row is within 0 to 1 and sums to 1."""

_SUM_TOLERANCE = 1e-2
"""Largest distance of a row's sum from 1. Scores in bf16 or with three digits differ that much."""
_ROUNDING = 1e-12
"""Distance of a row's sum from 1 that is only that of float64."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a classifier said about labelled rows."""

    probabilities: Floats
    """`[N, C]`; each row sums to 1."""
    labels: Ints
    """`[N]`: the true class of each row, an index into `classes`."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of the columns."""
    names: tuple[str, ...]
    """`[N]`: the name of each row, e.g. the path of its image."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column name to a value for each row, for tables by group and for resampling whole groups."""
    scores_were: Literal["probabilities", "logits"] = "probabilities"
    """What the scores were before; logits went through a softmax."""

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def predicted(self) -> Ints:
        """`[N]`: the class of the highest probability; of equal ones the first."""
        found: Ints = self.probabilities.argmax(axis=1).astype(np.int64)
        return found

    @cached_property
    def correct(self) -> npt.NDArray[np.bool_]:
        """`[N]`: whether the predicted class is the true one."""
        found: npt.NDArray[np.bool_] = self.predicted == self.labels
        return found

    @property
    def ties(self) -> int:
        """How many rows have several classes of the highest probability."""
        highest = self.probabilities.max(axis=1, keepdims=True)
        return int(((self.probabilities == highest).sum(axis=1) > 1).sum())

    def column(self, name: str) -> tuple[str, ...]:
        """Return the values of a group column.

        Raises:
            InputError: If there is no such column.
        """
        from vifex.values.registry import near

        if name not in self.groups:
            known = sorted(self.groups)
            listed = f"Known: {', '.join(known)}." if known else "The predictions have no further columns."
            raise InputError(f"there is no column {name!r}.", todo=f"{near(name, known)}{listed}")
        return self.groups[name]

    def take(self, rows: Ints) -> Predictions:
        """Return some rows, in the order given."""
        return Predictions(
            self.probabilities[rows],
            self.labels[rows],
            self.classes,
            tuple(self.names[i] for i in rows),
            {name: tuple(values[i] for i in rows) for name, values in self.groups.items()},
            self.scores_were,
        )


def make_predictions(
    scores: npt.ArrayLike,
    labels: Sequence[str] | Sequence[int] | Ints,
    *,
    classes: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    kind: ScoreKind = "auto",
) -> Predictions:
    """Check scores and labels, and make predictions of them.

    Args:
        scores: Probabilities or logits `[N, C]`. `[N]` or `[N, 1]` is the score of the second of two classes.
        labels: `[N]`: indices of classes from 0, or names of classes.
        classes: Names of the classes in the order of the columns; by default `0`, `1` and so on.
        names: Name of each row; by default its number.
        groups: Further columns, a value for each row.
        kind: What the scores are.

    Raises:
        InputError: If a score is not a finite number, sizes differ, a label is no class, or there is no row.
    """
    array = _two_columns(np.asarray(scores), kind)
    n_rows, n_classes = array.shape
    if n_rows == 0:
        raise InputError("there are no predictions.", todo="Give at least one row.")
    if len(labels) != n_rows:
        raise InputError(f"there are {n_rows} rows of scores and {len(labels)} labels.")
    known = tuple(map(str, range(n_classes))) if classes is None else tuple(map(str, classes))
    _check_classes(known, n_classes)
    row_names = tuple(map(str, range(n_rows))) if names is None else tuple(map(str, names))
    columns = {name: tuple(map(str, values)) for name, values in (groups or {}).items()}
    for what, values in {"name": row_names, **columns}.items():
        if len(values) != n_rows:
            raise InputError(f"there are {n_rows} rows of scores and {len(values)} values of {what!r}.")
    _check_finite(array, row_names)
    probable, were = probabilities(array, kind)
    return Predictions(probable, _indices(labels, known, row_names), known, row_names, columns, were)


def probabilities(
    scores: Floats, kind: ScoreKind = "auto"
) -> tuple[Floats, Literal["probabilities", "logits"]]:
    """Turn scores into probabilities whose rows sum to 1, and say what the scores were.

    Args:
        scores: `[..., C]`, finite.
        kind: What they are.

    Raises:
        InputError: If they are called probabilities and are none.
    """
    fits = bool(
        (scores >= 0).all()
        and (scores <= 1 + _SUM_TOLERANCE).all()
        and (np.abs(scores.sum(axis=-1) - 1) <= _SUM_TOLERANCE).all()
    )
    if kind == "logits" or (kind == "auto" and not fits):
        shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return shifted / shifted.sum(axis=-1, keepdims=True), "logits"
    if not fits:
        raise InputError(
            "the scores are not probabilities: a row is not within 0 to 1 or does not sum to 1.",
            todo='Take them as logits with `scores="logits"`.',
        )
    sums = scores.sum(axis=-1, keepdims=True)
    # Rounding alone is no reason to scale: equal probabilities of two rows must stay equal.
    return scores / np.where(np.abs(sums - 1) < _ROUNDING, 1.0, sums), "probabilities"


def _two_columns(scores: npt.NDArray[np.generic], kind: ScoreKind) -> Floats:
    """Return scores `[N, C]`; one score of a row becomes the scores of two classes."""
    if scores.dtype.kind not in "fiub":
        raise InputError(f"the scores are {scores.dtype}, not numbers.")
    array = scores.astype(np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError(f"the scores have the shape {scores.shape}; they need rows and classes.")
    if array.shape[1] > 1:
        return array
    within = bool(((array >= 0) & (array <= 1)).all())
    if kind == "probabilities" or (kind == "auto" and within):
        return np.concatenate([1 - array, array], axis=1)
    return np.concatenate([np.zeros_like(array), array], axis=1)


def _check_classes(classes: tuple[str, ...], columns: int) -> None:
    if len(classes) != columns:
        raise InputError(
            f"the scores have {columns} columns and there are {len(classes)} classes.",
            todo="Name one class for each column, in the order of the columns.",
        )
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise InputError(f"the class {twice[0]!r} is named twice.", todo="Give each column its own name.")


def _check_finite(scores: Floats, names: tuple[str, ...]) -> None:
    bad = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(bad):
        raise InputError(
            f"{len(bad)} of {len(scores)} rows have a score that is NaN or infinite, the first is "
            f"{names[bad[0]]!r}.",
            todo="Leave these rows out or mend what computed them; no figure is made without them.",
        )


def _indices(
    labels: Sequence[str] | Sequence[int] | Ints, classes: tuple[str, ...], names: tuple[str, ...]
) -> Ints:
    """Return the index of each label; a text that is no class may be the number of one."""
    from vifex.values.registry import near

    place = {name: number for number, name in enumerate(classes)}
    if any(isinstance(label, str) for label in labels):
        unknown = sorted({str(label) for label in labels} - place.keys())
        if not unknown:
            return np.array([place[str(label)] for label in labels], np.int64)
        if not all(label.isdecimal() for label in {str(label) for label in labels}):
            where = next(name for name, label in zip(names, labels, strict=True) if str(label) == unknown[0])
            raise InputError(
                f"the label {unknown[0]!r} of {where!r} is no class.",
                todo=f"{near(unknown[0], list(classes))}Known: {_some(classes)}.",
            )
    found = np.asarray([int(label) for label in labels], np.int64)
    outside = np.flatnonzero((found < 0) | (found >= len(classes)))
    if len(outside):
        raise InputError(
            f"the label {found[outside[0]]} of {names[outside[0]]!r} is no class; there are {len(classes)}.",
            todo="Count classes from 0.",
        )
    return found


def _some(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:10]) + (f" and {len(classes) - 10} more" if len(classes) > 10 else "")
