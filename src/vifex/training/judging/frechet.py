"""The Fréchet distance between two sets of features: how far made images are from real ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["frechet_distance"]


def frechet_distance(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Return the squared Fréchet (2-Wasserstein) distance of two normal distributions fitted to features.

    `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`. It depends on the number of rows: sets that are compared
    with each other need equally many, and more than D, else the covariances are singular and the distance is
    too large.

    Args:
        first: `[N, D]`, N at least 2.
        second: `[M, D]`, M at least 2.

    Returns:
        The distance, at least 0, in squared units of the features.

    Raises:
        ValueError: If a set has fewer than 2 rows, the sizes differ or a number is not finite.

    Source: Dowson and Landau, J. Multivariate Analysis 12 (1982), equation 1; for networks: Heusel et al.,
    NIPS 2017, arXiv:1706.08500, equation 6.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"two sets [N, D] of at least 2 rows are needed, got {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a feature is not finite")
    gap = a.mean(axis=0) - b.mean(axis=0)
    c1, c2 = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    # C1^(1/2) C2 C1^(1/2) has the eigenvalues of C1 C2 and is symmetric, so no root becomes complex.
    root = _root(c1)
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ c2 @ root), 0, None)).sum()
    return max(float(gap @ gap + np.trace(c1) + np.trace(c2) - 2 * shared), 0.0)


def _root(c: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the symmetric square root of a covariance; its rounding errors below zero count as zero."""
    values, vectors = np.linalg.eigh(c)
    rooted: npt.NDArray[np.float64] = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return rooted
