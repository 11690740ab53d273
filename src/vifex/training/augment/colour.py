"""Changes of colours, blur, and erased parts, for each image of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["blur", "erase", "erase_squares", "jitter"]

_GREY = (0.299, 0.587, 0.114)


def jitter(images: Tensor, brightness: float, contrast: float, saturation: float, rng: Generator) -> Tensor:
    """Change brightness, contrast and saturation of each image, in this order.

    Args:
        images: `[B, 3, H, W]`, floating point, 0 to 1.
        brightness: Largest relative change.
        contrast: The same, about the mean grey of the image.
        saturation: The same, about the grey of each pixel.
        rng: Random numbers.
    """
    weights = torch.tensor(_GREY).view(1, 3, 1, 1).to(images)
    if brightness:
        images = (images * _factors(images, brightness, rng)).clamp_(0, 1)
    if contrast:
        mean = (images * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
        images = mean.lerp(images, _factors(images, contrast, rng)).clamp_(0, 1)
    if saturation:
        grey = (images * weights).sum(1, keepdim=True).expand_as(images)
        images = grey.lerp(images, _factors(images, saturation, rng)).clamp_(0, 1)
    return images


def _factors(images: Tensor, most: float, rng: Generator) -> Tensor:
    factors = 1 + torch.empty(len(images)).uniform_(-most, most, generator=rng)
    return factors.to(images).view(-1, 1, 1, 1)


def blur(images: Tensor, share: float, rng: Generator) -> Tensor:
    """Blur a share of the images by a Gaussian of 0.1 to 2 pixels."""
    from torchvision.transforms.v2 import functional as ops

    wanted = torch.rand(len(images), generator=rng) < share
    sigmas = torch.empty(len(images)).uniform_(0.1, 2.0, generator=rng)
    out = images.clone()
    # The images of a batch share a few widths, so that each width is one convolution.
    bins = (sigmas * 4).round().clamp_(min=1) / 4
    for sigma in bins[wanted].unique():
        chosen = wanted & (bins == sigma)
        out[chosen] = ops.gaussian_blur(images[chosen], [5, 5], [float(sigma)] * 2)
    return out


def erase(images: Tensor, share: float, rng: Generator) -> Tensor:
    """Erase a rectangle of 2 to 33 % of the area from a share of the images; it becomes zero.

    Args:
        images: `[B, C, H, W]`, normalised, so that zero is the mean.
        share: Of the images.
        rng: Random numbers.
    """
    count, (height, width) = len(images), images.shape[-2:]
    wanted = torch.rand(count, generator=rng) < share
    area = torch.empty(count).uniform_(0.02, 0.33, generator=rng) * height * width
    ratio = torch.exp(torch.empty(count).uniform_(-1.2, 1.2, generator=rng))
    tall, wide = (area * ratio).sqrt().clamp_(max=height), (area / ratio).sqrt().clamp_(max=width)
    tall = torch.where(wanted, tall, torch.zeros(()))
    return _without(images, tall.round(), wide.round(), rng)


def erase_squares(images: Tensor, side_px: int, rng: Generator) -> Tensor:
    """Erase a square from each image (cutout, DeVries 2017)."""
    side = torch.full((len(images),), float(side_px))
    return _without(images, side, side, rng)


def _without(images: Tensor, tall: Tensor, wide: Tensor, rng: Generator) -> Tensor:
    count, (height, width) = len(images), images.shape[-2:]
    tops = (torch.rand(count, generator=rng) * (height - tall + 1)).floor().view(-1, 1)
    lefts = (torch.rand(count, generator=rng) * (width - wide + 1)).floor().view(-1, 1)
    rows, columns = torch.arange(height).view(1, -1), torch.arange(width).view(1, -1)
    in_rows = (rows >= tops) & (rows < tops + tall.view(-1, 1))
    in_columns = (columns >= lefts) & (columns < lefts + wide.view(-1, 1))
    return images.masked_fill((in_rows[:, :, None] & in_columns[:, None, :]).unsqueeze(1), 0.0)
