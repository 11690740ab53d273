"""Weights of classes in the loss."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vifex.training.config import Imbalance

__all__ = ["class_weights"]


def class_weights(counts: npt.NDArray[np.int64], config: Imbalance) -> npt.NDArray[np.float64] | None:
    """Return the weight of each class; their mean over the classes is 1.

    Args:
        counts: Training examples of each class `[K]`.
        config: `class-weights` gives 1 / n; `effective-number` gives (1 - beta) / (1 - beta ** n) after
            Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples".

    Returns:
        `[K]`, or `None` if the method weighs no classes.
    """
    sizes = np.maximum(counts, 1).astype(np.float64)
    if config.method == "class-weights":
        weights = 1.0 / sizes
    elif config.method == "effective-number":
        weights = (1.0 - config.beta) / (1.0 - np.power(config.beta, sizes))
    else:
        return None
    shares: npt.NDArray[np.float64] = weights * (len(weights) / weights.sum())
    return shares
