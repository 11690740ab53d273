"""Average pooling: the mean of each channel over space, time or tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vifex.pool.base import Pooling, cells_last, channels
from vifex.values import LayerKind

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["AVG", "average"]


def average(kind: LayerKind, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Average each channel over all its cells; sums are float64.

    Args:
        kind: `map`, `volume`, `tokens` or `sequence`.
        array: float32 `[N, *layer.shape]`.

    Returns:
        float32 `[N, C]`.
    """
    import numpy as np

    means: npt.NDArray[Any] = cells_last(kind, array).mean(axis=-1, dtype=np.float64)
    return means.astype(np.float32)


AVG = Pooling("avg", frozenset({"map", "volume", "tokens", "sequence"}), channels, average)
