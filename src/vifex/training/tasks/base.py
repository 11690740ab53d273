"""The interface of a task, and what the loop and a task exchange.

The loop knows steps, optimizers, precision, checkpoints and schedules. A task knows what a batch is and what
is learned from it. Nothing of a task changes with time: a batch is a function of (epoch, step), so that a
resumed run continues exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vifex.models.trainable import NetworkDescription
    from vifex.training.config import Config
    from vifex.values import ModelCard

__all__ = ["Batch", "Loss", "Setting", "Task", "Validation"]

Batch = dict[str, Any]
"""Tensors by name. `inputs` is `[B, C, H, W]` for images, `[B, T, C, H, W]` for clips, `[B, T, D]` for
sequences of features with `mask` `[B, T]`. The loop moves the tensors to the device and reads
nothing of them."""

Loss = tuple[Any, dict[str, float]]
"""A scalar tensor to make smaller, and figures of the batch, e.g. `{"accuracy": 0.5}`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a task is made from."""

    config: Config
    folder: Path
    """The folder of the run; a task may write files of its own there."""
    step: Callable[[str], None] = lambda text: None
    """Called with what is done before training, for display."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What validation found."""

    figures: Mapping[str, float]
    """By name, e.g. `{"loss": 0.4, "accuracy": 0.9}`."""
    arrays: Mapping[str, Any] = field(default_factory=dict)
    """For the report, as NumPy arrays by name: of a classifier `labels` `[N]`, `probabilities` `[N, K]` and
    `rows` `[N]`, which are places in the validation examples."""


class Task(Protocol):
    """What is learned."""

    steps: int
    """Batches of an epoch."""
    batch_size: int
    """Examples of a batch."""
    best: str
    """Name of the figure that chooses the best weights; with `-` before it, a smaller one is better."""

    def networks(self) -> dict[str, nn.Module]:
        """Make the networks with their initial weights. `model` is the one that the run folder keeps.

        A task with several, e.g. `generator` and `discriminator`, also has one that is called `model`.
        """

    def optimized(self) -> Sequence[tuple[str, ...]]:
        """Return the names of the networks that each optimizer changes; most tasks have `[("model",)]`."""

    def batch(self, epoch: int, step: int) -> Batch:
        """Return a batch of training. It may be called in another thread, ahead of the step.

        Random numbers come from a generator that is seeded by (seed, epoch, step).
        """

    def loss(self, networks: Mapping[str, Any], batch: Batch, turn: int) -> Loss | None:
        """Compute what an optimizer makes smaller.

        Args:
            networks: By name, in training mode, on their device.
            batch: On the same device.
            turn: Which optimizer is next, counted in `optimized()`.

        Returns:
            The loss and figures of the batch; `None` if this optimizer skips the batch.
        """

    def validate(self, networks: Mapping[str, Any], to_device: Callable[[Tensor], Tensor]) -> Validation:
        """Compute the figures of the validation examples.

        Args:
            networks: By name, in evaluation mode; gradients are off.
            to_device: Moves a tensor to the networks' device.
        """

    def description(self) -> NetworkDescription:
        """Return what the run folder says about the network `model`."""

    def card(self) -> ModelCard:
        """Return the model card of the network `model`; the loop adds the hash of the weights."""

    def report(self, validation: Validation, folder: Path) -> Sequence[str]:
        """Return parts of the report as HTML, in their order; files may be written into the folder.

        Args:
            validation: The last one, or that of the best weights.
            folder: Of the run.
        """

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return name and reason of each example that was left out or is damaged."""
