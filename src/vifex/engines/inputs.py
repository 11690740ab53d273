"""The dtype of batches, and batches of noise to test a network with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.values import ModelCard

__all__ = ["input_dtype", "noise"]


def input_dtype(card: ModelCard) -> np.dtype[Any]:
    """Return the dtype of a batch: uint8 for pixels, float32 for sound and for ready input."""
    return np.dtype(np.float32 if card.takes_numbers else np.uint8)


def noise(shape: tuple[int, ...], dtype: np.dtype[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Make a batch of noise: uniform for pixels, about as loud as speech for sound."""
    if dtype == np.uint8:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    loud: npt.NDArray[Any] = (0.1 * rng.standard_normal(shape)).clip(-1, 1).astype(dtype)
    return loud
