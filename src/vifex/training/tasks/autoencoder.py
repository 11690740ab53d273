"""Autoencoders, variational or not: codes of images, samples, and a score for odd images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vifex.training.losses.synthesis import autoencoder_loss, reconstruction_errors
from vifex.training.networks.initial import initial_network
from vifex.training.tasks.base import Batch, Loss, Validation
from vifex.training.tasks.pixels import as_pixels
from vifex.training.tasks.synthesis import SynthesisTask, part

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["AutoencoderTask"]

_STEPS = 8


class AutoencoderTask(SynthesisTask):
    """Learns codes of images; see `Autoencoder`. `loss.options` has `code` (128) and `beta` (1).

    The anomaly score of an image is its mean squared error, which `vifex.training.losses.synthesis` computes;
    the report shows the validation images with the highest scores.
    """

    best = "-loss"

    def networks(self) -> dict[str, nn.Module]:
        """Make the network; see `Task.networks`."""
        network = initial_network(self.description(), self.config.network.weights, seed=self.config.run.seed)
        return {"model": network}

    def options(self) -> dict[str, Any]:
        """Return the size of the images."""
        return {"size_px": self.config.data.size_px}

    def optimized(self) -> Sequence[tuple[str, ...]]:
        """Return the one network."""
        return [("model",)]

    def loss(self, networks: Mapping[str, Any], batch: Batch, turn: int) -> Loss | None:
        """Return the loss and the mean squared error of the batch."""
        images = batch["inputs"]
        coded = networks["model"](images)
        error = reconstruction_errors(coded, images).mean()
        return autoencoder_loss(coded, images, beta=self._beta), {"error": float(error.detach())}

    @property
    def _beta(self) -> float:
        return float(self._options.get("beta", 1.0))

    def validate(self, networks: Mapping[str, Any], to_device: Callable[[Tensor], Tensor]) -> Validation:
        """Return loss and mean squared error of validation images, and the distance of samples."""
        network = networks["model"]
        run, count = self.config.run, len(self.sets.examples["val"])
        size = run.eval_batch or run.batch
        losses, errors = [], []
        for start in range(0, count, size):
            images = to_device(self.plain("val", np.arange(start, min(start + size, count))))
            coded = network(images)
            losses.append(float(autoencoder_loss(coded, images, beta=self._beta)) * len(images))
            errors.append(reconstruction_errors(coded, images).cpu().numpy())
        scores = np.concatenate(errors)
        figures = {"loss": sum(losses) / count, "error": float(scores.mean())}
        line = network.interpolate(*to_device(self.plain("val", np.arange(2))), _STEPS)
        arrays = {"samples": self.shown(network), "scores": scores, "line": as_pixels(line)}
        return Validation({**figures, **self.distances(network)}, arrays)

    def sample(self, network: Any, noise: Tensor) -> Tensor:
        """Decode noise."""
        image: Tensor = network.decode(noise)
        return image

    def report(self, validation: Validation, folder: Path) -> Sequence[str]:
        """Return samples, the way from one image to another, and the images with the highest scores."""
        odd = np.argsort(-validation.arrays["scores"])[:16]
        return [
            *super().report(validation, folder),
            part("From one image to another", validation.arrays["line"]),
            part("Highest anomaly scores", as_pixels(self.plain("val", odd))),
        ]
