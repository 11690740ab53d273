"""Labelled examples that several views have: the same rows, or else the mean vector of each medium."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from vifex.analysis.pairs import pair_rows
from vifex.analysis.rows import FeatureRows, FloatMatrix, read_rows
from vifex.analysis.vectors import vectors_at
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.analysis.rows import MediumFacts
    from vifex.store import View

__all__ = ["ExampleSet", "Examples", "choose_examples", "gather_examples", "usable_media"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ExampleSet:
    """Labelled examples."""

    classes: tuple[str, ...]
    labels: Ints
    """`[N]`: numbers of classes."""
    groups: Ints
    """`[N]`: numbers of media, or of the groups that they are in."""
    media: int
    """How many media the examples are of."""
    unit: Literal["row", "medium"]
    """`row` if the views share their rows, else `medium`."""
    notes: tuple[str, ...]
    """What was left out, in sentences."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Examples(ExampleSet):
    """Labelled examples of the same media in each of V views."""

    _rows: tuple[FeatureRows, ...]
    _which: tuple[Ints, ...]
    """For each view indices of its rows, `[M]`."""
    _example: tuple[Ints, ...]
    """For each view the example of each of these rows, `[M]`."""

    def vectors(self, view: int, column: str) -> FloatMatrix:
        """Read a column of one of the views, float32 `[N, D]`: rows, or their means over each medium."""
        which, example = self._which[view], self._example[view]
        rows = vectors_at(self._rows[view].view, column, self._rows[view].places[which])
        if self.unit == "row":
            out = np.empty_like(rows)
            out[example] = rows
            return out
        sums = np.zeros((len(self), rows.shape[1]))
        np.add.at(sums, example, rows)
        means: FloatMatrix = (sums / np.bincount(example, minlength=len(self))[:, None]).astype(np.float32)
        return means


def gather_examples(
    views: Sequence[View],
    labels: Mapping[str, str | None],
    *,
    groups: Mapping[str, str | None] | None = None,
    where: str | None = None,
    most: int = 5000,
    seed: int = 0,
) -> Examples:
    """Gather labelled examples of media that all views have.

    Args:
        views: Of one store.
        labels: The label of each medium by its `medium_id`.
        groups: The group of each medium, which is held out whole; by default its file.
        where: An SQL filter over the row columns of each view.
        most: How many examples are taken at most, of each class alike, whole media at a time.
        seed: Of the choice.

    Raises:
        InputError: If fewer than two classes have examples of two media.
    """
    rows = tuple(read_rows(view, view.columns[0], where=where) for view in views)
    media, notes = _shared_media(rows)
    found = [labels.get(one.medium_id) for one in media]
    owner = [(groups or {}).get(one.medium_id) or one.uri for one in media]
    classes, kept, said = usable_media(found, owner)
    notes += said
    ids = {media[place].medium_id: number for number, place in enumerate(kept)}
    numbers = np.array([classes.index(found[place] or "") for place in kept], np.int64)
    matched = _matched(rows, list(ids))
    per_medium = _rows_of(rows[0], ids) if matched is not None else np.ones(len(ids), np.int64)
    chosen = choose_examples(numbers, per_medium, most, seed=seed)
    if len(chosen) < len(ids):
        notes.append(
            f"{len(chosen)} of {len(ids)} labelled media were taken, of each class alike: at most {most} "
            "examples are used."
        )
    picked = np.full(len(ids), -1, np.int64)
    picked[chosen] = np.arange(len(chosen))
    _, group = np.unique([owner[kept[place]] for place in chosen], return_inverse=True)
    if matched is None:
        notes.append("the views have other rows: each example is the mean vector of a medium.")
    taken = _Taken(rows, ids, picked, numbers[chosen], group.astype(np.int64), classes, tuple(notes))
    return taken.by_medium() if matched is None else taken.by_row(matched)


