"""What must stay comparable when a network is compressed: its features and its output.

A `Subject` is the uncompressed network with the layers that a user extracts. Compression keeps the number
of values of these layers, so that features before and after can be compared one by one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vifex.engines import EngineOptions
from vifex.engines.torch.discover import Spot
from vifex.engines.torch.engine import TorchEngine
from vifex.engines.torch.layer_outputs import LayerOutput
from vifex.values import Model, ModelCard, ModelError

__all__ = ["Outputs", "Subject", "open_subject", "read_outputs", "reading"]


class Outputs(NamedTuple):
    """What a network gives for a batch of N inputs."""

    features: tuple[Tensor, ...]
    """Float32 `[N, ...]` for each layer of `Subject.features`."""
    logits: Tensor | None
    """Float32 `[N, classes]`; `None` if the network has no classifier."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A network that is to be compressed."""

    model: Model
    module: nn.Module
    """On the CPU, in evaluation mode, not shared with an engine."""
    features: tuple[Spot, ...]
    """The layers that are extracted by default."""
    spots: tuple[Spot, ...]
    """Every layer of the uncompressed network."""
    output: Spot | None
    """The network's own output, if it is a vector."""
    fixed_batch: bool

    @property
    def card(self) -> ModelCard:
        """The card of the uncompressed network."""
        return self.model.card

    @property
    def has_classifier(self) -> bool:
        """Whether the output is something else than the features."""
        return self.output is not None and all(s.layer.name != self.output.layer.name for s in self.features)

    def example(self, batch: int = 1) -> Tensor:
        """Return noise as the network's own input, `[batch, ...]`, the same in each call."""
        generator = torch.Generator().manual_seed(0)
        return torch.rand(self.card.input_shape(batch), generator=generator)


def open_subject(model: Model) -> Subject:
    """Make the network of a model and find its layers.

    Raises:
        ModelError: If the model is a file that torch cannot change, or takes clips or sound.
    """
    if model.engine != "torch" or model.builder is None:
        raise ModelError(
            "only a network that torch runs can be pruned or factorised, and this model is a graph file.",
            of=model.card.name,
            todo="Name the network (PREFIX/NAME) that the file was exported from, or use int8, which takes "
            "graph files.",
        )
    if model.card.takes_numbers or model.card.frames is not None:
        raise ModelError("only networks of single images can be compressed.", of=model.card.name)
    engine = TorchEngine(EngineOptions(device="cpu").device)
    features = engine.spots(model, engine.resolve_layers(model, []))
    with engine.borrowed(model) as (module, found):
        own = deepcopy(module)
        last = found.spots[-1]
    output = last if last.layer.kind == "vector" else None
    return Subject(model, own.eval(), tuple(features), found.spots, output, found.fixed_batch)


@contextlib.contextmanager
def reading(subject: Subject, module: nn.Module) -> Iterator[LayerOutput]:
    """Yield a module that returns the features of `subject` and, last, its output."""
    spots = [*subject.features, *([] if subject.output is None else [subject.output])]
    reader = LayerOutput(module, spots)
    reader.train(module.training)
    try:
        yield reader
    finally:
        reader.close()


def read_outputs(subject: Subject, reader: LayerOutput, x: Tensor) -> Outputs:
    """Run a network and sort what it gives.

    Args:
        subject: Says what is read.
        reader: Of `reading`.
        x: The network's own input, `[N, ...]`.
    """
    *features, last = values = reader(x)
    if subject.output is None:
        return Outputs(tuple(values), None)
    return Outputs(tuple(features), last)
