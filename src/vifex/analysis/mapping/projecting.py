"""Places of rows in the plane: the first principal components, or t-SNE over the neighbour graph.

t-SNE is that of openTSNE (Poličar et al., JSS 2024), started from the principal components. Above a number of
rows a sample is fitted, and each other row gets the median place of its nearest fitted rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vifex.analysis.neighbours import Neighbours, nearest_neighbours
from vifex.analysis.rows import FloatMatrix, unit_vectors
from vifex.values.machines import Machines
from vifex.values.registry import require

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

__all__ = ["FITTED_ROWS", "Method", "Projection", "project", "trustworthiness_of"]

Method: TypeAlias = Literal["tsne", "pca"]

FITTED_ROWS: Final = 200_000
"""Rows that t-SNE fits; the others are placed afterwards."""

_COMPONENTS: Final = 50
"""Principal components that the neighbour graph sees, as van der Maaten & Hinton (2008) propose it."""
_ITERATIONS: Final = (250, 500)
"""Of early exaggeration, and after it: openTSNE's own numbers."""
_EXAGGERATION: Final = 12
_AROUND: Final = 9
"""Nearest fitted rows whose median is the place of a row that was not fitted."""
_FEWEST: Final = 8
"""With fewer rows, neighbourhoods mean nothing, and the principal components are the map."""
_THREADED_ROWS: Final = 3000
_BLOCK: Final = 1 << 16
_JUDGED_ROWS: Final = 2000
_JUDGED_NEIGHBOURS: Final = 10

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Places of rows in the plane."""

    positions: FloatMatrix
    """`[N, 2]`; the axes have no unit."""
    method: Method
    """`pca` also where there were too few rows for t-SNE."""
    fitted: int
    """Rows that were fitted; the others were placed among them."""
    perplexity: float | None
    """Of t-SNE: about how many neighbours a row has that count."""


def project(
    unit: FloatMatrix,
    *,
    method: Method = "tsne",
    perplexity: float = 30.0,
    seed: int = 0,
    fitted: int = FITTED_ROWS,
    progress: Progress | None = None,
    machines: Machines | None = None,
) -> Projection:
    """Give each row a place in the plane.

    Args:
        unit: Rows of length 1, `[N, D]`, N >= 2, that do not all have one direction; see
            `vifex.analysis.directions.read_directions`.
        method: `tsne` or `pca`.
        perplexity: Of t-SNE; at most a third of the other rows, else it is lowered to that.
        seed: Of the sample and of t-SNE. The same seed gives the same map on the same machine.
        fitted: Rows that are fitted at most.
        progress: Told how far the work is.
        machines: Other machines, which find the nearest neighbours where there are many rows.

    Raises:
        MissingExtraError: If openTSNE is needed and not installed.
        EngineError: If the other machines fail.
    """
    tell = progress or _silent
    count = len(unit)
    if count < _FEWEST:
        method = "pca"
    if method == "tsne":
        require("openTSNE", extra="analysis", needed_for='a map by t-SNE (`method="pca"` does not)')
    sample = _sample(count, fitted, seed)
    tell("principal components", 0, count)
    components, around = _components(unit, sample, seed)
    if method == "pca":
        return Projection(np.ascontiguousarray(_two(components)), "pca", len(sample), None)
    near = unit_vectors(np.hstack([components + around[:-1], np.full((count, 1), around[-1], np.float32)]))
    perplexity = min(perplexity, (len(sample) - 1) / 3)
    tell("nearest neighbours", 0, len(sample))
    graph = nearest_neighbours(near[sample], min(int(3 * perplexity), len(sample) - 1), machines=machines)
    placed = _tsne(graph, _two(components)[sample], perplexity, seed, tell)
    positions = np.empty((count, 2), np.float32)
    positions[sample] = placed
    others = np.setdiff1d(np.arange(count), sample, assume_unique=True)
    for start in range(0, len(others), _BLOCK):
        tell("places of the other rows", start, len(others))
        block = others[start : start + _BLOCK]
        nearest = nearest_neighbours(
            near[sample], min(_AROUND, len(sample)), of=near[block], machines=machines
        )
        positions[block] = np.median(placed[nearest.rows], axis=1)
    return Projection(positions, "tsne", len(sample), perplexity)


def trustworthiness_of(
    vectors: FloatMatrix, positions: FloatMatrix, *, seed: int = 0
) -> tuple[float, int, int] | None:
    """Measure how far neighbours on the map are neighbours among the vectors, on a sample of rows.

    Returns:
        The trustworthiness in 0 to 1 (Venna & Kaski 2001, by scikit-learn with the cosine distance), its
        number of neighbours, and the number of rows of the sample; `None` if there are fewer than 5 rows.
    """
    from sklearn.manifold import trustworthiness

    if len(vectors) < 5:
        return None
    rows = _sample(len(vectors), _JUDGED_ROWS, seed)
    neighbours = min(_JUDGED_NEIGHBOURS, (len(rows) - 1) // 2)
    value = trustworthiness(vectors[rows], positions[rows], n_neighbors=neighbours, metric="cosine")
    return float(value), neighbours, len(rows)


def _sample(count: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _components(
    unit: FloatMatrix, sample: npt.NDArray[np.int64], seed: int
) -> tuple[FloatMatrix, FloatMatrix]:
    """Return the principal components of the directions, `[N, C]`, and where their mean lies, `[C + 1]`.

    The mean is given along each component, and then by its length across all of them. Components plus the
    mean along them, and that length as one number more, have the products of the reconstructed directions.
    """
    from sklearn.decomposition import PCA

    fitted = unit[sample]
    model: PCA = PCA(min(_COMPONENTS, *fitted.shape), random_state=seed).fit(fitted)
    components = np.empty((len(unit), model.n_components_), np.float32)
    for start in range(0, len(unit), _BLOCK):
        components[start : start + _BLOCK] = model.transform(unit[start : start + _BLOCK])
    along = model.components_ @ model.mean_
    across = np.linalg.norm(model.mean_ - along @ model.components_)
    return components, np.append(along, across).astype(np.float32)


def _two(components: FloatMatrix) -> FloatMatrix:
    """Return two components; the second is 0 where there is only one."""
    if components.shape[1] >= 2:
        return components[:, :2]
    return np.hstack([components, np.zeros_like(components)])


def _tsne(graph: Neighbours, start: FloatMatrix, perplexity: float, seed: int, tell: Progress) -> FloatMatrix:
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.initialization import rescale
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    jobs = _jobs(len(start))
    # openTSNE squares the distances: those of unit vectors, whose squares are 2 - 2 cos.
    distances = np.sqrt(np.maximum(2 - 2 * graph.similarity, 0))
    known = PrecomputedNeighbors(graph.rows, distances)
    affinities = PerplexityBasedNN(knn_index=known, perplexity=perplexity, n_jobs=jobs, random_state=seed)
    total, done = sum(_ITERATIONS), 0

    def follow(iteration: int, _error: float, _embedding: Any) -> bool:
        tell("t-SNE", done + iteration, total)
        return False

    embedding = TSNEEmbedding(
        rescale(start.astype(np.float64)),
        affinities,
        n_jobs=jobs,
        random_state=seed,
        callbacks=[follow],
        callbacks_every_iters=25,
    )
    for iterations, choices in zip(
        _ITERATIONS, ({"exaggeration": _EXAGGERATION, "momentum": 0.5}, {"momentum": 0.8}), strict=True
    ):
        embedding = embedding.optimize(iterations, inplace=True, propagate_exception=True, **choices)
        done += iterations
    placed: FloatMatrix = np.asarray(embedding, np.float32)
    spans = np.ptp(placed, axis=0)
    # Screens are wider than high; t-SNE leaves open which way is up.
    return placed if spans[0] >= spans[1] else np.column_stack([placed[:, 1], -placed[:, 0]])


def _jobs(rows: int) -> int:
    """Return the number of threads: of a small map they would wait for each other most of the time."""
    if rows < _THREADED_ROWS:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _silent(_what: str, _done: int, _total: int) -> None:
    pass
