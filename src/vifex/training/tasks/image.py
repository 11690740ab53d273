"""Classification of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vifex.training.augment import Augmenter
from vifex.training.config import Config
from vifex.training.data.images import ImageSets, read_image_sets
from vifex.training.tasks.base import Batch, Setting, Validation
from vifex.training.tasks.classifying import ClassifierTask, Rows
from vifex.training.tasks.pixels import as_tensor
from vifex.values import ModelCard

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ImageTask", "image_card"]


class ImageTask(ClassifierTask):
    """Learns the class of an image.

    Args:
        setting: The configuration and the folder of the run.

    Raises:
        InputError: If the examples cannot be used, e.g. because a class is missing.
    """

    def __init__(self, setting: Setting) -> None:
        config = setting.config
        self.sets: ImageSets = read_image_sets(config, setting.step)
        self.augmenter = Augmenter(config.augment, config.data.size_px, self.sets.mean, self.sets.std)
        super().__init__(setting, self.sets.examples)

    def options(self) -> dict[str, Any]:
        """Return nothing: the networks take images of any size."""
        return {}

    def inputs(self, split: str, rows: Rows, rng: torch.Generator | None) -> dict[str, Tensor]:
        """Return images `[B, 3, S, S]` as `inputs`."""
        images = as_tensor(self.sets.images[split].take(rows))
        return {"inputs": self.augmenter.plain(images) if rng is None else self.augmenter.train(images, rng)}

    def mixed(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Mix images and classes by mixup or CutMix, if the configuration says so."""
        if not self.augmenter.mixes:
            return batch
        shares = torch.nn.functional.one_hot(batch["targets"], len(self.classes)).float()
        images, shares = self.augmenter.mixed(batch["inputs"], shares, rng)
        return {"inputs": images, "targets": shares}

    def validation_scores(self, network: Any, inputs: Mapping[str, Any]) -> Tensor:
        """Run the network; with `run.flip_tta` the scores are means over an image and its mirror image."""
        scores = self.scores(network, inputs)
        if not self.config.run.flip_tta:
            return scores
        return (scores + self.scores(network, {"inputs": inputs["inputs"].flip(-1)})) / 2

    def card(self) -> ModelCard:
        """Describe the pixels that the classifier takes."""
        return image_card(self.config, self.sets)

    def report(self, validation: Validation, folder: Path) -> Sequence[str]:
        """Return a confusion matrix and the hardest errors."""
        from vifex.training.run_folder.errors import hardest_part

        hardest = hardest_part(validation, self.classes, self.sets.images["val"], self.config.run.hardest)
        return [*super().report(validation, folder), hardest]

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return the examples that have no label or could not be decoded."""
        return self.sets.problems


def image_card(config: Config, sets: ImageSets) -> ModelCard:
    """Return the card of a network that was trained on images."""
    side = config.data.size_px
    card = ModelCard(
        name=f"run/{config.network.name.replace('/', '-')}",
        height_px=side,
        width_px=side,
        mean=tuple(round(v, 6) for v in sets.mean),
        std=tuple(round(v, 6) for v in sets.std),
        default_layers=("penultimate",),
        provenance=f"trained by vifex train on {', '.join(Path(s).name for s in config.data.train)}",
    )
    if config.data.resize == "shortest" or sets.decode_px != side:
        return replace(card, resize="shortest", resize_px=sets.decode_px)
    return card
