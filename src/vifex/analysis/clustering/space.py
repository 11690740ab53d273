"""The space in which rows are clustered: principal components of their directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FloatMatrix

__all__ = ["ClusterSpace", "cluster_space", "sample_of"]

_BLOCK_ROWS = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSpace:
    """Rows by their largest principal components."""

    points: FloatMatrix
    """`[N, P]`."""
    explained: float
    """Share of the variance that the components keep, 0 to 1."""


def cluster_space(unit: FloatMatrix, *, dims: int, fit_rows: int, seed: int) -> ClusterSpace:
    """Project directions onto their principal components.

    The squared distance of two directions is twice their cosine distance, so what is near in this space has a
    similar direction.

    Args:
        unit: Rows of length 1, `[N, D]`, N at least 2.
        dims: Number of components at most.
        fit_rows: Number of rows, drawn at random, from which the components are computed at most.
        seed: Seed of the draw.
    """
    from sklearn.decomposition import PCA

    chosen = sample_of(len(unit), fit_rows, seed)
    count = min(dims, unit.shape[1], len(chosen))
    solver = "covariance_eigh" if len(chosen) >= unit.shape[1] else "full"
    pca = PCA(count, svd_solver=solver).fit(unit[chosen])
    points = np.empty((len(unit), count), np.float32)
    for start in range(0, len(unit), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        points[block] = pca.transform(unit[block])
    return ClusterSpace(points, float(pca.explained_variance_ratio_.sum()))


def sample_of(count: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw at most `most` of `count` rows without replacement, in rising order."""
    if count <= most:
        return np.arange(count)
    drawn: npt.NDArray[np.int64] = np.random.default_rng(seed).choice(count, most, replace=False)
    return np.sort(drawn)
