"""Resizes a part of an image for `fast` pixels: Pillow's result to within rounding, but faster.

`fast_image_resize` by Cykooz computes the same convolutions with SIMD. It works in Pillow's own memory, so it
is compared with Pillow once before it is trusted. Where it is missing or differs, Pillow does the work.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Final

import numpy as np
from PIL import Image

from vifex.values.pixels import Interpolation

__all__ = ["RESAMPLING", "resize_part"]

RESAMPLING: Final = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "bilinear_2x2": Image.Resampling.BILINEAR,  # the nearest that a resize can do; exact pixels do better
}

_FILTERS: Final[dict[Interpolation, str]] = {
    "bilinear": "bilinear",
    "bilinear_2x2": "bilinear",
    "bicubic": "catmull_rom",  # the same cubic: a = -0.5
    "lanczos": "lanczos3",
}
_MODES: Final = frozenset({"L", "RGB", "CMYK"})
_ROUNDING: Final = 2
"""Steps of 255 by which a bilinear resize may differ from Pillow's."""
_GAP: Final = 3.0
"""Pillow first shrinks by whole numbers, down to so many times the size that is wanted."""

_LOCAL: Final = threading.local()


def resize_part(
    image: Image.Image,
    size: tuple[int, int],
    interpolation: Interpolation,
    box: tuple[float, float, float, float],
) -> Image.Image:
    """Resize a part of an image.

    Args:
        image: Loaded; mode `L`, `RGB`, `CMYK` or `LAB`.
        size: Width and height of the result.
        interpolation: The filter, widened where the image shrinks.
        box: The part, `x0, y0, x1, y1`, inside the image; fractions of pixels count.

    Returns:
        An image of that size and the same mode.
    """
    if image.mode in _MODES and interpolation in _FILTERS and _is_trusted():
        return _by_vectors(image, size, interpolation, box)
    return image.resize(size, RESAMPLING[interpolation], box=box, reducing_gap=_GAP)


def _by_vectors(
    image: Image.Image,
    size: tuple[int, int],
    interpolation: Interpolation,
    box: tuple[float, float, float, float],
) -> Image.Image:
    import cykooz_resizer as fast

    x0, y0, x1, y1 = box
    options = fast.ResizeOptions(
        resize_alg=fast.ResizeAlg.convolution(fast.FilterType[_FILTERS[interpolation]]),
        crop_box=fast.CropBox(x0, y0, x1 - x0, y1 - y0),
        use_alpha=False,
    )
    small = Image.new(image.mode, size, None)  # every pixel of it will be written
    _resizer().resize_pil(image, small, options)
    return small


def _resizer() -> Any:
    """Return this thread's own: it keeps the memory for its sums between calls."""
    if not hasattr(_LOCAL, "resizer"):
        import cykooz_resizer as fast

        _LOCAL.resizer = fast.Resizer()
    return _LOCAL.resizer


@cache
def _is_trusted() -> bool:
    """Whether it is installed and resizes an image as the installed Pillow does."""
    levels = np.arange(24 * 32 * 3, dtype=np.uint32) * 37 % 251
    image = Image.fromarray(levels.astype(np.uint8).reshape(24, 32, 3))
    box = (3.25, 2.5, 29.0, 21.75)
    try:
        ours = np.asarray(_by_vectors(image, (11, 7), "bilinear", box), dtype=np.int16)
    except Exception:  # not installed, or built for another Pillow: it is an aid and no need
        return False
    wanted = np.asarray(image.resize((11, 7), Image.Resampling.BILINEAR, box=box), dtype=np.int16)
    return ours.shape == wanted.shape and bool(np.abs(ours - wanted).max() <= _ROUNDING)
