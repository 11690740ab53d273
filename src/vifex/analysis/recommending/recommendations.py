"""Recommendations from a view: media that suit a history and that were not in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.analysis.directions import Directions, hits_of, read_directions
from vifex.analysis.recommending.history import HistoryItem
from vifex.analysis.recommending.ranking import decayed, maximal_marginal_relevance, relevance_of
from vifex.analysis.rows import FeatureRows, FloatMatrix, unit_vectors
from vifex.search.hits import Hit
from vifex.values import InputError
from vifex.values.media import path_to_uri
from vifex.values.registry import near

__all__ = ["Recommendation", "Recommendations", "recommend_media"]

_COPY: Final = 0.999
"""Cosine to a medium of the history from which a candidate counts as a copy of it."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A medium to see next, and why."""

    rank: int
    """From 1, in the order of the choice."""
    row: Hit
    """The row of the medium that is nearest to the reason; its `score` is the cosine of both."""
    relevance: float
    """Weighted cosine to what was liked, less that to what was disliked."""
    because: str
    """Name of the medium of the history that counts most for it."""
    because_uri: str
    similarity: float
    """Cosine of the mean directions of both media."""


@dataclass(frozen=True, slots=True, eq=False)
class Recommendations:
    """Media to see next."""

    store: str
    view: str
    column: str
    diversity: float
    half_life_days: float | None
    history: int
    """Media of the history that are in the view."""
    candidates: int
    """Media that could be recommended."""
    recommendations: tuple[Recommendation, ...]
    notes: tuple[str, ...] = ()
    """Sentences on what must be known of the result."""

    @property
    def table(self) -> pa.Table:
        """A line for each medium: `rank`, `name`, `t_s`, `relevance`, `because`, `similarity`, `key` and
        `uri`."""
        found = self.recommendations
        return pa.table(
            {
                "rank": pa.array([one.rank for one in found], pa.int64()),
                "name": pa.array([one.row.name for one in found], pa.string()),
                "t_s": pa.array([one.row.t_s for one in found], pa.float64()),
                "relevance": pa.array([one.relevance for one in found], pa.float64()),
                "because": pa.array([one.because for one in found], pa.string()),
                "similarity": pa.array([one.similarity for one in found], pa.float64()),
                "key": pa.array([one.row.key for one in found], pa.string()),
                "uri": pa.array([one.row.uri for one in found], pa.string()),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "store": self.store,
            "view": self.view,
            "column": self.column,
            "diversity": self.diversity,
            "half_life_days": self.half_life_days,
            "history": self.history,
            "candidates": self.candidates,
            "recommendations": [
                {
                    "rank": one.rank,
                    "row": one.row.to_dict(),
                    "relevance": one.relevance,
                    "because": one.because,
                    "because_uri": one.because_uri,
                    "similarity": one.similarity,
                }
                for one in self.recommendations
            ],
            "notes": list(self.notes),
        }


def recommend_media(
    rows: FeatureRows,
    history: Sequence[HistoryItem],
    *,
    store: str,
    among: npt.NDArray[np.int64] | None = None,
    count: int = 10,
    diversity: float = 0.2,
    half_life_days: float | None = 30.0,
) -> Recommendations:
    """Recommend media of a view that are not in the history.

    A medium is compared by the mean direction of its rows. What is equal to a medium of the history up to a
    cosine of 0.999 counts as a copy and is left out too.

    Args:
        rows: All rows of one feature column.
        history: What was seen.
        store: Name of the store, for the result and for messages.
        among: Places in the stored order of the rows whose media may be recommended; `None` means all.
        count: Number of media at most.
        diversity: 0 is the order of relevance; up to 1, media that are unlike each other come first.
        half_life_days: Age at which an item of the history counts half; `None` ignores times.

    Raises:
        InputError: If no item of the history is in the view, none is liked, nothing is left to recommend, or
            a choice is out of range.
    """
    _check(count, diversity, half_life_days)
    found = read_directions(rows)
    media, unit = _means(rows, found)
    places = {int(m): place for place, m in enumerate(media)}
    seen, items, notes = _matched(rows, history, places, store)
    weights = decayed(
        np.array([item.weight for item in items]), np.array([item.day for item in items]), half_life_days
    )
    if not (weights > 0).any():
        raise InputError(
            "no item of the history has a weight above 0.",
            of=store,
            todo="Give what was liked a positive weight.",
        )
    of_history = unit[seen]
    relevance = relevance_of(unit, of_history, weights)
    allowed = _allowed(rows, media, among)
    allowed[seen] = False
    copies = allowed & (_largest_cosine(unit, of_history) >= _COPY)
    allowed &= ~copies
    if not allowed.any():
        raise InputError(
            "no medium is left to recommend: all are in the history or were filtered out.",
            of=store,
            todo="Use a wider filter, or extract more media.",
        )
    if copies.any():
        notes.append(f"{int(copies.sum())} media are copies of media of the history and were left out.")
    values = np.where(allowed, relevance.values, -np.inf)
    chosen = maximal_marginal_relevance(unit, values, count, diversity=diversity)
    reasons = [int(relevance.reason[one]) for one in chosen]
    hits = _nearest_rows(rows, found, [int(media[c]) for c in chosen], of_history[reasons])
    names = [rows.media[int(media[seen[reason]])] for reason in reasons]
    return Recommendations(
        store=store,
        view=rows.view.name,
        column=rows.column,
        diversity=diversity,
        half_life_days=half_life_days,
        history=len(set(seen)),
        candidates=int(allowed.sum()),
        recommendations=tuple(
            Recommendation(
                rank,
                hit,
                float(relevance.values[one]),
                because.name,
                because.uri,
                float(relevance.similarity[one]),
            )
            for rank, (one, hit, because) in enumerate(zip(chosen, hits, names, strict=True), start=1)
        ),
        notes=(*found.notes(), *notes),
    )


def _check(count: int, diversity: float, half_life_days: float | None) -> None:
    if count < 1:
        raise InputError(f"needs a number of at least 1, got {count}.", option="count")
    if not 0 <= diversity <= 1:
        raise InputError(f"needs a number from 0 to 1, got {diversity:g}.", option="diversity")
    if half_life_days is not None and not half_life_days > 0:
        raise InputError(f"needs a number of days above 0, got {half_life_days:g}.", option="half_life_days")


def _means(rows: FeatureRows, found: Directions) -> tuple[npt.NDArray[np.int64], FloatMatrix]:
    """Return the media that have rows with a direction, and their mean directions of length 1."""
    owners = rows.medium[found.numbers]
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    sums = np.add.reduceat(found.unit, firsts, axis=0)
    counts = np.diff(np.append(firsts, len(owners)))
    return owners[firsts].astype(np.int64), unit_vectors((sums / counts[:, None]).astype(np.float32))


def _matched(
    rows: FeatureRows, history: Sequence[HistoryItem], places: dict[int, int], store: str
) -> tuple[list[int], list[HistoryItem], list[str]]:
    """Return the places of the media of the history, the item of each, and notes on what was not found."""
    known: dict[str, list[int]] = defaultdict(list)
    for number, medium in enumerate(rows.media):
        for name in {medium.name, medium.medium_id, medium.uri}:
            known[name].append(number)
    seen: list[int] = []
    items: list[HistoryItem] = []
    lost: list[str] = []
    for item in history:
        numbers = [n for n in _numbers(item.name, known) if n in places]
        if not numbers:
            lost.append(item.name)
        seen += [places[n] for n in numbers]
        items += [item] * len(numbers)
    hint = near(lost[0], [medium.name for medium in rows.media[:10_000]]) if lost else ""
    if not seen:
        raise InputError(
            f"none of the {len(history)} items of the history is in the view {rows.view.name!r}, "
            f"e.g. {lost[0]!r}.",
            of=store,
            todo=f"{hint}Name media as the ledger does, by path, address or medium_id.",
        )
    notes = []
    if lost:
        notes.append(
            f"{len(lost)} of {len(history)} items of the history are not in the view, "
            f"e.g. {lost[0]!r}. {hint}"
        )
    return seen, items, [note.strip() for note in notes]


def _numbers(name: str, known: dict[str, list[int]]) -> list[int]:
    """Return the media that a name, an id, an address, a path or the key of a row stands for."""
    if name in known:
        return known[name]
    for other in (path_to_uri(Path(name)), name.rpartition(":")[0]):
        if other in known:
            return known[other]
    return []


def _allowed(
    rows: FeatureRows, media: npt.NDArray[np.int64], among: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.bool_]:
    if among is None:
        return np.ones(len(media), dtype=bool)
    return np.isin(media, rows.medium[np.isin(rows.places, among)])


def _largest_cosine(unit: FloatMatrix, history: FloatMatrix) -> npt.NDArray[np.float32]:
    largest = np.full(len(unit), -1, np.float32)
    for start in range(0, len(unit), 8_192):
        block = slice(start, start + 8_192)
        largest[block] = (unit[block] @ history.T).max(axis=1)
    return largest


def _nearest_rows(
    rows: FeatureRows, found: Directions, media: Sequence[int], vectors: FloatMatrix
) -> list[Hit]:
    """Return for each medium the row that is nearest to a vector."""
    owners = rows.medium[found.numbers]
    picks, scores = [], []
    for medium, vector in zip(media, vectors, strict=True):
        mine = np.flatnonzero(owners == medium)
        cosines = np.clip(found.unit[mine] @ vector, -1, 1)
        best = int(cosines.argmax())
        picks.append(int(found.numbers[mine[best]]))
        scores.append(float(cosines[best]))
    return hits_of(rows, picks, scores)
