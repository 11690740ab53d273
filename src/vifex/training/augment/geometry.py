"""Changes of where pixels are: crops, mirror images, rotation and zoom, for each image of a batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["flip", "padded_crop", "rotate_and_zoom", "scaled_crop"]


def padded_crop(images: Tensor, border_px: int, size_px: int, rng: Generator) -> Tensor:
    """Cut a window at a random place of each image, after a mirrored border was added.

    Args:
        images: `[B, C, H, W]`, any dtype.
        border_px: Pixels of border on each side.
        size_px: Side of the windows.
        rng: Random numbers.

    Returns:
        `[B, C, size_px, size_px]`.
    """
    count, channels = images.shape[:2]
    padded = _bordered(images, border_px)
    tops = torch.randint(padded.shape[2] - size_px + 1, (count,), generator=rng)
    lefts = torch.randint(padded.shape[3] - size_px + 1, (count,), generator=rng)
    windows = padded.unfold(2, size_px, 1).unfold(3, size_px, 1)
    cut: Tensor = windows[torch.arange(count), :, tops, lefts]
    return cut.reshape(count, channels, size_px, size_px)


def _bordered(images: Tensor, border_px: int) -> Tensor:
    if border_px == 0:
        return images
    if images.dtype == torch.uint8:  # reflection has no kernel for bytes
        rows = _reflected(images.shape[2], border_px)
        columns = _reflected(images.shape[3], border_px)
        return images[:, :, rows][:, :, :, columns]
    return functional.pad(images, (border_px,) * 4, mode="reflect")


def _reflected(size: int, border: int) -> Tensor:
    places = torch.arange(-border, size + border).abs()
    return torch.where(places >= size, 2 * (size - 1) - places, places).clamp_(0, size - 1)


def flip(images: Tensor, rng: Generator) -> Tensor:
    """Mirror half of the images, left to right."""
    is_flipped = torch.rand(len(images), generator=rng) < 0.5
    return torch.where(is_flipped.view(-1, *[1] * (images.ndim - 1)), images.flip(-1), images)


def scaled_crop(images: Tensor, scale: tuple[float, float], size_px: int, rng: Generator) -> Tensor:
    """Cut a rectangle of random area and shape from each image, and resize it.

    Args:
        images: `[B, C, H, W]`, floating point.
        scale: Smallest and largest share of the image's area. The ratio of the sides is 3/4 to 4/3.
        size_px: Side of the result.
        rng: Random numbers.
    """
    count = len(images)
    area = torch.empty(count).uniform_(*scale, generator=rng)
    ratio = torch.exp(torch.empty(count).uniform_(math.log(3 / 4), math.log(4 / 3), generator=rng))
    width, height = (area * ratio).sqrt().clamp_(max=1), (area / ratio).sqrt().clamp_(max=1)
    x = (2 * torch.rand(count, generator=rng) - 1) * (1 - width)
    y = (2 * torch.rand(count, generator=rng) - 1) * (1 - height)
    zero = torch.zeros(count)
    theta = torch.stack([torch.stack([width, zero, x], 1), torch.stack([zero, height, y], 1)], 1)
    return _sampled(images, theta, size_px)


def rotate_and_zoom(images: Tensor, degrees: float, zoom: float, rng: Generator) -> Tensor:
    """Rotate each image about its centre, and make it larger or smaller.

    Args:
        images: `[B, C, H, W]`, floating point.
        degrees: Largest angle, both ways.
        zoom: Largest relative change of the size, both ways.
        rng: Random numbers.
    """
    count = len(images)
    angle = torch.empty(count).uniform_(-1, 1, generator=rng) * math.radians(degrees)
    size = 1 / (1 + torch.empty(count).uniform_(-1, 1, generator=rng) * zoom)
    cos, sin, zero = angle.cos() * size, angle.sin() * size, torch.zeros(count)
    theta = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
    return _sampled(images, theta, images.shape[-1])


def _sampled(images: Tensor, theta: Tensor, size_px: int) -> Tensor:
    grid = functional.affine_grid(theta.to(images), [len(images), images.shape[1], size_px, size_px], False)
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
