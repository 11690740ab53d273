"""Scores of outliers on the neighbour graph: distance to the nearest rows and local outlier factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.neighbours import nearest_neighbours
from vifex.analysis.rows import FloatMatrix

__all__ = ["REFERENCE_ROWS", "OutlierScores", "outlier_scores"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]

REFERENCE_ROWS: Final = 50_000
"""Rows among which neighbours are looked for at most."""
_BLOCK_ROWS: Final = 4_096
_LEAST: Final = 1e-10
"""Added to the mean reachability distance, so that equal rows have a finite density, as scikit-learn does."""


@dataclass(frozen=True, slots=True, eq=False)
class OutlierScores:
    """How far each row is from the others."""

    distance: Floats
    """`[N]`: mean cosine distance to the K nearest other rows, 0 to 2."""
    lof: Floats
    """`[N]`: local outlier factor: about 1 within a region of even density, larger for outliers."""
    nearest: Rows
    """`[N]`: the nearest other row."""
    nearest_distance: Floats
    """`[N]`: cosine distance to it."""
    reference: int
    """Rows among which the neighbours were looked for."""


def outlier_scores(
    unit: FloatMatrix, k: int, *, seed: int = 0, reference_rows: int = REFERENCE_ROWS
) -> OutlierScores:
    """Score each row by its K nearest other rows.

    Where there are more than `reference_rows` rows, the neighbours are looked for in a sample of that size.
    The factors of the rows of the sample are those of the sample alone; the others are compared with the
    sample as new rows are.

    Args:
        unit: Rows of length 1, `[N, D]`.
        k: Number of neighbours, 1 to N - 1.
        seed: Seed of the draw of the sample.
        reference_rows: Size of the sample; at least `k` + 1.

    Raises:
        InputError: If `k` is out of range.

    Source: Angiulli and Pizzuti, Fast Outlier Detection in High Dimensional Spaces, PKDD 2002 (distance);
        Breunig et al., LOF: Identifying Density-Based Local Outliers, SIGMOD 2000.
    """
    count = len(unit)
    if count <= reference_rows:
        return _score_all(unit, k)
    chosen = np.sort(np.random.default_rng(seed).choice(count, reference_rows, replace=False))
    others = np.setdiff1d(np.arange(count), chosen, assume_unique=True)
    base = unit[chosen]
    of_base = _score_all(base, k)
    distance, lof = np.empty(count), np.empty(count)
    nearest, nearest_distance = np.empty(count, np.int32), np.empty(count)
    distance[chosen], lof[chosen] = of_base.distance, of_base.lof
    nearest[chosen], nearest_distance[chosen] = chosen[of_base.nearest], of_base.nearest_distance
    graph = _Graph.of(base, k)
    density = _densities(graph, graph.distances[:, -1])
    for start in range(0, len(others), reference_rows):
        part = others[start : start + reference_rows]
        found = _Graph.of(base, k, queries=unit[part])
        own = _densities(found, graph.distances[:, -1])
        distance[part] = found.distances.mean(axis=1)
        lof[part] = density[found.rows].mean(axis=1) / own
        nearest[part], nearest_distance[part] = chosen[found.rows[:, 0]], found.distances[:, 0]
    return OutlierScores(distance, lof, nearest, nearest_distance, reference_rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Graph:
    """The K nearest rows of each row, with cosine distances in float64."""

    rows: Rows
    distances: Floats

    @classmethod
    def of(cls, base: FloatMatrix, k: int, *, queries: FloatMatrix | None = None) -> _Graph:
        found = nearest_neighbours(base, k, of=queries)
        own = base if queries is None else queries
        distances = np.empty(found.rows.shape)
        # Of unit vectors the cosine distance is half the squared distance. From differences in float64 it
        # keeps its digits where rows are nearly equal; 1 minus a float32 product loses them.
        for start in range(0, len(own), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            for place in range(k):
                apart = own[block].astype(np.float64) - base[found.rows[block, place]]
                distances[block, place] = np.einsum("nd,nd->n", apart, apart) / 2
        order = np.argsort(distances, axis=1, kind="stable")
        return cls(
            np.take_along_axis(found.rows, order, axis=1), np.take_along_axis(distances, order, axis=1)
        )


def _score_all(unit: FloatMatrix, k: int) -> OutlierScores:
    graph = _Graph.of(unit, k)
    density = _densities(graph, graph.distances[:, -1])
    lof = density[graph.rows].mean(axis=1) / density
    return OutlierScores(
        graph.distances.mean(axis=1), lof, graph.rows[:, 0], graph.distances[:, 0], len(unit)
    )


def _densities(graph: _Graph, k_distances: Floats) -> Floats:
    """Return the local reachability density of each row.

    Args:
        graph: The neighbours of the rows.
        k_distances: Distance of each row that can be a neighbour to its own K-th neighbour.
    """
    reach = np.maximum(graph.distances, k_distances[graph.rows])
    density: Floats = 1 / (reach.mean(axis=1) + _LEAST)
    return density
