"""Recovery: the compressed network learns to give what the uncompressed one gives for the same images.

The loss is the distance of the features (1 - cosine), with a classifier also the divergence of softened
scores (Hinton et al. 2015, arXiv:1503.02531), and with labels that are the network's classes also their
cross-entropy. The loop of training does the steps: they are a function of seed, epoch and step, and a
recovery that was interrupted continues from its checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from vifex.compression.images import Images
from vifex.compression.outputs import Outputs, Subject, reading
from vifex.engines.torch.layer_outputs import LayerOutput, Pixels
from vifex.models.trainable import NetworkDescription
from vifex.training.augment.geometry import flip, padded_crop
from vifex.training.config import Config, Data, Network, Optimizer, Run, Schedule
from vifex.training.data.order import Order, step_seed
from vifex.training.loop.trainer import Trainer
from vifex.training.progress import TrainingMoment
from vifex.training.tasks import Batch, Validation
from vifex.training.tasks.base import Loss
from vifex.values import ModelCard
from vifex.values.steps import step

__all__ = ["Recovery", "recover"]

_TEMPERATURE: Final = 4.0
_BORDER: Final = 8
"""An image is shifted by at most this part of its side."""
_SGD_RATE: Final = 0.02
_ADAM_RATE: Final = 2e-4
"""For networks without batch normalisation, which are transformers or like them."""
_VALIDATED: Final = 1024


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long and how fast a network recovers."""

    epochs: int
    lr: float | None = None
    """Highest learning rate; `None` chooses by the kind of network."""
    batch: int = 128
    seed: int = 0
    distil: bool = True
    """Whether the network learns from the uncompressed one. Without it only the labels count: this is plain
    fine-tuning, with which a recovery is compared."""


def recover(
    subject: Subject,
    student: nn.Module,
    learn: Images,
    judge: Images,
    *,
    recovery: Recovery,
    with_labels: bool,
    folder: Path,
) -> nn.Module:
    """Train a compressed network to be near to the uncompressed one.

    Args:
        subject: The uncompressed network.
        student: The compressed one; it is changed.
        learn: Images to learn from.
        judge: Other images, for the figures of each epoch.
        recovery: How long.
        with_labels: Whether the labels are the network's classes; needed without distillation.
        folder: For the checkpoint; if there is one, recovery continues from it.

    Returns:
        The student, on the CPU, in evaluation mode.

    Raises:
        TrainingError: If the loss is not finite, or a checkpoint cannot be written.
        MissingExtraError: If Lightning Fabric is not installed.
    """
    with reading(subject, student) as reader, reading(subject, subject.module) as teacher:
        task = _Distillation(subject, reader, teacher, learn, judge, recovery, with_labels)
        config = _config(student, task.batch_size, recovery)
        Trainer(task, config, folder, on_step=_tell).fit()
        subject.module.to("cpu")
    for parameter in student.parameters():
        parameter.requires_grad_(False)
    return student.to("cpu").to(memory_format=torch.contiguous_format).eval()


def _config(student: nn.Module, batch: int, recovery: Recovery) -> Config:
    by_sgd = any(isinstance(part, _BatchNorm) for part in student.modules())
    rate = recovery.lr if recovery.lr is not None else _SGD_RATE if by_sgd else _ADAM_RATE
    return Config(
        data=Data(),
        network=Network(),
        optimizer=Optimizer(
            name="sgd" if by_sgd else "adamw",
            lr=rate,
            weight_decay=5e-4 if by_sgd else 0.01,
            clip_norm=5.0,
        ),
        schedule=Schedule(name="cosine", warmup=0.05),
        run=Run(epochs=recovery.epochs, batch=batch, seed=recovery.seed, log=()),
    )


def _tell(moment: TrainingMoment) -> None:
    done = (moment.epoch + moment.step / moment.steps) / moment.epochs
    left = "" if moment.left_s is None else f", {moment.left_s / 60:.0f} min left"
    step(f"recovering, epoch {moment.epoch + 1} of {moment.epochs}, {done:.0%} done{left}")


