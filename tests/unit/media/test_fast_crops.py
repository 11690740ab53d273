"""In fast mode only what the crop keeps is resized; it must be the same part as in exact mode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vifex.media.decode.images.image import StillImage
from vifex.values import PixelSpec


def smooth_image(width: int, height: int) -> Image.Image:
    """Colours that tell places apart and are smooth, so that a shift shows and filters do not."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * x / width, 255 * y / height
    blue = 127 + 120 * np.sin(3 * np.pi * (x / width + y / height))
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


SPECS = [
    PixelSpec(96, 96),
    PixelSpec(48, 120),
    PixelSpec(112, 112, "shortest", 128),
    PixelSpec(64, 112, "shortest", 128),
    PixelSpec(112, 112, resize="stretch_crop", resize_hw_px=(128, 171)),
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("size", [(500, 375), (375, 500)])
def test_fast_and_exact_see_the_same_part(spec: PixelSpec, turned: int, size: tuple[int, int]) -> None:
    image = StillImage(smooth_image(*size), size, turned)
    fast = image.ready(spec, None).astype(int)
    exact = image.ready(replace(spec, decode="exact"), None).astype(int)
    assert fast.shape == exact.shape == (spec.height_px, spec.width_px, 3)
    # Half a pixel of 128 over 255 values is one: the crop's corner is not rounded in fast mode.
    assert np.abs(fast - exact).mean() < 1.0
    assert np.abs(fast - exact).max() <= 6
