"""Outliers of a view: the rows that are farthest from the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from vifex.analysis.directions import Directions, hits_of, read_directions
from vifex.analysis.outliers.scores import REFERENCE_ROWS, OutlierScores, outlier_scores
from vifex.analysis.rows import FeatureRows
from vifex.search.hits import Hit
from vifex.values import InputError

__all__ = ["Outlier", "OutlierMethod", "Outliers", "find_outliers"]

OutlierMethod: TypeAlias = Literal["lof", "distance"]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A row that is far from the others."""

    row: Hit
    """The row; its `score` is the one that the rows are ordered by."""
    lof: float
    """Local outlier factor: about 1 for an ordinary row."""
    distance: float
    """Mean cosine distance to the K nearest other rows, 0 to 2."""
    nearest: Hit
    """The nearest other row; its `score` is the cosine of both."""


@dataclass(frozen=True, slots=True, eq=False)
class Outliers:
    """Rows in the order of how far they are from the others."""

    store: str
    view: str
    column: str
    method: OutlierMethod
    neighbours: int
    """K: how many of the nearest rows count."""
    rows: int
    """Rows that were scored."""
    reference: int
    """Rows among which neighbours were looked for."""
    outliers: tuple[Outlier, ...]
    """The farthest rows, the farthest first."""
    scores: pa.Table = field(repr=False)
    """A line for each row that was read, in the stored order: `key`, `name`, `t_s`, `label`, `lof`,
    `distance`, `nearest_key`, `nearest_name` and `nearest_similarity`; null for rows that cannot be
    compared."""
    notes: tuple[str, ...] = ()
    """Sentences on what must be known of the result."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the table of all rows is left out."""
        return {
            "store": self.store,
            "view": self.view,
            "column": self.column,
            "method": self.method,
            "neighbours": self.neighbours,
            "rows": self.rows,
            "reference": self.reference,
            "outliers": [
                {
                    "row": one.row.to_dict(),
                    "lof": one.lof,
                    "distance": one.distance,
                    "nearest": one.nearest.to_dict(),
                }
                for one in self.outliers
            ],
            "notes": list(self.notes),
        }


def find_outliers(
    rows: FeatureRows,
    *,
    store: str,
    count: int = 50,
    method: OutlierMethod = "lof",
    neighbours: int = 20,
    seed: int = 0,
    reference_rows: int = REFERENCE_ROWS,
) -> Outliers:
    """Find the rows that are farthest from the others.

    Args:
        rows: Rows of one feature column.
        store: Name of the store, for the result.
        count: Number of rows to return.
        method: What the rows are ordered by: `lof` or `distance`.
        neighbours: Number of nearest rows that count.
        seed: Seed of the draw of a sample, for many rows.
        reference_rows: Rows among which neighbours are looked for at most.

    Raises:
        InputError: If the rows cannot be compared or a choice is out of range.
    """
    if method not in ("lof", "distance"):
        raise InputError(f"is lof or distance, got {method!r}.", option="method")
    if count < 1:
        raise InputError(f"needs a number of at least 1, got {count}.", option="count")
    found = read_directions(rows)
    most = min(len(found.unit), reference_rows) - 1
    if not 1 <= neighbours <= most:
        raise InputError(
            f"needs a number from 1 to {most}, as there are {len(found.unit)} rows, got {neighbours}.",
            option="neighbours",
        )
    scores = outlier_scores(found.unit, neighbours, seed=seed, reference_rows=reference_rows)
    notes = found.notes()
    if scores.reference < len(found.unit):
        notes.append(f"Neighbours were looked for among {scores.reference} of {len(found.unit)} rows.")
    if _mostly_own(rows, found, scores):
        notes.append(
            "For most rows the nearest one is of the same medium, as frames of a video are: ask for "
            "unusual moments along time instead."
        )
    return Outliers(
        store=store,
        view=rows.view.name,
        column=rows.column,
        method=method,
        neighbours=neighbours,
        rows=len(found.unit),
        reference=scores.reference,
        outliers=_farthest(rows, found, scores, method, count),
        scores=_table(rows, found, scores),
        notes=tuple(notes),
    )


def _mostly_own(rows: FeatureRows, found: Directions, scores: OutlierScores) -> bool:
    """Return whether most rows are nearest to a row of their own medium, as frames of a video are."""
    owners = rows.medium[found.numbers]
    return bool((owners == owners[scores.nearest]).mean() > 0.5)


def _farthest(
    rows: FeatureRows, found: Directions, scores: OutlierScores, method: OutlierMethod, count: int
) -> tuple[Outlier, ...]:
    by = scores.lof if method == "lof" else scores.distance
    order = np.argsort(-by, kind="stable")[:count]
    own = hits_of(rows, found.numbers[order].tolist(), by[order].tolist())
    near = scores.nearest[order]
    nearest = hits_of(rows, found.numbers[near].tolist(), (1 - scores.nearest_distance[order]).tolist())
    return tuple(
        Outlier(row, float(scores.lof[at]), float(scores.distance[at]), neighbour)
        for at, row, neighbour in zip(order.tolist(), own, nearest, strict=True)
    )


def _table(rows: FeatureRows, found: Directions, scores: OutlierScores) -> pa.Table:
    media = [rows.media[m] for m in rows.medium.tolist()]
    keys = pa.array(rows.keys(), pa.string())
    names = pa.array([medium.name for medium in media], pa.string())
    place = np.full(len(rows), -1, np.int64)
    place[found.numbers] = np.arange(len(found.numbers))
    scored = pa.array(place, pa.int64(), mask=place < 0)
    near = pa.array(found.numbers[scores.nearest], pa.int64()).take(scored)
    return pa.table(
        {
            "key": keys,
            "name": names,
            "t_s": pa.array(rows.t_s, pa.float64(), mask=np.isnan(rows.t_s)),
            "label": pa.array([medium.label for medium in media], pa.string()),
            "lof": pa.array(scores.lof).take(scored),
            "distance": pa.array(scores.distance).take(scored),
            "nearest_key": keys.take(near),
            "nearest_name": names.take(near),
            "nearest_similarity": pa.array(1 - scores.nearest_distance).take(scored),
        }
    )
