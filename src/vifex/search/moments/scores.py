"""The score of every row for some queries, in float64, as a search gives them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.engines.cores import available_cores
from vifex.search.exact import checked_queries
from vifex.search.registry import distance
from vifex.search.scan.blocks import Block, mapped_blocks, read_blocks

if TYPE_CHECKING:
    from vifex.store import View

__all__ = ["all_scores", "gains_of"]

Floats = npt.NDArray[np.float64]

_NUMBERS_AT_ONCE = 1 << 19
"""Of a block that are widened to float64 at the same time: 4 MiB."""


def all_scores(
    view: View,
    queries: Sequence[npt.NDArray[Any]],
    *,
    column: str,
    metric: str,
    places: npt.NDArray[np.int64] | None = None,
    where: str | None = None,
) -> Floats:
    """Score every row for each query in one pass.

    Args:
        view: The view.
        queries: Vectors `[D]`, at least one.
        column: Feature column.
        metric: Name of a distance.
        places: The rows that pass `where`; `None` for all.
        where: The filter that gave `places`, for columns that cannot be mapped.

    Returns:
        `[Q, N]`, NaN for a row without a score. Memory: 8 bytes per row and query.

    Raises:
        InputError: If a query does not fit the column or the metric.
    """
    how = distance(metric)
    ready = checked_queries(view, column, np.stack(queries), 1, how)
    mapped = view.mapped(column)
    blocks = read_blocks(view, column, where) if mapped is None else mapped_blocks(mapped, places)
    count = view.count_rows() if places is None else len(places)
    scores = np.empty((len(ready), count))

    def fill(at: int, block: Block) -> None:
        step = max(1, _NUMBERS_AT_ONCE // block.rows.shape[1])
        with np.errstate(all="ignore"):
            for start in range(0, len(block.rows), step):
                rows = block.rows[start : start + step].astype(np.float64)
                for number, query in enumerate(ready):
                    scores[number, at + start : at + start + len(rows)] = how.score(rows, query)

    with ThreadPoolExecutor(available_cores()) as pool:
        at, waiting = 0, []
        for block in blocks:
            waiting.append(pool.submit(fill, at, block))
            at += len(block.rows)
        for one in waiting:
            one.result()
    return scores


def gains_of(scores: Floats, metric: str) -> Floats:
    """Return scores as gains: higher is nearer, and -inf is a row without a score."""
    sign = 1.0 if distance(metric).higher_is_better else -1.0
    return np.where(np.isfinite(scores), sign * scores, -np.inf)
