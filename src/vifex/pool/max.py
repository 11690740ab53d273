"""Max pooling: the largest value of each channel over space, time or tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vifex.pool.base import Pooling, cells_last, channels
from vifex.values import LayerKind

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["MAX", "largest"]


def largest(kind: LayerKind, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Take the largest value of each channel; a NaN among them gives NaN.

    Args:
        kind: `map`, `volume`, `tokens` or `sequence`.
        array: float32 `[N, *layer.shape]`.

    Returns:
        float32 `[N, C]`.
    """
    pooled: npt.NDArray[Any] = cells_last(kind, array).max(axis=-1)
    return pooled


MAX = Pooling("max", frozenset({"map", "volume", "tokens", "sequence"}), channels, largest)
