"""Rows of a view as queries whose true neighbours are known: what the recall of an index is measured with."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vifex.search.approximate.candidates import scores_of, vectors_at
from vifex.search.exact import nearest_many, nearest_of_places
from vifex.search.registry import distance
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.search.distances import Distance, FloatArray
    from vifex.store import View

__all__ = ["Sample", "draw_samples"]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows as queries, each held out from its own hits, with the scores of their nearest rows."""

    view: View
    column: str
    how: Distance
    places: npt.NDArray[np.int64]
    """`[Q]`: the rows that are the queries."""
    vectors: FloatArray
    """`[Q, D]`."""
    nearest: FloatArray
    """`[Q, K]`: scores of the K nearest other rows by exact search, the nearest first."""

    def __len__(self) -> int:
        return len(self.places)

    def part(self, some: slice) -> Sample:
        """Return some of the queries."""
        return Sample(
            self.view, self.column, self.how, self.places[some], self.vectors[some], self.nearest[some]
        )

    def hits(self, number: int, found: npt.NDArray[np.int64]) -> FloatArray:
        """Score the rows that were found for a query, the query itself left out: `[N]`, in their order."""
        others = found[found != self.places[number]]
        return scores_of(self.view, self.column, others, self.vectors[number], self.how)

    def nearest_among(self, places: npt.NDArray[np.int64]) -> list[FloatArray]:
        """Return the scores of the nearest of some rows for each query, the query itself left out."""
        k = self.nearest.shape[1] + 1
        found = nearest_of_places(self.view, self.column, self.vectors, places, k=k, how=self.how)
        return [
            np.array([m.score for m in matches if m.place != place])
            for place, matches in zip(self.places.tolist(), found, strict=True)
        ]

    def recall(self, number: int, scores: FloatArray, k: int) -> float:
        """Return the share of the `k` nearest rows of a query that are among rows with these scores.

        A row that is as near as the last of the `k` counts like it: among equal rows any may be found.
        """
        sign = 1.0 if self.how.higher_is_better else -1.0
        best = np.sort(sign * scores[np.isfinite(scores)])[::-1][:k]
        last = sign * self.nearest[number, k - 1]
        return float(np.count_nonzero(best >= last) / k)


def draw_samples(
    view: View, column: str, metric: str, *, sizes: tuple[int, ...], k: int, seed: int
) -> list[Sample]:
    """Draw disjoint samples of rows, and find their `k` nearest other rows by exact search.

    Args:
        view: The view.
        column: Name of a feature column.
        metric: Name of a distance.
        sizes: Number of queries of each sample; fewer where the view has fewer rows.
        k: Number of nearest rows, below the number of rows.
        seed: Of the choice.

    Raises:
        InputError: If the view has too few rows that can be queries.
    """
    how, total = distance(metric), view.count_rows()
    rng = np.random.default_rng(seed)
    wanted = min(sum(sizes), total)
    places = np.sort(rng.choice(total, wanted, replace=False))
    vectors = vectors_at(view, column, places).astype(np.float64)
    usable = np.isfinite(vectors).all(axis=1)
    if how.needs_direction:
        usable &= vectors.any(axis=1)
    places, vectors = places[usable], vectors[usable]
    matches = nearest_many(view, vectors, column=column, k=k + 1, metric=metric) if len(places) else []
    nearest = [
        [m.score for m in found if m.place != place][:k]
        for place, found in zip(places.tolist(), matches, strict=True)
    ]
    full = np.array([len(scores) == k for scores in nearest], bool)
    if np.count_nonzero(full) < len(sizes) * 2:
        raise InputError(
            f"too few rows of column {column!r} have {k} neighbours with a score.",
            of=view.name,
            todo="Exact search needs no index.",
        )
    order = rng.permutation(np.flatnonzero(full))
    known = np.array([nearest[i] for i in order.tolist()])
    whole = Sample(view, column, how, places[order], vectors[order], known)
    return _cut(whole, sizes)


def _cut(whole: Sample, sizes: tuple[int, ...]) -> list[Sample]:
    """Divide a sample in the proportion of `sizes`."""
    edges = np.rint(np.cumsum((0, *sizes)) * len(whole) / sum(sizes)).astype(int).tolist()
    edges = [min(edge, len(whole)) for edge in edges]
    return [whole.part(slice(low, high)) for low, high in pairwise(edges)]
