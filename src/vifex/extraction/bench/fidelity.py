"""How near features are to others of the same samples: cosines, and whose nearest neighbours stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["NEIGHBOURS", "Fidelity", "compare"]

NEIGHBOURS: Final = 10

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Of one layer, over N samples."""

    layer: str
    cosine_mean: float
    cosine_p1: float
    """The 1st percentile: one sample in a hundred is further off."""
    recall_at_10: float | None
    """Part of each sample's 10 nearest others (by cosine, brute force) that stays among its 10 nearest;
    `None` for fewer than 12 samples, where there is next to nothing to choose from."""


def compare(layer: str, reference: Array, other: Array) -> Fidelity:
    """Compare the vectors `[N, D]` that two ways of computing give of the same samples.

    Args:
        layer: Their name.
        reference: float32 `[N, D]`; whose neighbours are the true ones.
        other: float32 `[N, D]`.
    """
    a, b = _unit(reference), _unit(other)
    cosines = (a * b).sum(axis=1)
    # Zeros equal zeros.
    cosines[~a.any(axis=1) & ~b.any(axis=1)] = 1.0
    recall = None
    if len(a) >= NEIGHBOURS + 2:
        mine, theirs = _nearest(a), _nearest(b)
        kept = [len(np.intersect1d(x, y)) for x, y in zip(mine, theirs, strict=True)]
        recall = float(np.mean(kept)) / NEIGHBOURS
    return Fidelity(layer, float(cosines.mean()), float(np.percentile(cosines, 1)), recall)


def _unit(vectors: Array) -> Array:
    wide = vectors.reshape(len(vectors), -1).astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: Array = wide / np.where(length > 0, length, 1.0)
    return unit


def _nearest(unit: Array) -> Array:
    """Places of each row's nearest others `[N, 10]`, itself left out."""
    scores = unit @ unit.T
    np.fill_diagonal(scores, -np.inf)
    nearest: Array = np.argsort(-scores, axis=1, kind="stable")[:, :NEIGHBOURS]
    return nearest
