"""Hits: the rows that a search found, with where and when they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vifex.values import Box, StoreError
from vifex.values.extra import EXTRA, extra_dict
from vifex.values.rows import BOX_SIDES, ROW_NAMES

if TYPE_CHECKING:
    from vifex.search.scan.best import Match
    from vifex.store import View

__all__ = ["Hit", "fetch_hits", "fetch_many_hits", "hits_at", "hits_of_keys"]

# Keys per filter; a longer list of them in SQL takes longer than reading on.
_KEYS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Hit:
    """A row of the store that answers a query. Times are `None` for images."""

    rank: int
    """From 1, the nearest first."""
    score: float
    """By the metric that was asked for: cosine similarity in [-1, 1] or dot product (higher is better), or
    Euclidean distance (lower is better)."""
    key: str
    """`medium_id:ordinal`; `row:KEY` is a query for the row itself."""
    medium_id: str
    uri: str
    name: str
    """Relative to the source that gave it."""
    ordinal: int
    """Counts the rows of its medium from 0."""
    frame_index: int | None
    """In presentation order from 0, of the (first) frame; the page's number of an image with several."""
    pts: int | None
    """The (first) frame's own time in ticks of `time_base`."""
    time_base: str | None
    """Seconds per tick as a fraction, e.g. `1/90000`."""
    t_s: float | None
    """The same time in seconds from the start of the medium, as a player shows it."""
    t_start_s: float | None
    t_end_s: float | None
    """Where the last frame of the row's frame or window ends."""
    box: Box | None
    """Part of the upright image in pixels; `None` is the whole."""
    label: str | None
    split: str | None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the source said of the row beside these: columns of a manifest that have no meaning for Vifex."""

    @property
    def page(self) -> int | None:
        """Page of an image file with several pages, from 0; `None` for other rows."""
        return self.frame_index if self.t_s is None else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, under the names and in the order of the fields.

        `box` is `{"x0": .., "y0": .., "x1": .., "y1": ..}` or null. All numbers are finite. Names stay;
        later versions may add some.
        """
        box = self.box
        plain = {name: getattr(self, name) for name in self.__slots__}
        plain["extra"] = dict(self.extra)
        return plain | {"box": box and {"x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1}}


def fetch_hits(view: View, matches: Sequence[Match]) -> list[Hit]:
    """Look up the rows of some matches, in their order.

    Raises:
        StoreError: If the view does not hold one of them, as when they come from another view.
    """
    return fetch_many_hits(view, [matches])[0]


def fetch_many_hits(view: View, matches: Sequence[Sequence[Match]]) -> list[list[Hit]]:
    """Look up the rows of the matches of several queries; a row that several queries found is read once.

    Raises:
        StoreError: If the view does not hold one of them, as when they come from another view.
    """
    every = {m.key: m.place for one in matches for m in one}
    rows = (
        _rows_at(view, every)
        if all(place >= 0 for place in every.values())
        else _rows_named(view, list(every))
    )
    lost = [key for key in every if key not in rows]
    if lost:
        raise StoreError(
            f"the row {lost[0]} was found and cannot be read.",
            of=view.name,
            todo="Search the view that the matches come from.",
        )
    return [[_hit(rank, m.score, rows[m.key]) for rank, m in enumerate(one, start=1)] for one in matches]


def hits_at(view: View, places: Sequence[int], scores: Sequence[float]) -> list[Hit]:
    """Look up rows by their places in the stored order of the view; ranks count from 1 in the order given."""
    found: list[Hit] = []
    for start in range(0, len(places), _KEYS_AT_ONCE):
        rows = view.take(places[start : start + _KEYS_AT_ONCE], _names(view)).to_pylist()
        found.extend(_hit(start + i, scores[start + i - 1], row) for i, row in enumerate(rows, start=1))
    return found


def hits_of_keys(view: View, keys: Sequence[str]) -> list[Hit]:
    """Look up rows by their keys, in the order given; ranks count from 1, and keys of no row are left out."""
    rows = _rows_named(view, list(dict.fromkeys(keys))) if keys else {}
    return [
        _hit(rank, 0.0, rows[key]) for rank, key in enumerate(dict.fromkeys(keys), start=1) if key in rows
    ]


def _rows_at(view: View, places: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Read rows by their places; a row that is not where it was found is left out."""
    rows: dict[str, dict[str, Any]] = {}
    end = view.count_rows()
    known = [place for place in places.values() if place < end]
    for start in range(0, len(known), _KEYS_AT_ONCE):
        table = view.take(known[start : start + _KEYS_AT_ONCE], _names(view))
        rows.update((row["key"], row) for row in table.to_pylist())
    return rows


def _rows_named(view: View, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read rows by their keys, which takes a pass over all keys of the view."""
    rows: dict[str, dict[str, Any]] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        named = ", ".join(sql_text(key) for key in keys[start : start + _KEYS_AT_ONCE])
        table = view.to_arrow(columns=_names(view), where=f"key IN ({named})")
        rows.update((row["key"], row) for row in table.to_pylist())
    return rows


def _names(view: View) -> list[str]:
    return [*ROW_NAMES, *([EXTRA] if view.has_extra else [])]


def sql_text(text: str) -> str:
    """Quote a string for an SQL filter."""
    return "'" + text.replace("'", "''") + "'"


def _hit(rank: int, score: float, row: dict[str, Any]) -> Hit:
    corners = [row[c] for c in BOX_SIDES]
    box = None if any(c is None for c in corners) else Box(*corners)
    fields = {name: value for name, value in row.items() if name not in (*BOX_SIDES, EXTRA)}
    return Hit(rank=rank, score=score, box=box, extra=extra_dict(row.get(EXTRA)), **fields)
