"""Collecting the rows of one medium for one view until all have come back from the engine.

Batches return in any order; rows leave in the order of their ordinals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.extraction.messages import RowFacts
from vifex.values import Medium, Recipe

__all__ = ["Collector", "build_rows"]

Vectors = Mapping[str, npt.NDArray[Any]]


class Collector:
    """Rows of one medium on their way into one view."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium
        self.received = 0
        self.size_bytes = 0
        self._runs: list[tuple[Sequence[RowFacts], Vectors]] = []

    def add(self, rows: Sequence[RowFacts], vectors: Vectors) -> None:
        """Take some rows and their vectors `[len(rows), *shape]`, one array for each column."""
        self._runs.append((rows, vectors))
        self.received += len(rows)
        self.size_bytes += sum(v.nbytes for v in vectors.values()) + 200 * len(rows)

    def drop(self, rows: int) -> None:
        """Count rows that cannot be stored; their medium will fail."""
        self.received += rows

    def take(self, schema: pa.Schema, recipe: Recipe) -> pa.RecordBatch | None:
        """Give all rows that are here, ordered by ordinal, and forget them."""
        if not self._runs:
            return None
        facts = [row for rows, _ in self._runs for row in rows]
        vectors = {
            name: np.concatenate([vectors[name] for _, vectors in self._runs]) for name in self._runs[0][1]
        }
        self._runs, self.size_bytes = [], 0
        order = np.argsort([row.ordinal for row in facts], kind="stable")
        if not np.array_equal(order, np.arange(len(facts))):
            facts = [facts[i] for i in order]
            vectors = {name: v[order] for name, v in vectors.items()}
        return build_rows(self.medium, facts, vectors, schema, recipe)


def build_rows(
    medium: Medium, facts: Sequence[RowFacts], vectors: Vectors, schema: pa.Schema, recipe: Recipe
) -> pa.RecordBatch:
    """Lay rows out in the store's columns.

    Args:
        medium: Whose rows they are.
        facts: One for each row.
        vectors: Column name to `[len(facts), *shape]`.
        schema: The view's, from the store.
        recipe: Says the columns' sizes.
    """
    count = len(facts)
    medium_id = medium.medium_id
    plain: dict[str, list[object]] = {
        "key": [f"{medium_id}:{row.ordinal}" for row in facts],
        "medium_id": [medium_id] * count,
        "uri": [medium.uri] * count,
        "name": [medium.name] * count,
        "time_base": [row.time_base for row in facts],
        "label": [medium.label] * count,
        "split": [medium.split] * count,
        "ordinal": [row.ordinal for row in facts],
        "frame_index": [row.frame_index for row in facts],
        "pts": [row.pts for row in facts],
        "t_s": [row.t_s for row in facts],
        "t_start_s": [row.t_start_s for row in facts],
        "t_end_s": [row.t_end_s for row in facts],
        **{side: [getattr(row.box, side) if row.box else None for row in facts] for side in _SIDES},
    }
    columns = {name: pa.array(values, type=schema.field(name).type) for name, values in plain.items()}
    for spec in recipe.taps:
        flat = np.ascontiguousarray(vectors[spec.column]).reshape(-1)
        columns[spec.column] = pa.FixedSizeListArray.from_arrays(pa.array(flat), spec.size)
    return pa.RecordBatch.from_arrays([columns[f.name].cast(f.type) for f in schema], schema=schema)


_SIDES = ("x0", "y0", "x1", "y1")
