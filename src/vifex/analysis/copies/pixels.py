"""Whether two images show the same, told by their pixels and by no network.

The calibration of copies needs to know which images are no copies of a sample image, and a collection may
hold copies of it already. Small grey images are laid over each other at several sizes and places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["grey_image", "shows_same"]

_SIDE_PX: Final = 32
_SMALLEST_PX: Final = 10
_SCALES: Final = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
"""Of the part of one image that the other shows."""
_SAME: Final = 0.85
"""Correlation of grey values from which two images show the same."""

Grey = npt.NDArray[np.float32]


def grey_image(image: Image) -> Grey:
    """Return a small grey image with the same aspect ratio, float32 `[h, w]`, the longer side 32 px."""
    from PIL.Image import Resampling

    factor = _SIDE_PX / max(image.size)
    size = tuple(max(1, round(side * factor)) for side in image.size)
    return np.asarray(image.convert("L").resize((size[0], size[1]), Resampling.BOX), np.float32)


def shows_same(a: Grey, b: Grey) -> bool:
    """Return whether one image, or its mirror image, is found in the other, at 70% of its size or more."""
    return any(_found(big, small) for big, one in ((a, b), (b, a)) for small in (one, one[:, ::-1]))


def _found(big: Grey, small: Grey) -> bool:
    fit = min(big.shape[0] / small.shape[0], big.shape[1] / small.shape[1])
    return any(_correlation(big, _scaled(small, fit * scale)) >= _SAME for scale in _SCALES)


def _scaled(image: Grey, factor: float) -> Grey:
    from PIL import Image as Pillow

    height, width = (max(1, int(side * factor + 1e-6)) for side in image.shape)
    return np.asarray(Pillow.fromarray(image).resize((width, height), Pillow.Resampling.BOX))


def _correlation(big: Grey, small: Grey) -> float:
    """Return the largest correlation of an image with a part of another that has its size."""
    if min(small.shape) < _SMALLEST_PX:
        return 0.0
    parts: npt.NDArray[Any] = np.lib.stride_tricks.sliding_window_view(big, small.shape)
    windows = parts.reshape(-1, small.size)
    windows = windows - windows.mean(axis=1, keepdims=True)
    pattern = small.reshape(-1) - small.mean()
    length = np.linalg.norm(pattern)
    lengths = np.linalg.norm(windows, axis=1)
    if not length:
        return 0.0
    return float((windows @ pattern / np.maximum(lengths * length, 1e-6)).max())
