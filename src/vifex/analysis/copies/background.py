"""What is usual in a collection: how similar a row is to rows that it has nothing to do with.

A similarity of 0.9 means much between rows that stand alone and little where everything is alike, such as
scanned pages. So half of a row's bias, its similarity to its K-th neighbour in the background, is taken off.

Source: score normalisation of the Meta AI Video Similarity Challenge (VSC 2022; Pizzi et al.,
arXiv:2306.09489) and of SSCD (Pizzi et al., CVPR 2022, arXiv:2202.10261). There only the query has a bias.
Here both rows of a pair are of the same kind, and the mean of both biases counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from vifex.analysis.products import FloatVector
from vifex.analysis.rows import FloatMatrix

__all__ = ["Background", "make_background"]

_ROWS: Final = 4096
_K: Final = 5
_WEIGHT: Final = 0.5
"""Of the bias; benchmarks/copies_images.py compares others."""
_FEWEST: Final = 50
"""Rows below which nothing is known of what is usual: the bias is 0."""
_AT_ONCE: Final = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Rows of a collection of which no two are copies of each other."""

    unit: FloatMatrix
    """`[B, D]`."""

    @property
    def is_known(self) -> bool:
        """Whether it has enough rows."""
        return len(self.unit) >= _FEWEST

    def bias(self, unit: FloatMatrix) -> FloatVector:
        """Return what is taken off a similarity for each row `[n, D]`: half its K-th best in the background.

        The row itself, or a copy of it, may be among the background; it is one of the K.
        """
        found = np.zeros(len(unit), np.float32)
        if not self.is_known:
            return found
        for start in range(0, len(unit), _AT_ONCE):
            products = unit[start : start + _AT_ONCE] @ self.unit.T
            found[start : start + _AT_ONCE] = np.partition(products, -(_K + 1), axis=1)[:, -(_K + 1)]
        return _WEIGHT * np.clip(found, 0, 1)


def make_background(unit: FloatMatrix, copy_from: float, *, seed: int = 0) -> Background:
    """Choose a background at random from a collection.

    Args:
        unit: Rows `[N, D]` of length 1.
        copy_from: Cosine from which two rows may be copies: of such rows only one is taken.
        seed: Of the choice.
    """
    some = np.random.default_rng(seed).permutation(len(unit))[:_ROWS]
    rows = unit[some]
    rows = rows[rows.any(axis=1)]
    near = (rows @ rows.T) >= copy_from
    kept = np.ones(len(rows), bool)
    for i in np.flatnonzero(near.sum(axis=1) > 1):
        if kept[i]:
            kept[i + 1 :] &= ~near[i, i + 1 :]
    return Background(np.ascontiguousarray(rows[kept]))
