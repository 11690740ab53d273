"""Mixing of images and of their targets: mixup (Zhang 2018) and CutMix (Yun 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["cutmix", "mixup"]


def mixup(images: Tensor, targets: Tensor, alpha: float, rng: Generator) -> tuple[Tensor, Tensor]:
    """Blend each image and its target with those of the image before it in the batch.

    Args:
        images: `[B, ...]`, floating point.
        targets: Shares of the classes `[B, K]`.
        alpha: Of the Beta distribution from which the share of a batch is drawn.
        rng: Random numbers.
    """
    share = _beta(alpha, rng)
    return images.roll(1, 0).lerp(images, share), targets.roll(1, 0).lerp(targets, share)


def cutmix(images: Tensor, targets: Tensor, alpha: float, rng: Generator) -> tuple[Tensor, Tensor]:
    """Put a rectangle of the image before it in the batch into each image.

    Args:
        images: `[B, ..., H, W]`.
        targets: Shares of the classes `[B, K]`, which become those of the areas.
        alpha: Of the Beta distribution from which the area of a batch is drawn.
        rng: Random numbers.
    """
    share = _beta(alpha, rng)
    height, width = images.shape[-2:]
    tall, wide = round(height * (1 - share) ** 0.5), round(width * (1 - share) ** 0.5)
    top = int(torch.randint(height - tall + 1, (), generator=rng))
    left = int(torch.randint(width - wide + 1, (), generator=rng))
    out = images.clone()
    window = (..., slice(top, top + tall), slice(left, left + wide))
    out[window] = images.roll(1, 0)[window]
    kept = 1 - tall * wide / (height * width)
    return out, targets.roll(1, 0).lerp(targets, kept)


def _beta(alpha: float, rng: Generator) -> float:
    seed = int(torch.randint(1 << 62, (), generator=rng))
    return float(np.random.default_rng(seed).beta(alpha, alpha))
