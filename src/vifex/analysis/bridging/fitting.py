"""Linear maps between two spaces of unit vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FloatMatrix, unit_vectors

__all__ = ["LinearMap", "Method", "fit_map", "no_map"]

Method = Literal["ridge", "procrustes"]

_PENALTIES: Final = 10.0 ** np.arange(-5, 4)
"""Of ridge regression, over unit vectors."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearMap:
    """Maps a vector x of one space to `matrix.T @ x / |x| + offset`, scaled to length 1."""

    matrix: FloatMatrix
    """`[D, E]`."""
    offset: FloatMatrix
    """`[E]`."""

    def __call__(self, vectors: npt.NDArray[Any]) -> FloatMatrix:
        """Map vectors `[N, D]` to unit vectors `[N, E]`, float32."""
        return unit_vectors(unit_vectors(np.asarray(vectors, np.float32)) @ self.matrix + self.offset)


def fit_map(new: FloatMatrix, old: FloatMatrix, method: Method) -> LinearMap:
    """Fit a map from the unit vectors `[N, D]` of one model to those `[N, E]` of another, of the same rows.

    `ridge` minimizes the squared distance plus a penalty, the best of nine by leave-one-out. `procrustes` is
    the rotation and scale about the means that minimize the squared distance; D and E must be equal.

    Source: Schönemann, Psychometrika 31, 1966, for the rotation.
    """
    if method == "ridge":
        from sklearn.linear_model import RidgeCV

        fitted = RidgeCV(_PENALTIES).fit(new, old)
        return LinearMap(fitted.coef_.T.astype(np.float32), fitted.intercept_.astype(np.float32))
    mean_new, mean_old = new.mean(axis=0, dtype=np.float64), old.mean(axis=0, dtype=np.float64)
    centred = new - mean_new
    left, singular, right = np.linalg.svd(centred.T @ (old - mean_old))
    matrix = left @ right * (singular.sum() / np.square(centred).sum())
    return LinearMap(matrix.astype(np.float32), (mean_old - mean_new @ matrix).astype(np.float32))


def no_map(size: int, other: int, *, seed: int = 0) -> LinearMap:
    """Return what is there without a fit: the identity, or a random projection where the sizes differ."""
    if size == other:
        matrix = np.eye(size)
    else:
        matrix = np.random.default_rng(seed).normal(size=(size, other)) / np.sqrt(other)
    return LinearMap(matrix.astype(np.float32), np.zeros(other, np.float32))
