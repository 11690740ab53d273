"""Collecting the rows of one medium for one view until all have come back from the engine.

Batches return in any order; rows leave in the order of their ordinals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.extraction.decoders.protocol import RowFacts
from vifex.values import Medium, Recipe

__all__ = ["Collector", "Rows", "build_rows"]

Vectors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one medium, ordered by ordinal."""

    medium: Medium
    facts: Sequence[RowFacts]
    vectors: Vectors


class Collector:
    """Rows of one medium on their way into one view."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium
        self.received = 0
        """Samples that came back from the engine."""
        self.rows = 0
        """Rows that they became."""
        self.size_bytes = 0
        self.held = 0
        self._runs: list[tuple[Sequence[RowFacts], Vectors]] = []

    def add(self, rows: Sequence[RowFacts], vectors: Vectors, *, samples: int) -> None:
        """Take some rows and their vectors `[len(rows), *shape]`, one array for each column.

        Args:
            rows: One for each row.
            vectors: Column name to the rows' vectors.
            samples: How many decoded samples they are of.
        """
        self._runs.append((rows, vectors))
        self.received += samples
        self.rows += len(rows)
        self.held += len(rows)
        self.size_bytes += sum(v.nbytes for v in vectors.values()) + 200 * len(rows)

    def drop(self, samples: int) -> None:
        """Count samples that cannot be stored; their medium will fail."""
        self.received += samples

    def take(self) -> Rows | None:
        """Return all rows that are here, ordered by ordinal, and forget them."""
        if not self._runs:
            return None
        facts = [row for rows, _ in self._runs for row in rows]
        vectors = {
            name: np.concatenate([vectors[name] for _, vectors in self._runs])
            if len(self._runs) > 1
            else self._runs[0][1][name]
            for name in self._runs[0][1]
        }
        self._runs, self.size_bytes, self.held = [], 0, 0
        if len(facts) == 1:  # an image: most media are
            return Rows(self.medium, facts, vectors)
        order = np.argsort([row.ordinal for row in facts], kind="stable")
        if not np.array_equal(order, np.arange(len(facts))):
            facts = [facts[i] for i in order]
            vectors = {name: v[order] for name, v in vectors.items()}
        return Rows(self.medium, facts, vectors)


def build_rows(parts: Sequence[Rows], schema: pa.Schema, recipe: Recipe) -> pa.RecordBatch:
    """Lay rows of one medium or several out in the store's columns.

    Args:
        parts: The media's rows, one after the other.
        schema: The view's, from the store.
        recipe: Says the columns' sizes.
    """
    of = [(part.medium, len(part.facts)) for part in parts]
    facts = [row for part in parts for row in part.facts]
    ids = [m for medium, count in of for m in [medium.medium_id] * count]
    plain: dict[str, list[object]] = {
        "key": [f"{medium_id}:{row.ordinal}" for medium_id, row in zip(ids, facts, strict=True)],
        "medium_id": ids,  # type: ignore[dict-item]
        **{
            name: [v for medium, count in of for v in [getattr(medium, name)] * count]
            for name in ("uri", "name", "label", "split")
        },
        **{name: [getattr(row, name) for row in facts] for name in _FACTS},
        **{side: [getattr(row.box, side) if row.box else None for row in facts] for side in _SIDES},
    }
    columns = {name: pa.array(values, type=schema.field(name).type) for name, values in plain.items()}
    for spec in recipe.layers:
        column = spec.column
        together = [part.vectors[column] for part in parts]
        flat = np.concatenate(together) if len(together) > 1 else np.ascontiguousarray(together[0])
        columns[column] = pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), spec.size)
    cast = [c if c.type == f.type else c.cast(f.type) for f in schema for c in (columns[f.name],)]
    return pa.RecordBatch.from_arrays(cast, schema=schema)


_FACTS = ("time_base", "ordinal", "frame_index", "pts", "t_s", "t_start_s", "t_end_s")
_SIDES = ("x0", "y0", "x1", "y1")
