"""Small images of a video's luma, and how unlike two of them are.

Two frames of one shot differ by motion, light and noise. So each image is brought to one mean and contrast,
and is compared with what blocks of the other one, moved by a few pixels, can make of it. What is left over is
the part of the image that is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["INNER", "LUMA_SIZE", "SmallFrame", "unlikeness"]

Floats = npt.NDArray[np.float32]

LUMA_SIZE: Final = (32, 24)
"""Width and height of the small images; every video is squeezed into it."""
_BLOCK: Final = 8
_REACH: Final = 2
"""Pixels by which a block may have moved, each way: a sixteenth of the image's width."""
_FLOOR: Final = 9.0
"""Grey levels added to the contrast, so that noise on an empty image stays small."""
INNER: Final = (slice(3, 21), slice(4, 28))
"""Rows and columns without the bars of a letterbox."""


@dataclass(frozen=True, slots=True, eq=False)
class SmallFrame:
    """A frame as the detector keeps it."""

    start: Fraction
    end: Fraction
    even: Floats
    """`[24, 32]`, blurred luma with its mean taken off, over its standard deviation."""
    coarse: Floats
    """`[12, 16]`, luma in grey levels."""
    contrast: float
    """Difference of the 95th and the 5th percentile of the luma within the bars of a letterbox, in grey
    levels: a logo does not count."""
    change: float
    """Mean absolute difference of `even` from the frame before; 0 for the first."""

    @classmethod
    def of(
        cls, luma: npt.NDArray[np.uint8], start: Fraction, end: Fraction, before: SmallFrame | None
    ) -> SmallFrame:
        """Measure a small image, on screen in `[start, end)`."""
        grey = luma.astype(np.float32)
        smooth = _smoothed(grey)
        even = (smooth - smooth.mean()) / (smooth.std() + np.float32(_FLOOR))
        change = 0.0 if before is None else float(np.abs(even - before.even).mean())
        coarse = grey.reshape(12, 2, 16, 2).mean(axis=(1, 3))
        dark, bright = np.percentile(grey[INNER], (5, 95))
        return cls(start, end, even, coarse, float(bright - dark), change)


def unlikeness(a: SmallFrame, b: SmallFrame) -> float:
    """Return how much of two images cannot be explained by motion, light or contrast.

    Returns:
        The mean absolute difference of the two, in standard deviations of an image, where each block of one
        was moved to where it fits best in the other. Of the two directions the smaller counts: what only one
        of them shows may have been hidden. 0 for equal images, mostly 0.3 to 0.9 for unrelated ones.
    """
    return min(_left_over(a.even, b.even), _left_over(b.even, a.even))


def _smoothed(grey: Floats) -> Floats:
    """Blur by 1 2 1 each way: motion by parts of a pixel then leaves less over."""
    padded = np.pad(grey, 1, mode="edge")
    across = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    smooth: Floats = (across[:-2] + 2 * across[1:-1] + across[2:]) / 16
    return smooth


def _left_over(a: Floats, b: Floats) -> float:
    height, width = a.shape
    padded = np.pad(b, _REACH, mode="edge")
    moved = sliding_window_view(padded, a.shape).reshape(-1, height, width)
    apart = np.abs(moved - a).reshape(-1, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    return float(apart.mean(axis=(2, 4)).min(axis=0).mean())
