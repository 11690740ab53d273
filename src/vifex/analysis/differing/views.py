"""What differs between two views: their recipes first, then their media, then their rows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vifex.analysis.differing.columns import ColumnDifference, compare_column
from vifex.analysis.pairs import MediumEntry, pair_media, pair_rows, read_media
from vifex.analysis.rows import FeatureRows, read_rows
from vifex.search.columns import layer_of

if TYPE_CHECKING:
    from vifex.store import View
    from vifex.values import Recipe

__all__ = ["MediumChange", "StoreDifference", "ViewDifference", "compare_views"]


@dataclass(frozen=True, slots=True)
class MediumChange:
    """A medium of both views whose entries in the ledgers differ."""

    name: str
    """In the first view."""
    what: tuple[tuple[str, str, str], ...]
    """For each field that differs its name, its value in the first view and in the second."""


@dataclass(frozen=True, slots=True)
class ViewDifference:
    """What differs between two views."""

    view: str
    other: str
    """The name of the second view."""
    recipe: tuple[str, ...]
    """Choices of the recipes that differ, as `field: first, second`."""
    media: int
    """How many media both have."""
    only_a: tuple[str, ...]
    """Names of media of the first view alone."""
    only_b: tuple[str, ...]
    changed: tuple[MediumChange, ...]
    rows: int
    """How many rows both have: of the same medium and the same time."""
    rows_only_a: int
    """Rows of the first view alone, those of its own media included."""
    rows_only_b: int
    columns: tuple[ColumnDifference, ...]
    """Columns of both views; none where rows were not compared."""
    not_compared: tuple[str, ...]
    """What was not compared, and why: sentences."""

    @property
    def is_equal(self) -> bool:
        """Whether recipes, media and rows are the same."""
        return not (
            self.recipe
            or self.only_a
            or self.only_b
            or self.changed
            or self.rows_only_a
            or self.rows_only_b
            or self.not_compared
            or any(column.differing for column in self.columns)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        changed = [
            {"name": one.name, "what": [dict(zip(("field", "a", "b"), w, strict=True)) for w in one.what]}
            for one in self.changed
        ]
        return {
            **asdict(self),
            "is_equal": self.is_equal,
            "changed": changed,
            "columns": [column.to_dict() for column in self.columns],
        }


@dataclass(frozen=True, slots=True)
class StoreDifference:
    """What differs between two stores, view by view."""

    a: str
    b: str
    views: tuple[ViewDifference, ...]
    """The views that both have."""
    only_a: tuple[str, ...]
    """Names of views of the first store alone."""
    only_b: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether both have the same views, and these are equal."""
        return not (self.only_a or self.only_b) and all(view.is_equal for view in self.views)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "a": self.a,
            "b": self.b,
            "is_equal": self.is_equal,
            "views": [view.to_dict() for view in self.views],
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
        }


def compare_views(a: View, b: View, *, anyway: bool, tolerance: float) -> ViewDifference:
    """Compare two views.

    Args:
        a: The first view.
        b: The second view.
        anyway: Whether rows are compared although the recipes differ.
        tolerance: Numbers of rows differ if they are further apart than this.
    """
    layers, choices = _layer_lists(a.recipe, b.recipe), _choices(a.recipe, b.recipe)
    recipe = (*layers, *choices)
    entries_a, entries_b = read_media(a), read_media(b)
    pairs = pair_media(entries_a, entries_b)
    in_a, in_b = {place for place, _ in pairs}, {place for _, place in pairs}
    said: list[str] = []
    rows: tuple[int, int, int] = (0, 0, 0)
    columns: tuple[ColumnDifference, ...] = ()
    if choices and not anyway:
        said.append("the rows: the recipes differ. Compare them with `anyway=True`.")
    else:
        media = [(entries_a[i].medium_id, entries_b[j].medium_id) for i, j in pairs]
        rows, columns, unlike = _rows(a, b, media, tolerance)
        said += unlike
    return ViewDifference(
        view=a.name,
        other=b.name,
        recipe=recipe,
        media=len(pairs),
        only_a=tuple(one.name for place, one in enumerate(entries_a) if place not in in_a),
        only_b=tuple(one.name for place, one in enumerate(entries_b) if place not in in_b),
        changed=tuple(c for i, j in pairs if (c := _change(entries_a[i], entries_b[j])) is not None),
        rows=rows[0],
        rows_only_a=rows[1],
        rows_only_b=rows[2],
        columns=columns,
        not_compared=tuple(said),
    )


def _layer_lists(a: Recipe, b: Recipe) -> list[str]:
    """Return the names of the layers of both, if they differ: more layers change no number of the others."""
    names = [json.dumps([spec.layer.name for spec in recipe.layers]) for recipe in (a, b)]
    return [f"layers: {names[0]}, {names[1]}"] if names[0] != names[1] else []


def _choices(a: Recipe, b: Recipe) -> list[str]:
    """Return every other choice that differs; layers are compared with those of the same name."""
    found = [line for line in a.differences(b) if not re.match(r"layers[.:]", line)]
    mine, theirs = ({layer["name"]: layer for layer in one.to_dict()["layers"]} for one in (a, b))
    for name in mine.keys() & theirs.keys():
        found += [
            f"layers.{name}.{field}: {json.dumps(value)}, {json.dumps(theirs[name][field])}"
            for field, value in mine[name].items()
            if value != theirs[name][field]
        ]
    return sorted(found)


def _change(a: MediumEntry, b: MediumEntry) -> MediumChange | None:
    fields = ["name", "status", "rows", "label", "split"]
    if a.content_hash and b.content_hash:
        fields.append("content_hash")
    what = tuple(
        (name, str(getattr(a, name)), str(getattr(b, name)))
        for name in fields
        if getattr(a, name) != getattr(b, name)
    )
    return MediumChange(a.name, what) if what else None


def _rows(
    a: View, b: View, media: Sequence[tuple[str, str]], tolerance: float
) -> tuple[tuple[int, int, int], tuple[ColumnDifference, ...], list[str]]:
    """Compare the rows of media that both have; also return the sentences on columns that cannot be."""
    rows_a, rows_b = a.count_rows(), b.count_rows()
    if not rows_a or not rows_b:
        return (0, rows_a, rows_b), (), _unlike(a, b)
    facts_a, facts_b = read_rows(a, a.columns[0]), read_rows(b, b.columns[0])
    pairs = pair_rows(facts_a, facts_b, media)
    made = tuple(
        compare_column(facts_a, facts_b, pairs, column, tolerance=tolerance)
        for column in a.columns
        if column in b.columns and _size(facts_a, column) == _size(facts_b, column)
    )
    count = len(np.asarray(pairs[0]))
    return (count, rows_a - count, rows_b - count), made, _unlike(a, b)


def _size(rows: FeatureRows, column: str) -> int:
    return layer_of(rows.view, column).size


def _unlike(a: View, b: View) -> list[str]:
    said = []
    for mine, theirs, which in ((a, b, "first"), (b, a, "second")):
        alone = [column for column in mine.columns if column not in theirs.columns]
        if alone:
            said.append(f"columns of the {which} view alone: {', '.join(alone)}.")
    for column in a.columns:
        if column in b.columns:
            sizes = layer_of(a, column).size, layer_of(b, column).size
            if sizes[0] != sizes[1]:
                said.append(f"the column {column}: it has {sizes[0]} and {sizes[1]} numbers a row.")
    return said
