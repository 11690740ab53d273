"""Search: from a query in any form to hits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vifex.search.columns import one_column
from vifex.search.exact import nearest
from vifex.search.hits import Hit, fetch_hits
from vifex.search.query import Query, parse_query
from vifex.search.vectors import query_vector
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.search.exact import Searcher
    from vifex.search.vectors import Embed
    from vifex.store import View

__all__ = ["search"]


def search(
    view: View,
    query: str | os.PathLike[str] | Query | npt.NDArray[np.floating],
    *,
    k: int = 10,
    column: str | None = None,
    metric: str = "cosine",
    where: str | None = None,
    embed: Embed | None = None,
    searcher: Searcher | None = None,
) -> list[Hit]:
    """Find the rows of a view nearest to a query, by an exact scan.

    A row as the query finds itself first; `where` can leave it out.

    Args:
        view: Where to look.
        query: Words as on the command line (see `vifex.search.query`), a path, or a vector `[D]`.
        k: How many hits at most.
        column: Feature column; `None` means the only one.
        metric: Name of a distance: `cosine`, `dot`, `l2`.
        where: SQL filter over the row columns, e.g. `label = 'cat' AND t_s < 60`.
        embed: Makes the vector of an image or frame; without it such queries are refused.
        searcher: A column already in memory, for repeated queries; it must be of this view and column.

    Returns:
        The nearest first; fewer than `k` where fewer rows pass `where` and have a score.

    Raises:
        InputError: If the query, the column, the metric or the filter cannot be used.
    """
    column = one_column(view, column)
    if isinstance(query, str | os.PathLike):
        query = parse_query(query)
    elif not isinstance(query, np.ndarray | Query):
        raise InputError(
            f"{type(query).__name__} is no query.",
            todo="Give a path, words, or a vector [D] as an array; of an image in memory one that "
            "vifex.load_model().features(...) gives.",
        )
    vector = query if isinstance(query, np.ndarray) else query_vector(view, query, column=column, embed=embed)
    if searcher is None:
        return fetch_hits(view, nearest(view, vector, column=column, k=k, metric=metric, where=where))
    if searcher.column != column or searcher.view is not view:
        raise InputError(
            f"the searcher holds column {searcher.column!r} of view {searcher.view.name!r}, "
            f"the search is for {column!r} of {view.name!r}.",
            todo="Make a Searcher for that one.",
        )
    return fetch_hits(view, searcher.nearest(vector, k=k, metric=metric, where=where))
