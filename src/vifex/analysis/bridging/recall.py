"""How often a mapped query finds its own row among the old rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.analysis.neighbours import nearest_neighbours
from vifex.analysis.rows import FloatMatrix
from vifex.evaluation.statistics.bootstrap import Interval, Resamples, percentile_interval

__all__ = ["BridgeRecall", "measure_recall"]

Ints = npt.NDArray[np.int64]

OVERLAP_AT = 10
"""Hits of a query that are compared with those of the old model's own query."""


@dataclass(frozen=True, slots=True)
class BridgeRecall:
    """Figures over queries, each with an interval of 95 % over resampled media."""

    at: dict[int, Interval]
    """K to the share of queries whose own row is among the K nearest old rows."""
    overlap: Interval
    """Share of the 10 nearest rows that the old model's own query finds too, its own row left out."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"at": {str(k): asdict(one) for k, one in self.at.items()}, "overlap": asdict(self.overlap)}


def measure_recall(
    queries: FloatMatrix,
    own: Ints,
    rows: FloatMatrix,
    groups: Ints,
    *,
    at: Sequence[int] = (1, 5, 10),
    resamples: int = 1000,
    seed: int = 0,
) -> BridgeRecall:
    """Search old rows by mapped queries.

    A row counts as found at K if fewer than K rows are nearer; with equal similarity it is behind the others.

    Args:
        queries: Mapped queries of length 1, `[Q, E]`.
        own: `[Q]`: the old row of each query.
        rows: Old rows of length 1, `[N, E]`.
        groups: `[Q]`: the medium of each query; media are resampled whole.
        at: Values of K.
        resamples: Of the intervals.
        seed: Of the resamples.
    """
    place = np.empty(len(queries), np.int64)
    step = max(1, (1 << 24) // len(rows))
    for first in range(0, len(queries), step):
        similar = queries[first : first + step] @ rows.T
        mine = own[first : first + step]
        reached = similar[np.arange(len(mine)), mine]
        place[first : first + step] = (similar >= reached[:, None]).sum(axis=1) - 1
    found = {k: (place < k).astype(np.float64) for k in at}
    shared = _overlap(queries, own, rows)
    drawn = np.stack(
        list(Resamples(len(queries), groups.astype(str).tolist(), count=resamples, seed=seed).weights())
    )

    def interval(values: npt.NDArray[np.float64]) -> Interval:
        return percentile_interval(float(values.mean()), drawn @ values / drawn.sum(axis=1), 0.95)

    return BridgeRecall({k: interval(values) for k, values in found.items()}, interval(shared))


def _overlap(queries: FloatMatrix, own: Ints, rows: FloatMatrix) -> npt.NDArray[np.float64]:
    """Return for each query the share of its nearest rows that are nearest to its own row too."""
    k = min(OVERLAP_AT, len(rows) - 1)
    found = nearest_neighbours(rows, k + 1, of=queries).rows
    wanted = nearest_neighbours(rows, k + 1, of=rows[own]).rows
    shares = np.empty(len(queries))
    for number, (mine, theirs, self) in enumerate(zip(found, wanted, own, strict=True)):
        first, second = mine[mine != self][:k], theirs[theirs != self][:k]
        shares[number] = len(np.intersect1d(first, second)) / k
    return shares
