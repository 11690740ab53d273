"""What is known of an approximate index: how it is asked, and what recall was measured for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vifex.store import View, ViewIndex

__all__ = ["IndexFacts", "IndexSetting", "StoredIndex", "stored_index"]


@dataclass(frozen=True, slots=True)
class IndexSetting:
    """How the index is asked to reach a recall for up to `k` hits, and what was measured.

    Recall is the share of the `k` nearest rows of exact search that the approximate search finds too.
    """

    recall: float
    """What was aimed at, in (0, 1)."""
    k: int
    """Hits for which it was measured."""
    probes: int
    """Partitions of the index that are looked at."""
    candidates: int
    """Rows that the index gives; their scores are computed exactly."""
    measured: float
    """Mean recall of the queries of a sample that the choice of `probes` and `candidates` did not see."""
    low: float
    """Lower end of the one-sided 95 % confidence interval of that mean."""
    queries: int
    """Rows of the store that were the queries of that sample, each without itself among its hits."""
    query_ms: float
    """Median time of such a query, in milliseconds."""


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """An approximate index of a feature column, as the ledger of the store keeps it."""

    column: str
    metric: str
    kind: str
    """As Lance names it, e.g. `IVF_SQ`."""
    partitions: int
    recall: float
    """What was asked for when the index was made; a search that names no recall uses it."""
    rows: int
    """Rows of the view when the recall was measured."""
    rows_held: int
    """How many of these the index holds; the others are compared exactly."""
    exact_ms: float
    """Median time of an exact search for one query then, in milliseconds."""
    settings: tuple[IndexSetting, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**asdict(self), "settings": [asdict(one) for one in self.settings]}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> IndexFacts:
        """Read what `to_dict` gave."""
        return cls(**{**said, "settings": tuple(IndexSetting(**one) for one in said["settings"])})

    def setting_for(self, k: int, recall: float) -> IndexSetting | None:
        """Return the cheapest setting that was measured for at least `k` hits and at least that recall."""
        fitting = [one for one in self.settings if one.k >= k and one.low >= recall]
        return min(fitting, key=lambda one: (one.k, one.probes, one.candidates), default=None)


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """An approximate index as it lies in a view now."""

    view: str
    facts: IndexFacts
    rows: int
    """Rows of the view now."""
    rows_not_held: int
    """Rows that the index does not hold; a search compares them exactly."""
    size_bytes: int

    @property
    def changed_rows(self) -> int:
        """By how many rows the view has grown or shrunk since the recall was measured."""
        return abs(self.rows - self.facts.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        now = {"rows": self.rows, "rows_not_held": self.rows_not_held, "size_bytes": self.size_bytes}
        measured = self.facts.to_dict()
        measured["measured_rows"] = measured.pop("rows")
        measured["measured_rows_held"] = measured.pop("rows_held")
        return {"view": self.view, **measured, **now}


def stored_index(view: View, index: ViewIndex) -> StoredIndex:
    """Return what is known of an index of a view."""
    return StoredIndex(
        view=view.name,
        facts=IndexFacts.from_dict(index.facts),
        rows=view.count_rows(),
        rows_not_held=len(index.places_not_held),
        size_bytes=index.size_bytes,
    )
