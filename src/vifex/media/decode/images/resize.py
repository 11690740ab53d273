"""Pillow images to ready pixels: crop to a box, resize, crop to the network's size."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from vifex.media.decode.geometry import whole_pixels
from vifex.media.decode.images.resample import RESAMPLING
from vifex.values import Box, MediaError, PixelSpec, Processor
from vifex.values.pixels import Fit, fit
from vifex.values.processors import Unsuited

__all__ = ["ready_pixels"]

# An image of 1 x 15000 resized by its shorter side would become 96 x 1,440,000: what is cropped away
# is then not made in the first place. Below this, resize and crop are done as torchvision does them.
_MAX_RESIZED_PX: Final = 1 << 24


def ready_pixels(
    image: Image.Image, spec: PixelSpec, box: Box | None, square: tuple[float, float] = (1.0, 1.0)
) -> npt.NDArray[np.uint8]:
    """Make ready pixels from an upright RGB image.

    Args:
        image: Mode `RGB`, upright.
        spec: Size, resize and interpolation.
        box: The part to take, in pixels of `image`; `None` for the whole.
        square: Width and height of one pixel of `image`, if those are not square.

    Returns:
        uint8 `[spec.height_px, spec.width_px, 3]`, a fresh contiguous array.
    """
    if box is not None:
        image = image.crop(whole_pixels(box, *image.size))
    width, height = image.width * square[0], image.height * square[1]
    if spec.processor is not None:
        size = (max(1, round(width)), max(1, round(height)))
        if size != image.size:
            image = image.resize(size, Image.Resampling.BICUBIC)
        return _by_processor(image, spec, spec.processor)
    small = _resized(image, fit(spec, width, height), spec)
    return np.array(small, dtype=np.uint8)


def _by_processor(image: Image.Image, spec: PixelSpec, processor: Processor) -> npt.NDArray[np.uint8]:
    try:
        pixels = processor.pixels(image)
    except Unsuited as exc:
        raise _unsuited(str(exc), image) from exc
    if pixels.shape != (spec.height_px, spec.width_px, 3):
        raise _unsuited(f"it gives {pixels.shape[1]} x {pixels.shape[0]} pixels", image)
    return pixels


def _unsuited(why: str, image: Image.Image) -> MediaError:
    return MediaError(
        f"the model's own processor cannot make its pixels of {image.width} x {image.height} px: {why}.",
        todo="Crop the image, or take another model.",
    )


def _resized(image: Image.Image, to: Fit, spec: PixelSpec) -> Image.Image:
    resample = RESAMPLING[spec.interpolation]
    gap = 3.0 if spec.decode == "fast" else None
    target = (spec.width_px, spec.height_px)
    if spec.interpolation == "bilinear_2x2" and spec.decode == "exact":
        # Pillow's resize always widens its filter; its affine transform reads 2 x 2 pixels.
        sx, sy = image.width / to.width, image.height / to.height
        affine = (sx, 0.0, to.left * sx, 0.0, sy, to.top * sy)
        return image.transform(target, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    if to.width * to.height > _MAX_RESIZED_PX:
        sx, sy = image.width / to.width, image.height / to.height
        part = (to.left * sx, to.top * sy, (to.left + target[0]) * sx, (to.top + target[1]) * sy)
        return image.resize(target, resample, box=part, reducing_gap=gap)
    if (to.width, to.height) != image.size:
        image = image.resize((to.width, to.height), resample, reducing_gap=gap)
    if image.size != target:
        image = image.crop((to.left, to.top, to.left + target[0], to.top + target[1]))
    return image
