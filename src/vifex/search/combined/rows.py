"""The rows nearest to a combined query."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.search.combined.evaluate import Evaluator, is_scored_by_height
from vifex.search.combined.values import Then
from vifex.search.registry import distance
from vifex.search.scan.best import Match
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["nearest_to_combined"]


def nearest_to_combined(
    view: View,
    query: Any,
    vector_of: Callable[[Any], npt.NDArray[np.floating[Any]]],
    *,
    k: int,
    column: str,
    metric: str,
    where: str | None = None,
    least_of: Callable[[Any], float] | None = None,
) -> list[Match]:
    """Find the rows nearest to a combined query; see `vifex.search.exact.nearest`.

    Args:
        view: The view to search.
        query: As `vifex.search.combined.evaluate.meaning` gave it.
        vector_of: Returns the vector of a single query.
        k: Largest number of rows to find.
        column: Feature column.
        metric: Name of a distance.
        where: SQL filter over the row columns.
        least_of: Returns the worst score with which a row matches a single query; `None` for no limit.

    Raises:
        InputError: If the query is a sequence, or `k` or a part of the query cannot be used.
    """
    if isinstance(query, Then):
        raise InputError(
            "a sequence (A THEN B) is found as moments, not as rows.",
            todo="Search for moments: `store.moments(...)`.",
        )
    if k < 1:
        raise InputError(f"the number of hits must be at least 1, got {k}.")
    places = None if where is None else view.places(where)
    evaluator = Evaluator(
        view,
        query,
        vector_of,
        column=column,
        metric=metric,
        places=places,
        where=where,
        least_of=least_of,
    )
    gains = evaluator.gains(query)
    known = np.flatnonzero(np.isfinite(gains))
    if len(known) > k:
        least = np.partition(gains[known], len(known) - k)[-k]
        known = known[gains[known] >= least]
    chosen = known if places is None else places[known]
    keys = view.take(chosen.tolist(), ["key"]).column("key").to_pylist() if len(chosen) else []
    by_height = is_scored_by_height(query)
    sign = 1.0 if by_height or distance(metric).higher_is_better else -1.0
    found = sorted(
        (-gain, *_split(key), place)
        for gain, key, place in zip(gains[known].tolist(), keys, chosen.tolist(), strict=True)
    )
    return [Match(f"{medium}:{n}", sign * -loss + 0.0, place) for loss, medium, n, place in found[:k]]


def _split(key: str) -> tuple[str, int]:
    medium, _, ordinal = key.rpartition(":")
    return medium, int(ordinal)
