"""What the tasks that learn classes share, whatever their inputs are: order, loss, figures, report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import torch

from vifex.models.trainable import NetworkDescription
from vifex.training.data.order import Order, step_seed
from vifex.training.data.splits import Splits
from vifex.training.imbalance import Classification, sampling_weights
from vifex.training.networks.initial import initial_network
from vifex.training.tasks.base import Batch, Loss, Setting, Validation
from vifex.values import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["ClassifierTask", "classified", "labelled"]

Rows = npt.NDArray[np.int64]
_BATCH_STREAM: Final = 0


class ClassifierTask(ABC):
    """Learns the class of an example.

    A task derives from it and says what the inputs of some rows are.

    Args:
        setting: The configuration and the folder of the run.
        splits: Examples with labels.

    Raises:
        InputError: If there are fewer than two classes.
    """

    best = "accuracy"

    def __init__(self, setting: Setting, splits: Splits) -> None:
        self.config = config = setting.config
        self.splits = splits
        train = splits["train"]
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

    @abstractmethod
    def inputs(self, split: str, rows: Rows, rng: torch.Generator | None) -> dict[str, Tensor]:
        """Return what the network takes, by the names of its arguments; the first is `inputs`.

        Args:
            split: `train`, `val` or `test`.
            rows: Places in the split's examples.
            rng: Random numbers of a step of training; `None` in validation.
        """

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return options of the network that follow from the examples, e.g. the size of a feature."""

    def networks(self) -> dict[str, nn.Module]:
        """Make the network; see `Task.networks`."""
        network = initial_network(self.description(), self.config.network.weights, seed=self.config.run.seed)
        return {"model": network}

    def optimized(self) -> Sequence[tuple[str, ...]]:
        """Return the one network."""
        return [("model",)]

    def batch(self, epoch: int, step: int) -> Batch:
        """Return the inputs of a step, and as `targets` its classes `[B]` or their shares `[B, K]`."""
        rows = self._order.rows(epoch, step)
        rng = torch.Generator().manual_seed(step_seed(self.config.run.seed, epoch, step, _BATCH_STREAM))
        targets = self._labels[torch.from_numpy(rows)]
        return self.mixed({**self.inputs("train", rows, rng), "targets": targets}, rng)

    def mixed(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Mix the examples of a batch of training with each other; most tasks do not."""
        return batch

    def loss(self, networks: Mapping[str, Any], batch: Batch, turn: int) -> Loss | None:
        """Return the loss of the classifier, and the accuracy of the batch."""
        targets = batch["targets"]
        scores = self.scores(networks["model"], {k: v for k, v in batch.items() if k != "targets"})
        classes = targets if targets.ndim == 1 else targets.argmax(1)
        accuracy = (scores.detach().argmax(1) == classes).float().mean()
        return self._loss.to(scores.device)(scores, targets), {"accuracy": float(accuracy)}

    def scores(self, network: Any, inputs: Mapping[str, Any]) -> Tensor:
        """Run the network: scores `[B, classes]` in float32."""
        scores: Tensor = network(*inputs.values()).float()
        return scores

    def validation_scores(self, network: Any, inputs: Mapping[str, Any]) -> Tensor:
        """Run the network in validation and test; by default as in training."""
        return self.scores(network, inputs)

    def validate(self, networks: Mapping[str, Any], to_device: Callable[[Tensor], Tensor]) -> Validation:
        """Return loss, accuracy and balanced accuracy of the validation examples."""
        probabilities = self.probabilities("val", networks["model"], to_device)
        return classified(self.splits["val"].labels, probabilities)

    def test(self, network: Any) -> Mapping[str, float]:
        """Return the figures of the test examples; none if there are no such examples."""
        if "test" not in self.splits:
            return {}
        with torch.inference_mode():
            probabilities = self.probabilities("test", network, lambda tensor: tensor)
        return classified(self.splits["test"].labels, probabilities).figures

    def probabilities(
        self, split: str, network: Any, to_device: Callable[[Tensor], Tensor]
    ) -> npt.NDArray[np.float32]:
        """Return the probabilities of the classes `[N, K]` for the examples of a split."""
        size = self.config.run.eval_batch or self.config.run.batch
        count = len(self.splits[split])
        parts = []
        for start in range(0, count, size):
            rows = np.arange(start, min(start + size, count))
            inputs = {k: to_device(v) for k, v in self.inputs(split, rows, None).items()}
            parts.append(self.validation_scores(network, inputs).softmax(1).cpu().numpy())
        return np.concatenate(parts)

    def description(self) -> NetworkDescription:
        """Describe the classifier."""
        network = self.config.network
        return NetworkDescription(
            network=network.name,
            outputs=len(self.classes),
            options={**self.options(), **network.options},
            task=self.config.run.task,
            classes=self.classes,
        )

    def report(self, validation: Validation, folder: Path) -> Sequence[str]:
        """Return a confusion matrix."""
        from vifex.training.run_folder.errors import confusion_part

        return [confusion_part(validation, self.classes)]

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return the examples that were left out."""
        return [problem for examples in self.splits.values() for problem in examples.problems]


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


def labelled(splits: Splits) -> Splits:
    """Leave out the examples without a label; they become problems of their split."""
    from dataclasses import replace

    found: Splits = {}
    for name, examples in splits.items():
        missing = np.flatnonzero(examples.labels < 0)
        names = examples.column("name")
        problems = (*examples.problems, *((names[row], "it has no label") for row in missing))
        kept = examples.take(np.flatnonzero(examples.labels >= 0)) if len(missing) else examples
        found[name] = replace(kept, problems=problems)
    return found
