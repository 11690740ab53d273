"""Batches of pixels become what the network takes: random changes, then normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from vifex.training.augment import colour, geometry, mixing
from vifex.training.config import Augment

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["Augmenter"]


class Augmenter:
    """Changes images as a configuration says. The same generator gives the same images.

    Args:
        augment: Which changes.
        size_px: Side of the images that come out.
        mean: Of each channel, 0 to 1.
        std: Of each channel.
    """

    def __init__(self, augment: Augment, size_px: int, mean: Sequence[float], std: Sequence[float]) -> None:
        self._augment, self.size_px = augment, size_px
        # (pixel / 255 - mean) / std as one multiplication and one addition.
        self._factor = (1 / (255 * torch.tensor(list(std)))).view(1, 3, 1, 1)
        self._shift = (-torch.tensor(list(mean)) / torch.tensor(list(std))).view(1, 3, 1, 1)

    def train(self, images: Tensor, rng: Generator) -> Tensor:
        """Change and normalise images of training.

        Args:
            images: uint8 `[B, 3, H, W]`.
            rng: Random numbers of the step.

        Returns:
            float32 `[B, 3, size_px, size_px]`.
        """
        a = self._augment
        if a.rand_augment:
            from vifex.training.augment.rand_augment import rand_augment

            images = rand_augment(images, a.rand_augment, a.magnitude, rng)
        if a.scale:
            images = geometry.scaled_crop(images.float(), (a.scale[0], a.scale[-1]), self.size_px, rng)
        elif a.crop_px or images.shape[-1] > self.size_px:
            images = geometry.padded_crop(images, a.crop_px, self.size_px, rng)
        if a.flip:
            images = geometry.flip(images, rng)
        if a.rotate_deg or a.zoom:
            images = geometry.rotate_and_zoom(images.float(), a.rotate_deg, a.zoom, rng)
        if a.brightness or a.contrast or a.saturation:
            images = colour.jitter(images.float() / 255, a.brightness, a.contrast, a.saturation, rng) * 255
        if a.blur:
            images = colour.blur(images.float(), a.blur, rng)
        images = self._normalised(images)
        if a.erase:
            images = colour.erase(images, a.erase, rng)
        if a.cutout_px:
            images = colour.erase_squares(images, a.cutout_px, rng)
        return images

    def mixed(self, images: Tensor, targets: Tensor, rng: Generator) -> tuple[Tensor, Tensor]:
        """Mix images with each other, and their targets: by mixup or CutMix, or one of both at random.

        Args:
            images: `[B, ...]`, as `train` gives them.
            targets: Shares of the classes `[B, K]`.
            rng: Random numbers of the step.
        """
        a = self._augment
        by_cutmix = bool(a.cutmix) and (not a.mixup or bool(torch.rand((), generator=rng) < 0.5))
        if by_cutmix:
            return mixing.cutmix(images, targets, a.cutmix, rng)
        return mixing.mixup(images, targets, a.mixup, rng) if a.mixup else (images, targets)

    @property
    def mixes(self) -> bool:
        """Whether `mixed` changes anything."""
        return bool(self._augment.mixup or self._augment.cutmix)

    def plain(self, images: Tensor) -> Tensor:
        """Normalise images without a random change; larger ones are cut to their centre.

        Args:
            images: uint8 `[B, 3, H, W]`.
        """
        border = (images.shape[-1] - self.size_px) // 2
        if border > 0:
            window = slice(border, border + self.size_px)
            images = images[..., window, window]
        return self._normalised(images)

    def shown(self, images: Tensor) -> Tensor:
        """Return normalised images as uint8 pixels, for people."""
        return self.pixels(images).round().clamp_(0, 255).to(torch.uint8)

    def pixels(self, images: Tensor) -> Tensor:
        """Return normalised images as floating-point pixels, 0 to 255, on their device."""
        images = images.float()
        out: Tensor = (images - self._shift.to(images)) / self._factor.to(images)
        return out

    def _normalised(self, images: Tensor) -> Tensor:
        out: Tensor = torch.addcmul(self._shift, images.float(), self._factor)
        return out
