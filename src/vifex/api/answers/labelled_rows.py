"""Labelled rows of a store for classifiers: vectors, classes, groups, and how they are divided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.probing.splitting import Fold, grouped_folds, stated_split
from vifex.analysis.rows import FeatureRows, FloatMatrix
from vifex.api.answers.labels import MediaLabels
from vifex.evaluation.predictions import Ints
from vifex.values import InputError
from vifex.values.registry import near

__all__ = ["LabelledRows", "labelled_rows"]

_FOLDS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class LabelledRows:
    """Rows that have a label and finite numbers."""

    all_rows: FeatureRows
    places: Ints
    """`[N]`: places of the rows in `all_rows`."""
    vectors: FloatMatrix
    """`[N, D]`."""
    y: Ints
    """`[N]`: index of each row's class."""
    classes: tuple[str, ...]
    medium: Ints
    """`[N]`: index of each row's medium in `medium_ids`."""
    medium_ids: tuple[str, ...]
    groups: Ints
    """`[N]`: index of each row's group in `group_names`."""
    group_names: tuple[str, ...]
    grouped_by: str
    folds: tuple[Fold, ...]
    protocol: str
    source: str
    notes: tuple[str, ...]

    def names_of(self, rows: Ints, *, each_row: bool) -> list[str]:
        """Return a name for each of some rows: that of its medium, with its time where rows are named.

        A name that several have is followed by the id of the medium, or by the row's number in it.
        """
        media = [self.all_rows.media[m] for m in self.medium[rows]]
        places = self.places[rows]
        names = [one.name for one in media]
        if each_row:
            times = self.all_rows.t_s[places].tolist()
            names = [
                name if t_s != t_s else f"{name}@{t_s:.3f}" for name, t_s in zip(names, times, strict=True)
            ]
        counts: dict[str, int] = {}
        for name in names:
            counts[name] = counts.get(name, 0) + 1
        ordinals = self.all_rows.ordinal[places].tolist()
        return [
            name if counts[name] == 1 else f"{name} ({one.medium_id}{f':{ordinal}' if each_row else ''})"
            for name, one, ordinal in zip(names, media, ordinals, strict=True)
        ]

    def place_of(self, row: int) -> tuple[str, float | None]:
        """Return the address of a row's file and the time of the row in seconds."""
        t_s = float(self.all_rows.t_s[self.places[row]])
        return self.all_rows.media[self.medium[row]].uri, None if t_s != t_s else t_s


def labelled_rows(
    rows: FeatureRows, labels: MediaLabels, *, group: str | None, folds: int | None, seed: int
) -> LabelledRows:
    """Select the labelled rows and divide them.

    Args:
        rows: All rows.
        labels: Of their media.
        group: A column of the labels, or `label`, `split` or `name`; `None` groups by file.
        folds: Number of folds; `None` takes the stated split, or 5 folds where there is none.
        seed: Of the folds.

    Raises:
        InputError: If there are fewer than two classes, all rows are alike, or rows cannot be divided.
    """
    by_medium = _media_groups(rows, labels, group)
    by = "file" if group is None else group
    chosen, stated, notes = _chosen_media(labels, folds)
    places = np.flatnonzero(chosen[rows.medium])
    vectors = rows.vectors()[places]
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        notes.append(f"{int((~finite).sum())} rows have NaN or infinite numbers and were left out.")
    names = np.array([label or "" for label in labels.labels])[rows.medium[places]]
    kept = finite
    if not stated:
        rare = _rare(names[finite], [by_medium[m] for m in rows.medium[places[finite]].tolist()])
        if rare:
            notes.append(
                f"{len(rare)} classes of one {by} were left out: {_some(rare)}. One learns and another tests."
            )
            kept = finite & ~np.isin(names, rare)
    if not kept.all():
        places, vectors, names = places[kept], vectors[kept], names[kept]
    media = rows.medium[places].astype(np.int64)
    classes, y = _numbered(names.tolist())
    _check(vectors, classes, labels.source)
    group_names, groups = _numbered([by_medium[m] for m in media.tolist()])
    if stated:
        splits = [labels.splits[m] for m in media.tolist()]
        division = [stated_split(splits, groups, group_names, by=f"values of {by}")]
        learn, test = len(division[0].train), len(division[0].test)
        protocol = f"stated split, {learn} rows to learn from and {test} to test"
        notes += _unlearned(y, division[0], classes)
    else:
        division = grouped_folds(y, groups, _FOLDS if folds is None else folds, seed=seed)
        protocol = f"cross-validation with {len(division)} folds, grouped by {by}"
    return LabelledRows(
        all_rows=rows,
        places=places,
        vectors=vectors,
        y=y,
        classes=classes,
        medium=media,
        medium_ids=tuple(medium.medium_id for medium in rows.media),
        groups=groups,
        group_names=group_names,
        grouped_by=by,
        folds=tuple(division),
        protocol=protocol,
        source=labels.source,
        notes=tuple(notes),
    )


