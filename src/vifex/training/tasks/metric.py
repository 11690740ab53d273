"""Metric learning: an embedding in which images of one class are near each other, also of new classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from vifex.evaluation import retrieval_figures
from vifex.models.families.shared.weights import seeded
from vifex.models.trainable import NetworkDescription
from vifex.models.trainable.zoo import classifier_name
from vifex.training.data.balanced import BalancedBatches
from vifex.training.data.order import step_seed
from vifex.training.losses.metric import make_metric_loss
from vifex.training.tasks.base import Batch, Loss, Setting, Validation
from vifex.training.tasks.image import ImageTask
from vifex.training.tasks.pixels import as_tensor
from vifex.values import InputError, ModelCard

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["MetricTask"]

_BATCH_STREAM: Final = 0
_RECALL_AT: Final = (1, 2, 4, 8)


class MetricTask(ImageTask):
    """Learns an embedding from classes of images.

    A batch has `loss.options.classes` classes (16 by default) with as many images of each as fill
    `run.batch`. The embedding has `loss.options.features` numbers (128) and length 1; `loss.name` is a name
    of `METRIC_LOSSES`. With `data.group = "label"` validation has classes that training has not.

    Args:
        setting: The configuration and the folder of the run.

    Raises:
        InputError: If the examples cannot be used, or there is no such loss.
    """

    best = "recall_at_1"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        options = dict(setting.config.loss.options)
        per_batch, self._features = int(options.pop("classes", 16)), int(options.pop("features", 128))
        if options:
            raise InputError(
                f"loss.options has no key {next(iter(options))!r}.", todo="Known: classes, features."
            )
        labels = self.sets.examples["train"].labels
        per_batch = min(per_batch, len(np.unique(labels)))
        self._balanced = BalancedBatches(
            labels,
            per_batch=per_batch,
            examples=max(2, setting.config.run.batch // per_batch),
            seed=setting.config.run.seed,
        )
        self.steps, self.batch_size = self._balanced.steps, self._balanced.size

    def networks(self) -> dict[str, nn.Module]:
        """Make the network and the loss, which may have weights of its own."""
        name = self.config.loss.name
        loss = seeded(
            self.config.run.seed + 1,
            lambda: make_metric_loss(name, classes=len(self.classes), features=self._features),
        )
        return {**super().networks(), "loss": loss}

    def optimized(self) -> Sequence[tuple[str, ...]]:
        """Return the network and the loss, which one optimizer changes."""
        return [("model", "loss")]

    def batch(self, epoch: int, step: int) -> Batch:
        """Return images `[B, 3, H, W]` as `inputs` and their classes `[B]` as `targets`."""
        rows = self._balanced.batch(epoch, step)
        rng = torch.Generator().manual_seed(step_seed(self.config.run.seed, epoch, step, _BATCH_STREAM))
        images = self.augmenter.train(as_tensor(self.sets.images["train"].take(rows)), rng)
        return {"inputs": images, "targets": self._labels[torch.from_numpy(rows)]}

    def loss(self, networks: Mapping[str, Any], batch: Batch, turn: int) -> Loss | None:
        """Return the loss of the batch's vectors."""
        vectors = torch.nn.functional.normalize(networks["model"](batch["inputs"]).float(), dim=1)
        return networks["loss"](vectors, batch["targets"]), {}

    def validate(self, networks: Mapping[str, Any], to_device: Callable[[Tensor], Tensor]) -> Validation:
        """Return recall@1, 2, 4 and 8, mean average precision and R-precision of the validation examples."""
        return self._judged("val", networks["model"], to_device)

    def test(self, network: Any) -> Mapping[str, float]:
        """Return the same figures of the test examples; none if there are no such examples."""
        if "test" not in self.sets.examples:
            return {}
        with torch.inference_mode():
            return self._judged("test", network, lambda tensor: tensor).figures

    def _judged(self, split: str, network: Any, to_device: Callable[[Tensor], Tensor]) -> Validation:
        vectors, labels = self._vectors(split, network, to_device), self.sets.examples[split].labels
        found = retrieval_figures(vectors, labels, recall_at=_RECALL_AT)
        figures = {
            **{f"recall_at_{k}": value for k, value in found.recall_at.items()},
            "mean_average_precision": found.mean_average_precision,
            "r_precision": found.r_precision,
        }
        return Validation(figures, {"vectors": vectors, "targets": labels})

    def _vectors(
        self, split: str, network: Any, to_device: Callable[[Tensor], Tensor]
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the vectors `[N, D]` of a split's images."""
        run, source = self.config.run, self.sets.images[split]
        size, count = run.eval_batch or run.batch, len(self.sets.examples[split])
        parts = []
        for start in range(0, count, size):
            images = self.augmenter.plain(as_tensor(source.take(np.arange(start, min(start + size, count)))))
            parts.append(network(to_device(images)).float().cpu().numpy())
        return np.concatenate(parts)

    def description(self) -> NetworkDescription:
        """Describe the network; its outputs are the embedding, which has no classes."""
        return replace(super().description(), outputs=self._features, classes=())

    def card(self) -> ModelCard:
        """Describe the pixels that the network takes; its last layer is the embedding."""
        from vifex.models.trainable import build_network

        layer = classifier_name(build_network(self.description()))
        return replace(super().card(), default_layers=(layer,))

    def report(self, validation: Validation, folder: Path) -> Sequence[str]:
        """Return a table of the figures of retrieval."""
        rows = "".join(f"<tr><td>{k}</td><td>{v:.4f}</td></tr>" for k, v in validation.figures.items())
        return [f"<h2>Retrieval</h2>\n<table>{rows}</table>"]
