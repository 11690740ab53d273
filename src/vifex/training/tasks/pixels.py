"""From pixels to tensors and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["as_pixels", "as_tensor"]


def as_tensor(pixels: Any) -> Tensor:
    """Turn pixels `[B, H, W, 3]` into a tensor `[B, 3, H, W]`."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)


def as_pixels(images: Tensor) -> npt.NDArray[np.uint8]:
    """Turn images `[B, 3, H, W]`, 0 to 1, into pixels `[B, H, W, 3]`."""
    pixels = (255 * images.detach().float()).round().clamp(0, 255).to(torch.uint8)
    found: npt.NDArray[np.uint8] = pixels.permute(0, 2, 3, 1).cpu().numpy()
    return found
