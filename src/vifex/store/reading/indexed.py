"""An approximate index of a vector column as a reader uses it: candidates, and the rows that it lacks.

Its answers are places of rows in the stored order of the view. Scores are computed from the rows themselves,
so an index that is damaged or old can miss rows and cannot give a wrong score.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.store.reading.mapped import Places

if TYPE_CHECKING:
    from vifex.store.files.lance_adapter import Table, VectorIndex

__all__ = ["ViewIndex", "index_name", "index_of"]

_PREFIX: Final = "vifex:"


def index_name(column: str) -> str:
    """Return the name that the index of a feature column has in the table of rows."""
    return _PREFIX + column


class ViewIndex:
    """The approximate index of a feature column.

    Args:
        rows: The version of the rows that has it.
        index: As the table describes it.
        column: The feature column.
        metric: `cosine`, `dot` or `l2`.
        facts: What the ledger says of it.
    """

    def __init__(
        self, rows: Table, index: VectorIndex, column: str, metric: str, facts: Mapping[str, Any]
    ) -> None:
        self.column = column
        self.kind = index.kind
        self.metric = metric
        self.facts = facts
        self.size_bytes = index.size_bytes
        self._rows = rows
        self._held = index.fragments

    @cached_property
    def places_not_held(self) -> npt.NDArray[np.int64]:
        """Places of the rows that came after the index was made, rising."""
        return self._places.of_fragments(f.id for f in self._rows.fragments() if f.id not in self._held)

    @cached_property
    def rows_held(self) -> int:
        """Number of live rows that the index holds."""
        return sum(f.rows for f in self._rows.fragments() if f.id in self._held)

    def candidates(
        self, queries: npt.NDArray[np.floating[Any]], *, count: int, probes: int
    ) -> list[npt.NDArray[np.int64]]:
        """Return the places of the rows that the index takes for the nearest to each of several queries.

        Args:
            queries: `[Q, D]`.
            count: Number of rows at most for each.
            probes: Number of partitions that are looked at.

        Returns:
            For each query the places, the nearest first.

        Raises:
            BrokenTableError: If the index does not read.
        """
        found = self._searched.index_candidates(
            self.column, queries, metric=self.metric, count=count, probes=probes
        )
        return [self._placed(addresses) for addresses in found]

    def _placed(self, found: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        # A damaged index may name any row.
        fragments = (found >> np.uint64(32)).astype(np.int64)
        found = found[np.isin(fragments, np.array(sorted(self._held), np.int64))]
        places = np.empty(len(found), np.int64)
        order = np.argsort(found)
        places[order] = self._places.of(found[order])
        return places

    @cached_property
    def _places(self) -> Places:
        return Places(self._rows)

    @cached_property
    def _searched(self) -> Table:
        return self._rows.for_index_search()


def index_of(rows: Table, column: str, metric: str, facts: Mapping[str, Any]) -> ViewIndex | None:
    """Return the index that a version of the rows has of a column."""
    name = index_name(column)
    found = next((one for one in rows.vector_indices() if one.name == name), None)
    return None if found is None else ViewIndex(rows, found, column, metric, facts)
