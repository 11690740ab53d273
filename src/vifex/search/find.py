"""Search: from queries in any form to hits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.search.approximate.nearest import approximate_many
from vifex.search.columns import layer_of, one_column
from vifex.search.combined.evaluate import is_scored_by_height, meaning
from vifex.search.combined.rows import nearest_to_combined
from vifex.search.combined.values import Combined
from vifex.search.exact import nearest_many, unlike_rows
from vifex.search.hits import Hit, fetch_many_hits
from vifex.search.query import as_query
from vifex.search.registry import distance
from vifex.search.vectors import query_vector
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.search.exact import Match, Searcher
    from vifex.search.vectors import Embed
    from vifex.store import View

__all__ = ["Searchable", "search", "search_many", "vector_of"]

Searchable = Any
"""A query of any type that `vifex.search.query.as_query` takes."""


def search(
    view: View,
    query: Searchable,
    *,
    k: int = 10,
    column: str | None = None,
    metric: str = "cosine",
    where: str | None = None,
    embed: Embed | None = None,
    searcher: Searcher | None = None,
) -> list[Hit]:
    """Find the rows of a view nearest to a query, by an exact scan.

    A query that is a row of the view finds that row first; `where` can exclude it.

    Args:
        view: The view to search.
        query: Words as on the command line, a path, an image in memory, or a vector `[D]`; see
            `vifex.search.query.as_query`.
        k: Largest number of hits.
        column: Feature column; `None` means the only one.
        metric: Name of a distance: `cosine`, `dot`, `l2`.
        where: SQL filter over the row columns, e.g. `label = 'cat' AND t_s < 60`.
        embed: Computes the vector of an image, a frame or words; without it such queries raise.
        searcher: The same view and column, opened once for many calls.

    Returns:
        The nearest hit first; fewer than `k` where fewer rows pass `where` and have a score.

    Raises:
        InputError: If the query, the column, the metric or the filter cannot be used.
    """
    return search_many(
        view, [query], k=k, column=column, metric=metric, where=where, embed=embed, searcher=searcher
    )[0]


def search_many(
    view: View,
    queries: Sequence[Searchable] | npt.NDArray[np.floating],
    *,
    k: int = 10,
    column: str | None = None,
    metric: str = "cosine",
    where: str | None = None,
    embed: Embed | None = None,
    searcher: Searcher | None = None,
    approximate: bool = False,
    recall: float | None = None,
    on_notice: Callable[[str], None] | None = None,
    min_score: float | None = None,
    least_of: Callable[[Any], float] | None = None,
) -> list[list[Hit]]:
    """Find the rows nearest to each of several queries in one pass over the rows; see `search`.

    Args:
        view: The view to search.
        queries: Queries of any kind, mixed, or vectors `[Q, D]`.
        k: Largest number of hits per query.
        column: Feature column; `None` means the only one.
        metric: Name of a distance.
        where: SQL filter over the row columns, the same for all queries.
        embed: Computes the vector of an image, a frame or words; called once per such query.
        searcher: The same view and column, opened once for many calls.
        approximate: Whether the index of the column is used, where it can be.
        recall: The recall that must have been measured of it; it implies `approximate`.
        on_notice: Called with the measured recall, or the reason why the search was exact.
        min_score: The worst score of a hit: the largest distance with `l2`, the lowest height for queries
            that combine several by `any` or `all`.
        least_of: Returns the worst score with which a row matches one single query; `None` for no limit.

    Returns:
        The hits of each query, in the order of the queries.

    Raises:
        InputError: If a query, the column, the metric or the filter cannot be used.
    """
    column = one_column(view, column)
    if searcher is not None and (searcher.column != column or searcher.view is not view):
        raise InputError(
            f"the searcher holds column {searcher.column!r} of view {searcher.view.name!r}, "
            f"the search is for {column!r} of {view.name!r}.",
            todo="Make a Searcher for that one.",
        )
    meant = [meaning(query) for query in queries]
    single = [i for i, query in enumerate(meant) if not isinstance(query, Combined)]
    least = {i: least_of(meant[i]) for i in single} if least_of is not None else {}
    matches: list[list[Match]] = [[] for _ in meant]
    size = layer_of(view, column).size
    vectors = [_fitting(vector_of(view, meant[i], column, embed), column, size) for i in single]
    if vectors:
        matrix = np.stack([vector.astype(np.float64) for vector in vectors])
        if approximate or recall is not None:
            found = approximate_many(
                view,
                matrix,
                column=column,
                k=k,
                metric=metric,
                where=where,
                recall=recall,
                on_notice=on_notice,
            )
        elif searcher is None:
            found = nearest_many(view, matrix, column=column, k=k, metric=metric, where=where)
        else:
            found = searcher.nearest_many(matrix, k=k, metric=metric, where=where)
        for i, rows in zip(single, found, strict=True):
            matches[i] = rows
    combined = set(range(len(meant))) - set(single)
    if combined and (approximate or recall is not None) and on_notice is not None:
        on_notice("the query combines several, so the search was exact: an index takes single ones.")
    for i in combined:
        matches[i] = nearest_to_combined(
            view,
            meant[i],
            lambda leaf: vector_of(view, leaf, column, embed),
            k=k,
            column=column,
            metric=metric,
            where=where,
            least_of=least_of,
        )
    for i, worst in least.items():
        matches[i] = _reaching(matches[i], worst, metric)
    if min_score is not None:
        for i, query in enumerate(meant):
            by = None if is_scored_by_height(query) else metric
            matches[i] = _reaching(matches[i], min_score, by)
    return fetch_many_hits(view, matches)


def _reaching(matches: list[Match], least: float, metric: str | None) -> list[Match]:
    """Return the matches that are as good as a score; without a metric a higher one is better."""
    higher = metric is None or distance(metric).higher_is_better
    return [match for match in matches if (match.score >= least if higher else match.score <= least)]


def vector_of(
    view: View, query: Searchable, column: str, embed: Embed | None
) -> npt.NDArray[np.floating[Any]]:
    """Turn one single query of any kind into a vector `[D]`."""
    meant = as_query(query)
    return meant if isinstance(meant, np.ndarray) else query_vector(view, meant, column=column, embed=embed)


def _fitting(vector: npt.NDArray[np.floating[Any]], column: str, size: int) -> npt.NDArray[np.floating[Any]]:
    """Check the size of a vector, so that vectors of several queries can be stacked."""
    if len(vector) != size:
        raise unlike_rows(len(vector), column, size)
    return vector
