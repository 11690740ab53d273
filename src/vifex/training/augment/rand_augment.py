"""RandAugment (Cubuk 2020) for each image of a batch, by the operations of torchvision.transforms.v2.

Images that drew the same operation, sign and magnitude go through it together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as ops

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["OPERATIONS", "rand_augment"]

_MOST: Final = 30


def _affine(
    images: Tensor, *, angle: float = 0.0, x: float = 0.0, y: float = 0.0, shear: Any = (0, 0)
) -> Tensor:
    shift = [round(x * images.shape[-1]), round(y * images.shape[-2])]
    return ops.affine(
        images, angle, shift, 1.0, list(shear), interpolation=InterpolationMode.NEAREST, fill=[128.0] * 3
    )


OPERATIONS: Final[dict[str, Callable[[Any, float], Any]]] = {
    "identity": lambda x, m: x,
    "shear x": lambda x, m: _affine(x, shear=(m * 17.0, 0.0)),
    "shear y": lambda x, m: _affine(x, shear=(0.0, m * 17.0)),
    "translate x": lambda x, m: _affine(x, x=m * 0.45),
    "translate y": lambda x, m: _affine(x, y=m * 0.45),
    "rotate": lambda x, m: _affine(x, angle=m * 30.0),
    "brightness": lambda x, m: ops.adjust_brightness(x, 1.0 + m * 0.9),
    "colour": lambda x, m: ops.adjust_saturation(x, 1.0 + m * 0.9),
    "contrast": lambda x, m: ops.adjust_contrast(x, 1.0 + m * 0.9),
    "sharpness": lambda x, m: ops.adjust_sharpness(x, 1.0 + m * 0.9),
    "posterize": lambda x, m: ops.posterize(x, 8 - round(abs(m) * 4)),
    "solarize": lambda x, m: ops.solarize(x, 255 * (1 - abs(m))),
    "autocontrast": lambda x, m: ops.autocontrast(x),
    "equalize": lambda x, m: ops.equalize(x),
}
"""Name to a function of images, uint8 `[B, 3, H, W]`, and a signed magnitude, -1 to 1."""


def rand_augment(images: Tensor, count: int, magnitude: int, rng: Generator) -> Tensor:
    """Apply random operations to each image.

    Args:
        images: uint8 `[B, 3, H, W]`.
        count: Operations for each image, one after the other.
        magnitude: 0 to 30.
        rng: Random numbers.
    """
    functions = list(OPERATIONS.values())
    strength = min(magnitude, _MOST) / _MOST
    for _ in range(count):
        chosen = torch.randint(len(functions), (len(images),), generator=rng)
        signs = torch.randint(2, (len(images),), generator=rng) * 2 - 1
        out = images.clone()
        for number, function in enumerate(functions):
            for sign in (-1, 1):
                mine = (chosen == number) & (signs == sign)
                if mine.any():
                    out[mine] = function(images[mine], sign * strength)
        images = out
    return images
