"""A generative adversarial network: a generator of images and a discriminator that it must deceive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from vifex.models.families.shared.weights import seeded
from vifex.models.trainable.synthesis.gan import Discriminator
from vifex.training.losses.synthesis import discriminator_loss, generator_loss
from vifex.training.networks.initial import initial_network
from vifex.training.tasks.base import Batch, Loss, Setting, Validation
from vifex.training.tasks.synthesis import SynthesisTask
from vifex.values import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["GanTask"]


class GanTask(SynthesisTask):
    """Learns to make images of noise: DCGAN with spectral normalisation and the hinge loss.

    The run keeps the generator as `model`. `loss.options` has `code` (128), numbers of the noise, and
    `critic` (1), steps of the discriminator for each step of the generator.

    Args:
        setting: The configuration and the folder of the run.

    Raises:
        InputError: If the images have not 32 pixels, or the examples cannot be used.
    """

    best = "-frechet"

    def __init__(self, setting: Setting) -> None:
        if setting.config.data.size_px != 32:
            raise InputError(
                f"the generator makes images of 32 pixels, not {setting.config.data.size_px}.",
                todo="Set data.size_px = 32.",
            )
        super().__init__(setting)

    def networks(self) -> dict[str, nn.Module]:
        """Make the generator, `model`, and the discriminator."""
        config = self.config
        width = int(config.network.options.get("width", 64))
        return {
            "model": initial_network(self.description(), config.network.weights, seed=config.run.seed),
            "discriminator": seeded(config.run.seed + 1, lambda: Discriminator(width=width)),
        }

    def optimized(self) -> Sequence[tuple[str, ...]]:
        """Return the discriminator, then the generator."""
        return [("discriminator",), ("model",)]

    def batch(self, epoch: int, step: int) -> Batch:
        """Return images and whether it is the generator's turn, too."""
        critic = max(1, int(self._options.get("critic", 1)))
        return {**super().batch(epoch, step), "is_generators": (step + 1) % critic == 0}

    def loss(self, networks: Mapping[str, Any], batch: Batch, turn: int) -> Loss | None:
        """Return the hinge loss of the discriminator, then that of the generator."""
        if turn == 1 and not batch["is_generators"]:
            return None
        real = batch["inputs"]
        noise = torch.randn(len(real), self.code, device=real.device)
        made = networks["model"](noise)
        if turn == 1:
            return generator_loss(networks["discriminator"](made)), {}
        scores = networks["discriminator"](torch.cat([real, made.detach()])).chunk(2)
        return discriminator_loss(*scores), {"margin": float((scores[0].mean() - scores[1].mean()).detach())}

    def validate(self, networks: Mapping[str, Any], to_device: Callable[[Tensor], Tensor]) -> Validation:
        """Return the Fréchet distances of samples, of training images and of noise from validation images."""
        return Validation(self.distances(networks["model"]), {"samples": self.shown(networks["model"])})

    def sample(self, network: Any, noise: Tensor) -> Tensor:
        """Make images."""
        images: Tensor = network(noise)
        return images
