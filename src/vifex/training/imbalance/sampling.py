"""How often examples are drawn, and training sets that are made imbalanced for trials."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vifex.training.config import Imbalance

__all__ = ["long_tailed", "sampling_weights"]


def sampling_weights(labels: npt.NDArray[np.int64], config: Imbalance) -> npt.NDArray[np.float64] | None:
    """Return how often each example is drawn, relative to the others.

    Args:
        labels: Class of each example `[N]`.
        config: `balanced-sampling` draws each class as often; `sqrt-sampling` draws a class of n examples in
            proportion to the root of n.

    Returns:
        `[N]`, or `None` if each example is drawn once in an epoch.
    """
    power = {"balanced-sampling": 1.0, "sqrt-sampling": 0.5}.get(config.method)
    if power is None:
        return None
    counts = np.bincount(labels).astype(np.float64)
    return np.power(counts[labels], -power)


def long_tailed(labels: npt.NDArray[np.int64], ratio: float, *, seed: int) -> npt.NDArray[np.int64]:
    """Choose examples so that the sizes of the classes fall exponentially, as in Cui et al. 2019.

    Args:
        labels: Class of each example `[N]`.
        ratio: Size of the first class over that of the last.
        seed: Of the choice.

    Returns:
        Rows of the chosen examples, ascending.
    """
    classes = int(labels.max()) + 1
    most = int(np.bincount(labels).min())
    rng = np.random.Generator(np.random.Philox(key=[seed, 2]))
    kept = []
    for label in range(classes):
        rows = np.flatnonzero(labels == label)
        wanted = max(1, round(most * ratio ** (-label / max(1, classes - 1))))
        kept.append(rng.permutation(rows)[:wanted])
    return np.sort(np.concatenate(kept))