def _chosen_media(labels: MediaLabels, folds: int | None) -> tuple[npt.NDArray[np.bool_], bool, list[str]]:
    """Return which media are used, whether the split that they state divides them, and notes."""
    labelled = np.array([label is not None for label in labels.labels])
    has_split = np.array([split is not None for split in labels.splits]) & labelled
    notes = list(labels.notes)
    if not has_split.any():
        return labelled, False, notes
    if folds is not None:
        return labelled, False, [*notes, "The split that the labels state was not used."]
    without = int((labelled & ~has_split).sum())
    if without:
        notes.append(f"{without} media have no split and were left out.")
    return has_split, True, notes


def _media_groups(rows: FeatureRows, labels: MediaLabels, group: str | None) -> list[str]:
    """Return the group of each medium. One without a value is a group of its own file."""
    files = [medium.uri for medium in rows.media]
    if group is None:
        return files
    own = {
        "label": labels.labels,
        "split": labels.splits,
        "name": tuple(medium.name for medium in rows.media),
    }
    columns = {**own, **labels.columns}
    if group not in columns:
        known = sorted(columns)
        raise InputError(
            f"there is no column {group!r} to group by.",
            of=labels.source,
            todo=f"{near(group, known)}Known: {', '.join(known)}.",
        )
    return [value or uri for value, uri in zip(columns[group], files, strict=True)]


def _numbered(values: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """Return the different values, sorted, and the number of each value in them."""
    known = tuple(sorted(set(values)))
    place = {value: number for number, value in enumerate(known)}
    return known, np.array([place[value] for value in values], np.int64)


def _rare(names: npt.NDArray[np.str_], groups: Sequence[str]) -> list[str]:
    """Return the classes whose rows are all of one group."""
    found: dict[str, set[str]] = {}
    for name, group in zip(names.tolist(), groups, strict=True):
        found.setdefault(name, set()).add(group)
    return sorted(name for name, own in found.items() if len(own) < 2)


def _check(vectors: FloatMatrix, classes: tuple[str, ...], source: str) -> None:
    if len(classes) < 2:
        what = f"all labelled rows are of the class {classes[0]!r}" if classes else "no labelled row is left"
        raise InputError(
            f"{what}, and a probe needs two classes.",
            of=source,
            todo="Label media of another class; each class needs two files.",
        )
    if (vectors == vectors[0]).all():
        raise InputError(
            f"all {len(vectors)} labelled rows have the same features, so no class can be told from another.",
            todo="Probe another column, or see with `vifex show` what made this one.",
        )


def _unlearned(y: Ints, fold: Fold, classes: tuple[str, ...]) -> list[str]:
    absent = sorted(set(y[fold.test].tolist()) - set(y[fold.train].tolist()))
    if not absent:
        return []
    some = _some([classes[c] for c in absent])
    return [
        f"{len(absent)} classes have rows to test and none to learn from, which are always wrong: {some}."
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
