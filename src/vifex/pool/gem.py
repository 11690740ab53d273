"""GeM pooling: the generalized mean of each channel, between average and max."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vifex.pool.base import Pooling, cells_last, channels
from vifex.values import LayerKind

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["GEM", "P", "gem_pool"]

P: Final = 3.0
"""The paper's exponent before training, and what untrained use takes."""
_FLOOR: Final = 1e-6


def gem_pool(
    kind: LayerKind, array: npt.NDArray[Any], *, p: float = P, eps: float = _FLOOR
) -> npt.NDArray[Any]:
    """Pool each channel by its generalized mean `(mean(x ** p)) ** (1 / p)`.

    `p = 1` is average pooling; a growing `p` tends to max pooling.

    Args:
        kind: `map`, `volume`, `tokens` or `sequence`.
        array: float32 `[N, *layer.shape]`; values below `eps` are raised to it.
        p: Exponent, no unit, > 0.
        eps: Floor that keeps the root real.

    Returns:
        float32 `[N, C]`. Each channel is divided by its largest value first, so no power overflows; a
        channel with an infinite number gives NaN.

    Raises:
        ValueError: If `p <= 0`.

    Source: Radenović et al., TPAMI 2019, arXiv:1711.02512, equation 3.
    """
    import numpy as np

    if not p > 0:
        raise ValueError(f"p must be > 0, got {p}; use p=1 for average pooling")
    cells = np.maximum(cells_last(kind, array), np.float32(eps))
    largest = cells.max(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", under="ignore"):
        cells /= largest
        # Products are many times quicker than powers, and 3 is what nearly everybody uses.
        powers = cells * cells * cells if p == 3 else cells**p
        means = powers.mean(axis=-1, dtype=np.float64)
        roots = np.cbrt(means) if p == 3 else means ** (1 / p)
    pooled: npt.NDArray[Any] = (largest[..., 0] * roots).astype(np.float32)
    return pooled


GEM = Pooling("gem", frozenset({"map", "volume", "tokens", "sequence"}), channels, gem_pool)
