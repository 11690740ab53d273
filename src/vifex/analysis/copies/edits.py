"""Edited copies of an image, as people and sites make them: cropped, encoded again, resized, recoloured.

They show how far a copy may be from its original in the features of a model.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["EDITS", "edited"]

_CROP: Final = 0.85
"""Share of each side that a crop keeps: 72% of the area."""
_QUALITY: Final = 20
_SMALLER: Final = 3
_COLOUR: Final = (0.75, 1.3)
"""Factors of brightness, contrast and saturation."""


def _crop(image: Image, random: np.random.Generator) -> Image:
    width, height = (max(1, round(side * _CROP)) for side in image.size)
    x = int(random.integers(0, image.width - width + 1))
    y = int(random.integers(0, image.height - height + 1))
    return image.crop((x, y, x + width, y + height))


def _encode(image: Image, random: np.random.Generator) -> Image:
    from PIL import Image as Pillow

    data = io.BytesIO()
    image.save(data, "JPEG", quality=_QUALITY)
    again = Pillow.open(data)
    again.load()
    return again


def _resize(image: Image, random: np.random.Generator) -> Image:
    from PIL.Image import Resampling

    small = (max(1, image.width // _SMALLER), max(1, image.height // _SMALLER))
    return image.resize(small, Resampling.BILINEAR)


def _colour(image: Image, random: np.random.Generator) -> Image:
    from PIL import ImageEnhance

    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(float(random.uniform(*_COLOUR)))
    return image


EDITS: Final[Mapping[str, Callable[[Image, np.random.Generator], Image]]] = {
    "cropped": _crop,
    "encoded again": _encode,
    "resized": _resize,
    "recoloured": _colour,
}
"""Each edit and its function, which takes an image and returns another."""


def edited(image: Image, name: str, seed: int) -> Image:
    """Return an edited copy of an image, the same for the same seed.

    Args:
        image: Any mode; it becomes RGB.
        name: One of `EDITS`.
        seed: Where it is cropped, how it is recoloured.
    """
    return EDITS[name](image.convert("RGB"), np.random.default_rng(seed))
