"""Clusters of points by scikit-learn: mini-batch k-means, HDBSCAN, and the number of clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.clustering.space import sample_of
from vifex.analysis.rows import FloatMatrix
from vifex.values import InputError

__all__ = ["FIT_ROWS", "ClusterCount", "Fit", "choose_count", "fit_hdbscan", "fit_kmeans", "silhouette_of"]

Labels = npt.NDArray[np.int32]

FIT_ROWS: Final = 50_000
"""Rows to which clusters are fitted at most; the others are assigned."""
_TRIAL_ROWS: Final = 10_000
_SILHOUETTE_ROWS: Final = 2_000
_COUNTS: Final = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100)
_BATCH_ROWS: Final = 4_096


@dataclass(frozen=True, slots=True)
class ClusterCount:
    """A number of clusters and how well it separates the rows."""

    k: int
    silhouette: float
    """Mean silhouette of a sample of rows, -1 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Which cluster each point belongs to."""

    labels: Labels
    """`[N]`: clusters from 0, the largest first; -1 is no cluster."""
    fitted: int
    """Points that the clusters were fitted to."""


def fit_kmeans(points: FloatMatrix, k: int, *, seed: int, fit_rows: int = FIT_ROWS) -> Fit:
    """Fit `k` clusters by mini-batch k-means and assign each point to the nearest centre.

    Args:
        points: `[N, P]`.
        k: Number of clusters, 1 to N.
        seed: Seed of the starts and of the batches.
        fit_rows: Number of points to which the centres are fitted at most.

    Raises:
        InputError: If `k` is out of range.

    Source: Sculley, Web-Scale K-Means Clustering, WWW 2010; scikit-learn's `MiniBatchKMeans`.
    """
    if not 1 <= k <= len(points):
        raise InputError(f"needs a number from 1 to {len(points)}, the number of rows, got {k}.", option="k")
    chosen = sample_of(len(points), fit_rows, seed)
    with _one_thread():
        model = _kmeans(k, seed, starts=5).fit(points[chosen])
        return Fit(_by_size(model.predict(points)), len(chosen))


def fit_hdbscan(points: FloatMatrix, smallest: int, *, seed: int, fit_rows: int = FIT_ROWS) -> Fit:
    """Fit clusters of any shape by density. Points in no dense region belong to no cluster.

    Where there are more than `fit_rows` points, each of the others belongs to the cluster of the nearest
    fitted point.

    Args:
        points: `[N, P]`.
        smallest: Number of points of the smallest cluster, 2 to N.
        seed: Seed of the draw of points that are fitted.
        fit_rows: Number of points that are fitted at most.

    Raises:
        InputError: If `smallest` is out of range.

    Source: Campello, Moulavi and Sander, PAKDD 2013; scikit-learn's `HDBSCAN`.
    """
    from sklearn.cluster import HDBSCAN
    from sklearn.neighbors import KNeighborsClassifier

    if not 2 <= smallest <= len(points):
        raise InputError(
            f"needs a number from 2 to {len(points)}, the number of rows, got {smallest}.", option="min_size"
        )
    chosen = sample_of(len(points), fit_rows, seed)
    share = max(2, round(smallest * len(chosen) / len(points)))
    found = HDBSCAN(min_cluster_size=share, copy=True).fit(points[chosen]).labels_
    if len(chosen) == len(points):
        return Fit(_by_size(found), len(chosen))
    labels = KNeighborsClassifier(n_neighbors=1).fit(points[chosen], found).predict(points)
    labels[chosen] = found
    return Fit(_by_size(labels), len(chosen))


def choose_count(points: FloatMatrix, *, seed: int) -> tuple[ClusterCount, ...]:
    """Try numbers of clusters up to a third of the rows, and return their silhouettes.

    k-means is fitted to at most 10,000 rows; the silhouette is the mean over at most 2,000 of them.

    Args:
        points: `[N, P]`, N at least 2.
        seed: Seed of the draws and of k-means.

    Source: Rousseeuw, Journal of Computational and Applied Mathematics 20, 1987.
    """
    some = points[sample_of(len(points), _TRIAL_ROWS, seed)]
    counts = [k for k in _COUNTS if k <= max(2, len(some) // 3)]
    tried = []
    for k in counts:
        with _one_thread():
            labels = _kmeans(k, seed, starts=3).fit_predict(some)
        value = silhouette_of(some, labels, seed=seed)
        if value is not None:
            tried.append(ClusterCount(k, value))
    return tuple(tried)


def silhouette_of(points: FloatMatrix, labels: Labels, *, seed: int) -> float | None:
    """Return the mean silhouette of at most 2,000 points; `None` where fewer than two clusters have points.

    Args:
        points: `[N, P]`.
        labels: `[N]`; points of -1 are left out.
        seed: Seed of the draw.
    """
    from sklearn.metrics import silhouette_score

    kept = np.flatnonzero(labels >= 0)
    kept = kept[sample_of(len(kept), _SILHOUETTE_ROWS, seed)]
    if not 2 <= len(np.unique(labels[kept])) < len(kept):
        return None
    return float(silhouette_score(points[kept], labels[kept]))


def _kmeans(k: int, seed: int, *, starts: int) -> Any:
    from sklearn.cluster import MiniBatchKMeans

    return MiniBatchKMeans(k, batch_size=_BATCH_ROWS, n_init=starts, random_state=seed)


def _one_thread() -> Any:
    """Limit k-means to one thread: in few dimensions its steps are shorter than a wait for another thread."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _by_size(labels: npt.NDArray[np.int_]) -> Labels:
    """Number clusters by falling size, equal ones by their first point; clusters without points go."""
    names, firsts, counts = np.unique(labels, return_index=True, return_counts=True)
    real = names >= 0
    names, firsts, counts = names[real], firsts[real], counts[real]
    order = np.lexsort((firsts, -counts))
    new = np.full(int(names.max(initial=-1)) + 2, -1, np.int32)
    new[names[order]] = np.arange(len(order), dtype=np.int32)
    # The last entry is that of -1.
    renumbered: Labels = new[labels]
    return renumbered
