"""Approximate nearest rows: candidates of the index, and all rows that it does not hold, scored exactly.

So a score is that of exact search to the bit, a deleted row never comes back, and a row that came after the
index was made is never missed. Only a row that the index holds can be left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np

from vifex.search.approximate.candidates import best_of, scores_of
from vifex.search.approximate.facts import IndexFacts, IndexSetting
from vifex.search.columns import one_column
from vifex.search.exact import Keys, checked_queries, nearest_many, nearest_of_places
from vifex.search.registry import distance
from vifex.values import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from vifex.search.distances import FloatArray
    from vifex.search.scan.best import Match
    from vifex.store import View, ViewIndex

__all__ = ["approximate_many", "checked_recall", "search_by_index"]

LEAST_RECALL: Final = 0.5


def checked_recall(recall: float) -> float:
    """Return a recall that can be asked for.

    Raises:
        InputError: If it is not a number from 0.5 to below 1.
    """
    if not isinstance(recall, int | float) or not LEAST_RECALL <= recall < 1:
        raise InputError(
            f"a recall is a number from {LEAST_RECALL} to below 1, got {recall!r}.",
            todo="Exact search finds all; leave the recall out for that.",
        )
    return float(recall)


def approximate_many(
    view: View,
    queries: npt.ArrayLike,
    *,
    column: str | None = None,
    k: int = 10,
    metric: str = "cosine",
    where: str | None = None,
    recall: float | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> list[list[Match]]:
    """Find the rows nearest to each of several vectors `[Q, D]` by the index of the column.

    The search is exact where the index cannot answer: no index, another metric, a filter, more hits or a
    higher recall than were measured. `on_notice` is told which of the two it was.

    Args:
        view: The view to search.
        queries: Vectors `[Q, D]`.
        column: Feature column; `None` means the only one.
        k: Largest number of rows to find.
        metric: Name in the registry of distances.
        where: SQL filter over the row columns.
        recall: What must have been measured; by default what the index was made for.
        on_notice: Called with one sentence.

    Raises:
        InputError: As `nearest_many`, and if the recall is out of range.
    """
    column = one_column(view, column)
    if recall is not None:
        recall = checked_recall(recall)
    index = view.indices().get(column)
    facts = None if index is None else IndexFacts.from_dict(index.facts)
    reason = _why_exact(view, column, facts, metric, where, k, recall)
    if reason is not None:
        if on_notice is not None:
            on_notice(f"{reason} The search was exact.")
        return nearest_many(view, queries, column=column, k=k, metric=metric, where=where)
    assert index is not None
    assert facts is not None
    setting = facts.setting_for(k, facts.recall if recall is None else recall)
    assert setting is not None
    found = search_by_index(view, index, setting, queries, k=k)
    if on_notice is not None:
        on_notice(_told(view, index, facts, setting))
    return found


def search_by_index(
    view: View, index: ViewIndex, setting: IndexSetting, queries: npt.ArrayLike, *, k: int
) -> list[list[Match]]:
    """Find the rows nearest to each of several vectors `[Q, D]` by an index as a setting says."""
    how = distance(index.metric)
    ready = checked_queries(view, index.column, queries, k, how)
    keys_of = Keys(view)
    others = index.places_not_held
    exact = nearest_of_places(view, index.column, ready, others, k=k, how=how) if len(others) else None
    found = []
    candidates = index.candidates(ready, count=setting.candidates, probes=setting.probes)
    for number, (query, places) in enumerate(zip(ready, candidates, strict=True)):
        scored = [(scores_of(view, index.column, places, query, how), places)]
        if exact is not None:
            scored.append(_as_scored(exact[number]))
        found.append(best_of(iter(scored), k, how, keys_of))
    return found


def _as_scored(matches: list[Match]) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    return np.array([m.score for m in matches]), np.array([m.place for m in matches], np.int64)


def _why_exact(
    view: View,
    column: str,
    facts: IndexFacts | None,
    metric: str,
    where: str | None,
    k: int,
    recall: float | None,
) -> str | None:
    """Return why the index cannot answer, if it cannot."""
    if facts is None:
        return f"The column {column!r} of the view {view.name!r} has no index; `vifex index` makes one."
    if metric != facts.metric:
        return f"The index of {column!r} is for {facts.metric}, not for {metric}."
    if where is not None:
        return "The recall of the index was measured without a filter."
    most = max((one.k for one in facts.settings), default=0)
    if k > most:
        return f"The recall of the index was measured for at most {most} hits."
    wanted = facts.recall if recall is None else recall
    if facts.setting_for(k, wanted) is None:
        return f"No setting of the index reaches a recall of {wanted:g}; make it with `recall={wanted:g}`."
    return None


def _told(view: View, index: ViewIndex, facts: IndexFacts, setting: IndexSetting) -> str:
    text = (
        f"Approximate search: the measured recall of {setting.k} hits is {setting.measured:.3f} "
        f"({setting.queries} rows of the view as queries, at least {setting.low:.3f} with 95 % confidence)."
    )
    others = len(index.places_not_held)
    if others:
        text += f" {others} newer rows are not in the index and were compared exactly."
    changed = abs(view.count_rows() - facts.rows)
    if changed:
        text += f" The recall was measured when the view had {facts.rows} rows; `vifex index` measures again."
    return text