def choose_examples(labels: Ints, sizes: Ints, most: int, *, seed: int) -> Ints:
    """Choose media of each class in turn, at random within a class, until `most` rows are taken.

    Args:
        labels: `[M]`: the class of each medium.
        sizes: `[M]`: rows of each.
        most: How many rows are taken at most; of each class at least two media are.
        seed: Of the choice.

    Returns:
        Indices of media, rising.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    turn = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        mine = order[labels[order] == label]
        turn[mine] = np.arange(len(mine))
    # One medium of each class, then the next of each; ties in the random order.
    place = np.empty(len(labels), np.int64)
    place[order] = np.arange(len(labels))
    queue = np.lexsort((place, turn))
    fits = np.cumsum(sizes[queue]) <= most
    return np.sort(queue[fits | (turn[queue] < 2)])


def _shared_media(rows: Sequence[FeatureRows]) -> tuple[list[MediumFacts], list[str]]:
    """Return the media that all views have rows of, and how many are left out."""
    known = [{one.medium_id for one in view.media} for view in rows]
    shared = set.intersection(*known)
    left_out = len(set.union(*known)) - len(shared)
    if not shared:
        raise InputError("the views share no medium.", todo="Extract the same media into each view.")
    notes = [f"{left_out} media that some view lacks were left out."] if left_out else []
    return [one for one in rows[0].media if one.medium_id in shared], notes


def usable_media(
    labels: Sequence[str | None], groups: Sequence[str]
) -> tuple[tuple[str, ...], list[int], list[str]]:
    """Return the classes, the media that have one, and sentences on those that are left out."""
    owners: dict[str, set[str]] = {}
    for label, group in zip(labels, groups, strict=True):
        if label is not None:
            owners.setdefault(label, set()).add(group)
    counts = {label: len(mine) for label, mine in owners.items()}
    classes = tuple(sorted(label for label, count in counts.items() if count > 1))
    notes = []
    rare = sorted(label for label, count in counts.items() if count == 1)
    if rare:
        some = ", ".join(rare[:3]) + (", ..." if len(rare) > 3 else "")
        notes.append(f"{len(rare)} classes of one file or group were left out: {some}.")
    if len(classes) < 2:
        raise InputError(
            f"layers are ranked by at least two classes of two files each, and there {_are(len(classes))}.",
            todo="Label more media, or name other labels as `labels=`.",
        )
    known = set(classes)
    return classes, [place for place, label in enumerate(labels) if label in known], notes


def _are(count: int) -> str:
    return "is one" if count == 1 else "is none"


def _matched(rows: Sequence[FeatureRows], media: Sequence[str]) -> list[tuple[Ints, Ints]] | None:
    """Pair the rows of the first view with those of each; `None` if some row of the media has no partner."""
    pairs = [(one, one) for one in media]
    wanted = set(media)
    counts = [int(np.isin(view.medium, _numbers(view, wanted)).sum()) for view in rows]
    if len(set(counts)) > 1:
        return None
    found = [pair_rows(rows[0], view, pairs) for view in rows]
    return found if all(len(mine) == counts[0] for mine, _ in found) else None


def _numbers(rows: FeatureRows, wanted: set[str]) -> list[int]:
    return [number for number, one in enumerate(rows.media) if one.medium_id in wanted]


def _rows_of(rows: FeatureRows, ids: dict[str, int]) -> Ints:
    """Count the rows of each medium."""
    counts = np.bincount(rows.medium, minlength=len(rows.media))
    found = np.zeros(len(ids), np.int64)
    for number, one in enumerate(rows.media):
        if one.medium_id in ids:
            found[ids[one.medium_id]] = counts[number]
    return found


def _owners(rows: FeatureRows, ids: dict[str, int], picked: Ints) -> Ints:
    """Return the chosen medium of each row, -1 for a row of none."""
    of_medium = np.array([picked[ids[m.medium_id]] if m.medium_id in ids else -1 for m in rows.media])
    owners: Ints = of_medium.astype(np.int64)[rows.medium]
    return owners


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    """The media that were chosen, with their classes and groups."""

    rows: tuple[FeatureRows, ...]
    ids: dict[str, int]
    picked: Ints
    """The number of each labelled medium among the chosen ones; -1 if it is none."""
    labels: Ints
    groups: Ints
    classes: tuple[str, ...]
    notes: tuple[str, ...]

    def by_row(self, matched: list[tuple[Ints, Ints]]) -> Examples:
        """Make an example of each row, paired with those of the other views."""
        owners = _owners(self.rows[0], self.ids, self.picked)[matched[0][0]]
        kept = owners >= 0
        owners = owners[kept]
        return Examples(
            self.classes,
            self.labels[owners],
            self.groups[owners],
            len(self.labels),
            "row",
            self.notes,
            self.rows,
            tuple(theirs[kept] for _, theirs in matched),
            tuple(np.arange(len(owners)) for _ in self.rows),
        )

    def by_medium(self) -> Examples:
        """Make an example of each medium: the mean of its rows."""
        owners = [_owners(view, self.ids, self.picked) for view in self.rows]
        which = tuple(np.flatnonzero(one >= 0) for one in owners)
        return Examples(
            self.classes,
            self.labels,
            self.groups,
            len(self.labels),
            "medium",
            self.notes,
            self.rows,
            which,
            tuple(one[kept] for one, kept in zip(owners, which, strict=True)),
        )
