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

__all__ = ["SmallImage", "shows_same", "small_image"]

_SIDE_PX: Final = 32
_SMALLEST_PX: Final = 10
_SCALES: Final = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
"""Of the part of one image that the other shows."""
_SAME: Final = 0.85
"""Correlation of grey values from which two images show the same."""

_Floats = npt.NDArray[np.float32]


class SmallImage:
    """A small grey image, with what comparisons have made of it: each is made once for all of them.

    Args:
        grey: Grey values, float32 `[h, w]`.
    """

    def __init__(self, grey: _Floats) -> None:
        self.grey = grey
        self._patterns: dict[tuple[int, int, bool], _Floats] = {}
        self._lengths: dict[tuple[int, int], _Floats] = {}

    def pattern(self, height: int, width: int, *, mirrored: bool) -> _Floats:
        """Return it at another size, with mean 0 and length 1, or 0 where it has one grey value alone."""
        known = self._patterns.get((height, width, mirrored))
        if known is None:
            from PIL import Image as Pillow

            image = Pillow.fromarray(self.grey[:, ::-1] if mirrored else self.grey)
            scaled = np.asarray(image.resize((width, height), Pillow.Resampling.BOX)).reshape(-1)
            known = scaled - scaled.mean()
            known = self._patterns[height, width, mirrored] = known / max(float(np.linalg.norm(known)), 1e-6)
        return known

    def correlation(self, pattern: _Floats, height: int, width: int) -> float:
        """Return the largest correlation of a part of this image with a pattern of that size."""
        parts: npt.NDArray[Any] = np.lib.stride_tricks.sliding_window_view(self.grey, (height, width))
        windows = parts.reshape(-1, height * width)
        lengths = self._lengths.get((height, width))
        if lengths is None:
            apart = windows - windows.mean(axis=1, keepdims=True)
            lengths = self._lengths[height, width] = np.maximum(np.linalg.norm(apart, axis=1), 1e-6)
        # The pattern's mean is 0, so the means of the windows do not count.
        return float((windows @ pattern / lengths).max())


def small_image(image: Image) -> SmallImage:
    """Return a small grey image with the same aspect ratio, the longer side 32 px."""
    from PIL.Image import Resampling

    factor = _SIDE_PX / max(image.size)
    size = tuple(max(1, round(side * factor)) for side in image.size)
    return SmallImage(np.asarray(image.convert("L").resize((size[0], size[1]), Resampling.BOX), np.float32))


def shows_same(a: SmallImage, b: SmallImage) -> bool:
    """Return whether one image, or its mirror image, is found in the other, at 70% of its size or more."""
    return any(
        _found(big, small, mirrored=mirrored) for big, small in ((a, b), (b, a)) for mirrored in (False, True)
    )


def _found(big: SmallImage, small: SmallImage, *, mirrored: bool) -> bool:
    sizes = zip(big.grey.shape, small.grey.shape, strict=True)
    fit = min(most / side for most, side in sizes)
    for scale in _SCALES:
        height, width = (max(1, int(side * fit * scale + 1e-6)) for side in small.grey.shape)
        if min(height, width) < _SMALLEST_PX:
            return False
        if big.correlation(small.pattern(height, width, mirrored=mirrored), height, width) >= _SAME:
            return True
    return False
