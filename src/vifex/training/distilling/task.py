"""A task of images with a teacher: its loss, and the distance to the teacher beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from vifex.models.families.shared.weights import seeded
from vifex.training.config import Config
from vifex.training.distilling.losses import feature_loss, logit_loss, similarity_loss
from vifex.training.distilling.teacher import Teacher
from vifex.training.loop.devices import resolve_precision
from vifex.training.tasks.base import Batch, Loss, Task
from vifex.values import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["distilled"]


def distilled(task: Any, config: Config) -> Task:
    """Return a task that also learns from `network.teacher`; without a teacher, the task itself.

    Args:
        task: Whose batches have images as `inputs`.
        config: [network] and [loss].

    Raises:
        InputError: If the task has no images, or the teacher's scores are of other classes.
    """
    return _Distilled(task, config) if config.network.teacher else task


class _Distilled:
    """Everything but the loss is the inner task's."""

    def __init__(self, task: Any, config: Config) -> None:
        if not hasattr(task, "augmenter"):
            raise InputError(f"the task {config.run.task!r} has no images for a teacher.")
        device = "cuda" if torch.cuda.is_available() and config.run.device != "cpu" else "cpu"
        self._task, self._config, self._on = task, config, config.loss.distill_on
        self.teacher = Teacher(
            config.network.teacher,
            batch=task.batch_size,
            on=self._on,
            precision=resolve_precision(config.run.precision, device),
        )
        classes = getattr(task, "classes", ())
        if self._on == "logits" and self.teacher.classes and self.teacher.classes != classes:
            raise InputError(
                "the teacher has other classes than the examples.",
                of=config.network.teacher,
                todo="Set loss.distill_on to features or similarity.",
            )
        self._features: list[Tensor] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def networks(self) -> dict[str, nn.Module]:
        """Make the networks of the task, and with `features` a projection to the teacher's size."""
        found: dict[str, nn.Module] = self._task.networks()
        place = found["model"] if self._on == "logits" else getattr(found["model"], "penultimate", None)
        if place is None:
            raise InputError("the network has no layer `penultimate` that could learn from the teacher.")
        place.register_forward_hook(self._note)
        if self._on == "features":
            batch = self._task.batch(0, 0)["inputs"][:2]
            with torch.no_grad():
                found["model"](batch)
            own = self._features.pop().flatten(1).shape[1]
            given = self.teacher(self._pixels(batch)).shape[1]
            seed = self._config.run.seed
            found["projection"] = seeded(seed, lambda: torch.nn.Linear(own, given))
        return found

    def _note(self, module: Any, inputs: Any, output: Tensor) -> None:
        """Keep what a forward pass of training gives."""
        if module.training:
            self._features.append(output)

    def optimized(self) -> Sequence[tuple[str, ...]]:
        """Let the first optimizer change the projection too."""
        groups = [tuple(names) for names in self._task.optimized()]
        return [(*groups[0], "projection"), *groups[1:]] if self._on == "features" else groups

    def loss(self, networks: Mapping[str, Any], batch: Batch, turn: int) -> Loss | None:
        """Return the loss of the task and the weighted distance to the teacher."""
        self._features.clear()
        found: Loss | None = self._task.loss(networks, batch, turn)
        if found is None or turn:
            return found
        loss, figures = found
        given = self.teacher(self._pixels(batch["inputs"]))
        distance = self._distance(networks, given)
        weight = self._config.loss.distill_weight
        return loss + weight * distance, {**figures, "distance": float(distance.detach())}

    def _distance(self, networks: Mapping[str, Any], given: Tensor) -> Tensor:
        own = self._features.pop().flatten(1)
        if self._on == "logits":
            return logit_loss(own, given, self._config.loss.distill_temperature)
        if self._on == "similarity":
            return similarity_loss(own, given)
        return feature_loss(networks["projection"](own), given)

    def _pixels(self, inputs: Tensor) -> Tensor:
        """Return normalised images as pixels, 0 to 255."""
        pixels: Tensor = self._task.augmenter.pixels(inputs)
        return pixels
