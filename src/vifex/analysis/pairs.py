"""Which media and which rows of two views are the same: by content, name and time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vifex.analysis.rows import FeatureRows
    from vifex.store import View

__all__ = ["MediumEntry", "pair_media", "pair_rows", "read_media"]

Ints = npt.NDArray[np.int64]

_PER_SECOND = 1_000_000
"""Times are compared in microseconds."""


@dataclass(frozen=True, slots=True)
class MediumEntry:
    """The newest entry of a medium in the ledger of a view."""

    medium_id: str
    name: str
    content_hash: str
    """Empty if it is not known."""
    spec_hash: str
    """Hash of the span and the boxes that a manifest gives the medium."""
    status: str
    rows: int
    label: str | None
    split: str | None


def read_media(view: View) -> list[MediumEntry]:
    """Read the newest entry of each medium, in the order of the ledger."""
    columns = list(MediumEntry.__dataclass_fields__)
    return [
        MediumEntry(*row)
        for batch in view.ledger_batches(columns)
        for row in zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
    ]


def pair_media(a: Sequence[MediumEntry], b: Sequence[MediumEntry]) -> list[tuple[int, int]]:
    """Find which media of two views are the same medium.

    The same address and span come first, then the same name with the same content, then the same name,
    then the same content. Media of a view that share a key are paired in the order of the ledger.

    Returns:
        Pairs of indices into `a` and `b`; a medium is in at most one pair.
    """
    keys: tuple[Callable[[MediumEntry], Hashable | None], ...] = (
        lambda one: one.medium_id,
        lambda one: (one.name, one.spec_hash, one.content_hash) if one.content_hash else None,
        lambda one: (one.name, one.spec_hash),
        lambda one: (one.content_hash, one.spec_hash) if one.content_hash else None,
    )
    pairs: list[tuple[int, int]] = []
    left_a, left_b = list(range(len(a))), list(range(len(b)))
    for key in keys:
        waiting: dict[Hashable, list[int]] = {}
        for place in reversed(left_b):
            waiting.setdefault(key(b[place]), []).append(place)
        waiting.pop(None, None)
        for place in left_a:
            same = waiting.get(key(a[place]))
            if same:
                pairs.append((place, same.pop()))
        taken_a, taken_b = ({pair[side] for pair in pairs} for side in (0, 1))
        left_a = [place for place in left_a if place not in taken_a]
        left_b = [place for place in left_b if place not in taken_b]
    return sorted(pairs)


def pair_rows(a: FeatureRows, b: FeatureRows, media: Iterable[tuple[str, str]]) -> tuple[Ints, Ints]:
    """Find the rows of two views that are of the same medium and the same time.

    Rows of one medium and one time, such as boxes or pages, are paired in their own order.

    Args:
        a: Rows of one view.
        b: Rows of the other.
        media: Pairs of `medium_id`s of media that are the same.

    Returns:
        Indices into `a` and into `b`, both `[P]`, in the order of `a`.
    """
    number: dict[str, int] = {}
    other: dict[str, int] = {}
    for count, (mine, theirs) in enumerate(media):
        number[mine], other[theirs] = count, count
    owners_a = _owners(a, number)
    owners_b = _owners(b, other)
    ticks = [np.where(np.isnan(rows.t_s), -1, np.rint(rows.t_s * _PER_SECOND)) for rows in (a, b)]
    times, codes = np.unique(np.concatenate(ticks), return_inverse=True)
    keys_a = _numbered(owners_a, codes[: len(a)], len(times))
    keys_b = _numbered(owners_b, codes[len(a) :], len(times))
    # A row of no pair of media has a key below 0, and each of those keys is on one side alone.
    keys_a[owners_a < 0], keys_b[owners_b < 0] = -1, -2
    shared, in_a, in_b = np.intersect1d(keys_a, keys_b, return_indices=True)
    in_a, in_b = in_a[shared >= 0], in_b[shared >= 0]
    order = np.argsort(in_a)
    return in_a[order], in_b[order]


def _owners(rows: FeatureRows, number: dict[str, int]) -> Ints:
    found = np.array([number.get(one.medium_id, -1) for one in rows.media], np.int64)
    return found[rows.medium]


def _numbered(owners: Ints, times: npt.NDArray[Any], n_times: int) -> Ints:
    """Give a row a number made of its medium, its time, and its place among rows that share both."""
    whole: Ints = owners * n_times + times
    order = np.argsort(whole, kind="stable")
    ordered = whole[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else order
    lengths = np.diff(np.r_[starts, len(ordered)])
    place = np.empty(len(whole), np.int64)
    place[order] = np.arange(len(whole)) - np.repeat(starts, lengths)
    return (whole << 20) + place
