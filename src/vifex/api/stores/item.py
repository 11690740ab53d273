"""One media item of a view: its features, their times, and what became of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.search.hits import sql_text
from vifex.store import View as StoredView
from vifex.values import Box, InputError, Status
from vifex.values.extra import EXTRA, extra_dict
from vifex.values.media import path_to_uri
from vifex.values.registry import near

__all__ = ["Item", "find_entry", "read_item"]

_TIMES = ("t_s", "t_start_s", "t_end_s")
_CORNERS = ("x0", "y0", "x1", "y1")
_FACTS = ("ordinal", "frame_index", "pts", "time_base", *_TIMES, *_CORNERS, "label", "split")


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A media item with its T rows in the order of time. Of an image T is 1, of a failed item 0."""

    name: str
    uri: str
    medium_id: str
    status: Status
    """`ok`, `partial`, `skipped` or `failed`."""
    reason: str
    """Why it is not `ok`, or how it was read."""
    columns: Mapping[str, npt.NDArray[Any]]
    """By layer: its features, `[T, *shape]`."""
    t_s: npt.NDArray[np.float64]
    """`[T]` seconds from the start of the item; NaN for images."""
    t_start_s: npt.NDArray[np.float64]
    """`[T]`: where the row's frame, clip or window starts."""
    t_end_s: npt.NDArray[np.float64]
    """`[T]`: where its last frame ends."""
    pts: tuple[int | None, ...]
    """The frames' own times in ticks of `time_base`."""
    time_base: str | None
    """Seconds per tick as a fraction, e.g. `1/90000`."""
    frame_index: tuple[int | None, ...]
    """Numbers of the frames from 0, where they are known; of an image with several pages the page's."""
    boxes: tuple[Box | None, ...]
    """The part of each image, in its pixels; `None` is the whole."""
    label: str | None
    split: str | None
    extra: tuple[Mapping[str, Any], ...] = ()
    """What the source said of each row beside these, e.g. columns of a manifest that Vifex does not read."""

    @property
    def features(self) -> npt.NDArray[Any]:
        """The features `[T, *shape]` of the only layer.

        Raises:
            InputError: If there are several.
        """
        if len(self.columns) != 1:
            raise InputError(
                f"the view has {len(self.columns)} layers, so one must be named.",
                of=self.name,
                todo=f"Take item.columns[LAYER]: {', '.join(self.columns)}.",
            )
        return next(iter(self.columns.values()))

    def __len__(self) -> int:
        return len(self.t_s)

    def __repr__(self) -> str:
        return f"Item({self.name!r}, status={self.status!r}, rows={len(self)})"


def read_item(view: StoredView, name: str | os.PathLike[str], of: str) -> Item:
    """Read one item of a view.

    Args:
        view: Where it is.
        name: Its name in the ledger, its path, its `file://` address or its `medium_id`.
        of: The store, for messages.

    Raises:
        InputError: If there is none, or several have that name.
    """
    if not isinstance(name, str | os.PathLike):
        raise InputError(
            f"{type(name).__name__} is no name of an item.", todo="Give a name of the ledger, or a path."
        )
    entry = find_entry(view, os.fspath(name), of)
    layers = {spec.layer.name: spec for spec in view.recipe.layers}
    where = f"medium_id = {sql_text(entry['medium_id'])}"
    names = [*_FACTS, *([EXTRA] if view.has_extra else [])]
    rows = view.to_arrow([*names, *(spec.column for spec in layers.values())], where).sort_by("ordinal")
    facts = rows.select(names).to_pylist()
    features = {n: _array(rows, spec.column, spec.shape) for n, spec in layers.items()}
    times = [rows.column(n).to_numpy().astype(np.float64) for n in _TIMES]
    first: dict[str, Any] = facts[0] if facts else {}
    return Item(
        name=entry["name"],
        uri=entry["uri"],
        medium_id=entry["medium_id"],
        status=cast(Status, entry["status"]),
        reason=entry["reason"],
        columns=features,
        t_s=times[0],
        t_start_s=times[1],
        t_end_s=times[2],
        pts=tuple(row["pts"] for row in facts),
        time_base=first.get("time_base"),
        frame_index=tuple(row["frame_index"] for row in facts),
        boxes=tuple(_box(row) for row in facts),
        label=first.get("label"),
        split=first.get("split"),
        extra=tuple(extra_dict(row.get(EXTRA)) for row in facts),
    )


def find_entry(view: StoredView, name: str, of: str) -> dict[str, Any]:
    """Return the ledger's entry of a medium.

    Raises:
        InputError: If there is none, or several have that name.
    """
    found = _named(view, name)
    if not found:
        raise InputError(
            f"the view {view.name!r} has no item {name!r}.",
            of=of,
            todo=f"{near(name, view.first_names())}The ledger lists all {view.count_media()}.",
        )
    if len(found) > 1:
        raise InputError(
            f"{len(found)} items of the view {view.name!r} are called {name!r}.",
            of=of,
            todo=f"Give the medium_id: {', '.join(e['medium_id'] for e in found[:4])}.",
        )
    return found[0]


def _named(view: StoredView, name: str) -> list[dict[str, Any]]:
    """Return the entries of a name, else those of an id, an address or a path."""
    places = [("name", name), ("medium_id", name), ("uri", name), ("uri", path_to_uri(Path(name)))]
    for column, value in places:
        quoted = value.replace("'", "''")
        found: list[dict[str, Any]] = view.ledger(where=f"{column} = '{quoted}'").to_pylist()
        if found:
            return found
    return []


def _array(rows: pa.Table, column: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    values = rows.column(column).combine_chunks()
    flat = values.flatten().to_numpy(zero_copy_only=False)
    return np.array(flat).reshape(rows.num_rows, *shape)


def _box(row: dict[str, Any]) -> Box | None:
    corners = [row[c] for c in _CORNERS]
    return None if any(c is None for c in corners) else Box(*corners)