class _Distillation:
    """The task of the loop; see `vifex.training.tasks.Task`."""

    best = "-loss"

    def __init__(
        self,
        subject: Subject,
        student: LayerOutput,
        teacher: LayerOutput,
        learn: Images,
        judge: Images,
        recovery: Recovery,
        with_labels: bool,
    ) -> None:
        self._subject, self._student, self._teacher = subject, student, teacher
        self._learn, self._judge = learn, judge
        self._with_labels = with_labels
        self._uses_scores = subject.has_classifier or with_labels
        self._seed, self._distil = recovery.seed, recovery.distil
        self._order = Order(len(learn), recovery.batch, recovery.seed)
        self.steps, self.batch_size = self._order.steps, self._order.batch
        self._prepare = Pixels(subject.card)

    def networks(self) -> dict[str, nn.Module]:
        """Return the student."""
        return {"model": self._student}

    def optimized(self) -> Sequence[tuple[str, ...]]:
        """Return the one network."""
        return [("model",)]

    def batch(self, epoch: int, step: int) -> Batch:
        """Return shifted and mirrored images `[B, 3, H, W]` as `inputs`, and `labels` `[B]` if they serve."""
        rows = self._order.rows(epoch, step)
        rng = torch.Generator().manual_seed(step_seed(self._seed, epoch, step))
        pixels = torch.from_numpy(self._learn.pixels[rows]).permute(0, 3, 1, 2)
        side = pixels.shape[2]
        if side == pixels.shape[3] and side >= _BORDER:
            pixels = padded_crop(pixels, side // _BORDER, side, rng)
        pixels = flip(pixels, rng).permute(0, 2, 3, 1)
        batch: Batch = {"inputs": self._prepare(pixels)}
        if self._with_labels:
            assert self._learn.labels is not None
            batch["labels"] = torch.from_numpy(self._learn.labels[rows])
        return batch

    def loss(self, networks: Mapping[str, Any], batch: Batch, turn: int) -> Loss | None:
        """Return the distance to the teacher, and its parts."""
        own = self._sorted(networks["model"](batch["inputs"]))
        total: Any = 0.0
        figures: dict[str, float] = {}
        if self._distil:
            total, scores = self._distances(own, self._taught(batch["inputs"]))
            figures["features"] = float(total.detach())
            if scores is not None:
                total = total + scores
                figures["scores"] = float(scores.detach())
        if self._with_labels:
            assert own.logits is not None
            total = total + functional.cross_entropy(own.logits, batch["labels"])
            right = own.logits.detach().argmax(dim=1) == batch["labels"]
            figures["accuracy"] = float(right.float().mean())
        return total, figures

    def _taught(self, inputs: Tensor) -> Outputs:
        self._subject.module.to(inputs.device).eval()
        kind = inputs.device.type
        # The teacher may be as inexact as the student that learns from it.
        with torch.no_grad(), torch.autocast(kind, torch.bfloat16) if kind != "mps" else nullcontext():
            return self._sorted(self._teacher(inputs))

    def _sorted(self, values: tuple[Tensor, ...]) -> Outputs:
        if self._subject.output is None:
            return Outputs(values, None)
        return Outputs(values[:-1], values[-1])

    def _distances(self, own: Outputs, given: Outputs) -> tuple[Tensor, Tensor | None]:
        distances = [
            1 - functional.cosine_similarity(a.flatten(1), b.flatten(1), dim=1).mean()
            for a, b in zip(own.features, given.features, strict=True)
        ]
        features = torch.stack(distances).mean()
        if not self._uses_scores or own.logits is None or given.logits is None:
            return features, None
        mine = functional.log_softmax(own.logits / _TEMPERATURE, dim=1)
        wanted = functional.log_softmax(given.logits / _TEMPERATURE, dim=1)
        divergence = functional.kl_div(mine, wanted, reduction="batchmean", log_target=True)
        return features, divergence * _TEMPERATURE**2

    def validate(self, networks: Mapping[str, Any], to_device: Callable[[Tensor], Tensor]) -> Validation:
        """Return the distances and, with labels, the accuracy on the images for the figures."""
        count = min(len(self._judge), _VALIDATED)
        losses, right = [], 0
        for start in range(0, count, self.batch_size):
            rows = np.arange(start, min(start + self.batch_size, count))
            inputs = to_device(self._prepare(torch.from_numpy(self._judge.pixels[rows])))
            own = self._sorted(networks["model"](inputs))
            features, scores = self._distances(own, self._taught(inputs))
            losses.append((float(features) + (0.0 if scores is None else float(scores))) * len(rows))
            if self._with_labels and self._judge.labels is not None and own.logits is not None:
                right += int((own.logits.argmax(dim=1).cpu().numpy() == self._judge.labels[rows]).sum())
        figures = {"loss": sum(losses) / count}
        if self._with_labels and self._judge.labels is not None:
            figures["accuracy"] = right / count
        return Validation(figures)

    def description(self) -> NetworkDescription:
        """Name the network; no file describes its changed layers."""
        output = self._subject.output
        return NetworkDescription(self._subject.card.name, 0 if output is None else output.layer.size)

    def card(self) -> ModelCard:
        """Return the card of the uncompressed network."""
        return self._subject.card

    def report(self, validation: Validation, folder: Path) -> Sequence[str]:
        """Return nothing: the report of a compression is its table."""
        return ()

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return nothing: what could not be decoded was reported before."""
        return ()
