"""Classification of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from vifex.models.trainable import NetworkDescription
from vifex.training.augment import Augmenter
from vifex.training.config import Config
from vifex.training.data.images import ImageSets, read_image_sets
from vifex.training.data.order import Order, step_seed
from vifex.training.imbalance import Classification, sampling_weights
from vifex.training.networks.initial import initial_network
from vifex.training.tasks.base import Batch, Loss, Setting, Validation
from vifex.values import InputError, ModelCard

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

__all__ = ["ImageTask", "image_card", "scores_of"]

_BATCH_STREAM: Final = 0


class ImageTask:
    """Learns the class of an image.

    Args:
        setting: The configuration and the folder of the run.

    Raises:
        InputError: If the examples cannot be used, e.g. because a class is missing.
    """

    best = "accuracy"

    def __init__(self, setting: Setting) -> None:
        self.config = config = setting.config
        self.sets: ImageSets = read_image_sets(config, setting.step)
        train = self.sets.examples["train"]
        self.classes = train.classes
        if len(self.classes) < 2:
            raise InputError(
                f"the training examples have {len(self.classes)} classes, and two are the least.",
                todo="Give examples with labels of at least two classes.",
            )
        self._labels = torch.from_numpy(train.labels)
        counts = np.bincount(train.labels, minlength=len(self.classes))
        self._loss = Classification(counts, config.imbalance, config.loss.label_smoothing)
        weights = sampling_weights(train.labels, config.imbalance)
        self._order = Order(len(train), config.run.batch, config.run.seed, weights)
        self.steps, self.batch_size = self._order.steps, self._order.batch
        self.augmenter = Augmenter(config.augment, config.data.size_px, self.sets.mean, self.sets.std)

    def networks(self) -> dict[str, nn.Module]:
        """Make the network; see `Task.networks`."""
        network = initial_network(self.description(), self.config.network.weights, seed=self.config.run.seed)
        return {"model": network}

    def optimized(self) -> Sequence[tuple[str, ...]]:
        """Return the one network."""
        return [("model",)]

    def batch(self, epoch: int, step: int) -> Batch:
        """Return images `[B, 3, H, W]`, and as `targets` classes `[B]` or their shares `[B, K]`."""
        rows = self._order.rows(epoch, step)
        rng = torch.Generator().manual_seed(step_seed(self.config.run.seed, epoch, step, _BATCH_STREAM))
        images = self.augmenter.train(_tensor(self.sets.images["train"].take(rows)), rng)
        labels = self._labels[torch.from_numpy(rows)]
        if not self.augmenter.mixes:
            return {"inputs": images, "targets": labels}
        shares = torch.nn.functional.one_hot(labels, len(self.classes)).float()
        images, shares = self.augmenter.mixed(images, shares, rng)
        return {"inputs": images, "targets": shares}

    def loss(self, networks: Mapping[str, Any], batch: Batch, turn: int) -> Loss | None:
        """Return the loss of the classifier, and the accuracy of the batch."""
        scores, targets = networks["model"](batch["inputs"]), batch["targets"]
        classes = targets if targets.ndim == 1 else targets.argmax(1)
        accuracy = (scores.detach().argmax(1) == classes).float().mean()
        return self._loss.to(scores.device)(scores, targets), {"accuracy": float(accuracy)}

    def validate(self, networks: Mapping[str, Any], to_device: Callable[[Tensor], Tensor]) -> Validation:
        """Return loss, accuracy and balanced accuracy of the validation examples."""
        probabilities = self.probabilities("val", networks["model"], to_device)
        return classified(self.sets.examples["val"].labels, probabilities)

    def test(self, network: Any) -> Mapping[str, float]:
        """Return the figures of the test examples, if there are any.

        Args:
            network: With its final weights, on the CPU.
        """
        if "test" not in self.sets.examples:
            return {}
        with torch.inference_mode():
            probabilities = self.probabilities("test", network, lambda tensor: tensor)
        return classified(self.sets.examples["test"].labels, probabilities).figures

    def probabilities(
        self, split: str, network: Any, to_device: Callable[[Tensor], Tensor]
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the probabilities of the classes `[N, K]` for the examples of a split."""
        run, source = self.config.run, self.sets.images[split]
        size = run.eval_batch or run.batch
        count = len(self.sets.examples[split])
        parts = []
        for start in range(0, count, size):
            rows = np.arange(start, min(start + size, count))
            inputs = to_device(self.augmenter.plain(_tensor(source.take(rows))))
            parts.append(scores_of(network, inputs, is_mirrored=run.flip_tta).softmax(1).cpu().numpy())
        return np.concatenate(parts)

    def description(self) -> NetworkDescription:
        """Describe the classifier."""
        network = self.config.network
        return NetworkDescription(
            network=network.name,
            outputs=len(self.classes),
            options=dict(network.options),
            task=self.config.run.task,
            classes=self.classes,
        )

    def card(self) -> ModelCard:
        """Describe the pixels that the classifier takes."""
        return image_card(self.config, self.sets)

    def report(self, validation: Validation, folder: Path) -> Sequence[str]:
        """Return a confusion matrix and the hardest errors."""
        from vifex.training.run_folder.errors import confusion_part, hardest_part

        images = self.sets.images["val"]
        return [
            confusion_part(validation, self.classes),
            hardest_part(validation, self.classes, images, self.config.run.hardest),
        ]

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return the examples that could not be decoded."""
        return self.sets.problems


def _tensor(pixels: Any) -> Tensor:
    """Turn pixels `[B, H, W, 3]` into a tensor `[B, 3, H, W]` that shares their memory."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)


def scores_of(network: Any, inputs: Tensor, *, is_mirrored: bool = False) -> Tensor:
    """Return scores in float32; with `is_mirrored`, the mean of those of an image and its mirror image."""
    scores: Tensor = network(inputs).float()
    return (scores + network(inputs.flip(-1)).float()) / 2 if is_mirrored else scores


def classified(labels: Any, probabilities: Any) -> Validation:
    """Return the figures of a classifier.

    Args:
        labels: Classes `[N]`; -1 is left out.
        probabilities: `[N, K]`.
    """
    rows = np.flatnonzero(labels >= 0)
    wanted, shares = labels[rows], probabilities[rows].astype(np.float64)
    is_right = shares.argmax(1) == wanted
    losses = -np.log(np.maximum(shares[np.arange(len(rows)), wanted], 1e-12))
    recalls = [is_right[wanted == k].mean() for k in np.unique(wanted)]
    figures = {
        "loss": float(losses.mean()),
        "accuracy": float(is_right.mean()),
        "balanced_accuracy": float(np.mean(recalls)),
    }
    return Validation(figures, {"labels": wanted, "probabilities": probabilities[rows], "rows": rows})


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
