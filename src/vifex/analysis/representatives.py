"""Representatives of rows: a greedy solution of facility location over cosine similarities.

The value of a choice S is the weighted sum over all rows of the similarity to the nearest chosen row,
counted from -1. Its marginal gains fall as S grows (it is submodular), so the greedy choice reaches at least
1 - 1/e of the best value (Nemhauser, Wolsey and Fisher, Mathematical Programming 14, 1978). The first
chosen row is the medoid: the row whose mean similarity to all rows is largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FloatMatrix

__all__ = ["Chosen", "choose_representatives"]

_CANDIDATES: Final = 2_000
_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Chosen rows in the order of the choice."""

    rows: npt.NDArray[np.int64]
    """`[S]`."""
    explained: npt.NDArray[np.float64]
    """`[S]`: share of the spread that the first 1, 2, ... rows explain: 1 minus the mean cosine distance of
    all rows to the nearest chosen one, relative to that to the first alone. It begins with 0 and rises to
    1."""


def choose_representatives(
    unit: FloatMatrix,
    count: int,
    *,
    weights: npt.NDArray[np.float64] | None = None,
    explained: float | None = None,
) -> Chosen:
    """Choose rows that stand for all.

    Of more than 20,000 rows every n-th counts, of more than 2,000 of these every n-th can be chosen.

    Args:
        unit: Rows of length 1, `[N, D]`, N at least 1.
        count: Number of rows to choose at most.
        weights: Weight of each row, `[N]`, at least 0; by default all are equal.
        explained: Stop as soon as this share of the spread is explained, 0 to 1.
    """
    kept = _thinned(len(unit), _ROWS)
    candidates = kept[_thinned(len(kept), _CANDIDATES)]
    share = np.ones(len(kept)) if weights is None or not weights.sum() > 0 else weights[kept]
    share = share / share.sum() if share.sum() > 0 else np.full(len(kept), 1 / len(kept))
    light = share.astype(np.float32)
    similar = np.clip(unit[kept] @ unit[candidates].T, -1, 1)
    best = np.full(len(kept), -1.0, np.float32)
    chosen: list[int] = []
    distances: list[float] = []
    for _ in range(min(count, len(candidates))):
        gains = light @ np.maximum(similar - best[:, None], 0)
        gains[chosen] = -1
        pick = int(np.argmax(gains))
        chosen.append(pick)
        best = np.maximum(best, similar[:, pick])
        distances.append(float(share @ (1 - best.astype(np.float64))))
        if explained is not None and _explained(distances)[-1] >= explained:
            break
    return Chosen(candidates[chosen], _explained(distances))


def _explained(distances: list[float]) -> npt.NDArray[np.float64]:
    mean = np.array(distances)
    return np.ones(len(mean)) if mean[0] <= 1e-9 else np.clip(1 - mean / mean[0], 0, 1)


def _thinned(count: int, most: int) -> npt.NDArray[np.int64]:
    """Return every n-th of `count` places, at most `most`."""
    return np.arange(0, count, -(-count // most))
