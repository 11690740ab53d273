"""How dark, bright and sharp an image is, and what shape it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["BLURRED", "BRIGHT", "DARK", "ODD_SHAPE", "ImageFacts", "image_facts", "image_problems"]

DARK: Final = 64.0
"""An image is dark if 99 of 100 pixels are darker than this grey level of 255."""
BRIGHT: Final = 242.0
"""An image is bright if 95 of 100 pixels are brighter than this grey level."""
BLURRED: Final = 6.0
"""An image is blurred if nine tenths of its blocks have less detail than this, in grey levels."""
ODD_SHAPE: Final = 3.0
"""An image has an odd shape if one side is more than so many times as long as the other."""
_SIDE_PX: Final = 320
_BLOCK_PX: Final = 16

Grey = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Measures of an image whose longer side is at most 320 pixels."""

    dark_level: float
    """Grey level, 0 to 255, below which 99 of 100 pixels are."""
    bright_level: float
    """Grey level above which 95 of 100 pixels are."""
    detail: float
    """Grey levels: see `image_facts`."""
    sides_ratio: float
    """Longer side divided by the shorter one."""


def image_facts(image: Image) -> ImageFacts:
    """Measure an image.

    The detail of a block of 16 x 16 pixels is the root mean square of its Laplacian (four neighbours minus
    four times the pixel). The detail of an image is that of the block of the 90th percentile, so that a sharp
    object before a blurred background is sharp.

    Args:
        image: Any mode and size; of a larger one a copy of 320 pixels is measured.
    """
    small = image.convert("L")
    small.thumbnail((_SIDE_PX, _SIDE_PX), reducing_gap=2.0)
    grey = np.asarray(small, np.float32)
    dark, bright = np.percentile(grey, [99, 5])
    short, long = sorted(image.size)
    return ImageFacts(float(dark), float(bright), _detail(grey), long / max(1, short))


def image_problems(facts: ImageFacts) -> Iterator[tuple[str, float, str]]:
    """Yield the kind, the measure and a sentence for each problem of an image.

    A dark or a bright image is not called blurred too: there is little to see in it.
    """
    if facts.dark_level < DARK:
        yield (
            "dark",
            facts.dark_level,
            f"99 % of the pixels are below grey level {facts.dark_level:.0f} of 255.",
        )
    elif facts.bright_level > BRIGHT:
        yield (
            "bright",
            facts.bright_level,
            f"95 % of the pixels are above grey level {facts.bright_level:.0f}.",
        )
    elif facts.detail < BLURRED:
        yield (
            "blurred",
            facts.detail,
            f"Nine tenths of it have a detail below {facts.detail:.1f} grey levels.",
        )
    if facts.sides_ratio > ODD_SHAPE:
        yield (
            "odd-shape",
            facts.sides_ratio,
            f"One side is {facts.sides_ratio:.1f} times as long as the other.",
        )


def _detail(grey: Grey) -> float:
    if min(grey.shape) < 3:
        return float("inf")
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    squares = laplacian**2
    height, width = (side // _BLOCK_PX for side in squares.shape)
    if not height or not width:
        return float(np.sqrt(squares.mean()))
    blocks = squares[: height * _BLOCK_PX, : width * _BLOCK_PX]
    means = blocks.reshape(height, _BLOCK_PX, width, _BLOCK_PX).mean(axis=(1, 3))
    return float(np.sqrt(np.percentile(means, 90)))
