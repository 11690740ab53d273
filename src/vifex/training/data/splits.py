"""Splits: which examples are for training, for validation and for test."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.training.config import Data
from vifex.training.data.examples import Examples, with_classes
from vifex.training.data.reading import read_examples
from vifex.values import InputError

__all__ = ["Splits", "check_leaks", "read_splits", "split_classes", "split_rows"]

Splits = dict[str, Examples]
"""`train`, `val` and, where there is one, `test`."""

_NAMES: Final = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def read_splits(data: Data, *, seed: int = 0) -> Splits:
    """Read the examples of all splits.

    Validation examples are those of `data.val`; else those whose manifest says `split`; else a share of the
    training examples, of each class alike. With `data.group` all examples of a group are in one split; with
    the group `label` all examples of a class, so that validation has classes that training has not.

    Args:
        data: The section of the configuration.
        seed: For the share.

    Raises:
        InputError: If there is nothing to train on, a class is missing, or a group or a medium is in two
            splits.
    """
    if not data.train:
        raise InputError("the configuration names no training examples.", todo="Set data.train.")
    by_class = data.group == "label"
    found = with_classes(read_examples(data.train, replace(data, group="") if by_class else data))
    splits = _by_column(found)
    for name, sources in (("val", data.val), ("test", data.test)):
        if sources:
            splits[name] = with_classes(
                read_examples(sources, data), found.classes, of=f"the {name} examples"
            )
    if "val" not in splits:
        divide = split_classes if by_class else split_rows
        train, val = divide(splits["train"], data.val_share, seed=seed)
        splits = {**splits, "train": splits["train"].take(train), "val": splits["train"].take(val)}
    if data.limit and len(splits["train"]) > data.limit:
        kept = np.sort(_generator(seed, 1).permutation(len(splits["train"]))[: data.limit])
        splits["train"] = splits["train"].take(kept)
    _check(splits, by_class=by_class)
    check_leaks(splits)
    return splits


def split_rows(
    examples: Examples, share: float, *, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Divide examples into two parts, of each class alike; groups stay whole.

    Args:
        examples: N of them. One without a group is a group of its own.
        share: Of the second part, 0 to below 1.
        seed: Of the choice.

    Returns:
        Rows of the first and of the second part, ascending.
    """
    rng = _generator(seed, 0)
    groups = examples.column("group")
    labels = examples.labels
    rows_of: dict[tuple[int, Any], list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        # A group that holds several classes counts with its first one.
        rows_of[(0, group) if group is not None else (1, row)].append(row)
    by_class: dict[int, list[list[int]]] = defaultdict(list)
    for rows in rows_of.values():
        by_class[int(labels[rows[0]])].append(rows)
    second: list[int] = []
    for label in sorted(by_class):
        members = by_class[label]
        wanted = round(share * sum(map(len, members)))
        taken = 0
        for place in rng.permutation(len(members)):
            if taken >= wanted:
                break
            second += members[place]
            taken += len(members[place])
    in_second = np.zeros(len(examples), dtype=bool)
    in_second[second] = True
    return np.flatnonzero(~in_second), np.flatnonzero(in_second)


def split_classes(
    examples: Examples, share: float, *, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Divide examples into two parts that share no class.

    Args:
        examples: N of them.
        share: Of the classes in the second part, 0 to below 1; at least one class.
        seed: Of the choice.

    Returns:
        Rows of the first and of the second part, ascending.
    """
    labels = examples.labels
    classes = np.unique(labels[labels >= 0])
    count = max(1, round(share * len(classes)))
    held = _generator(seed, 2).permutation(classes)[:count]
    in_second = np.isin(labels, held)
    return np.flatnonzero(~in_second), np.flatnonzero(in_second)


def check_leaks(splits: Splits) -> None:
    """Refuse splits that share a group or a medium.

    Raises:
        InputError: With the first groups that are in two splits.
    """
    names = list(splits)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            for column, what in (("group", "group"), ("uri", "medium")):
                shared = _values(splits[one], column) & _values(splits[other], column)
                if shared:
                    some = ", ".join(sorted(shared)[:3])
                    raise InputError(
                        f"{len(shared)} {what}{'s' if len(shared) > 1 and what == 'group' else ''} "
                        f"{'is' if len(shared) == 1 else 'are'} in both {one} and {other}: {some}.",
                        todo="Figures would be too good. Put each group into one split, or leave data.val "
                        "out, and Vifex splits by data.group.",
                    )


def _values(examples: Examples, column: str) -> set[str]:
    return {value for value in examples.column(column) if value is not None}


def _by_column(found: Examples) -> Splits:
    """Divide examples by what their manifest says; those without a split are for training."""
    names = found.column("split")
    if all(name is None for name in names):
        return {"train": found}
    wanted = ["train" if name is None else _NAMES.get(name.lower(), "") for name in names]
    if "" in wanted:
        unknown = sorted({n for n, w in zip(names, wanted, strict=True) if not w})
        raise InputError(
            f"the split {unknown[0]!r} is unknown.", todo="A split is train, val or test in a manifest."
        )
    return {
        name: found.take(np.flatnonzero(np.array(wanted) == name))
        for name in ("train", "val", "test")
        if name in wanted
    }


def _check(splits: Splits, *, by_class: bool) -> None:
    classes = splits["train"].classes
    for name in ("train", "val"):
        labels = splits[name].labels
        if not len(labels):
            raise InputError(
                f"there are no {name} examples.",
                todo="Give more training examples, or raise data.val_share.",
            )
        if np.all(labels < 0):
            continue  # a task without labels
        counts = np.bincount(labels[labels >= 0], minlength=len(classes))
        absent = [classes[i] for i in np.flatnonzero(counts == 0)]
        if absent and name == "train" and not by_class:
            raise InputError(
                f"{len(absent)} of {len(classes)} classes have no {name} example: {', '.join(absent[:3])}"
                f"{', ...' if len(absent) > 3 else ''}.",
                todo="Add examples of each class.",
            )


def _generator(seed: int, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, stream]))
