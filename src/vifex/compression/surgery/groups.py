"""Which channels of a network can be removed.

Torch-Pruning finds groups of layers whose channels hang together (DepGraph, Fang et al., CVPR 2023,
arXiv:2301.12900). Each group is checked here before it is used: the network without some of its channels must
give the same outputs as the network where these channels are zero. This leaves out what the tracer
misunderstands (zero-padded shortcuts, attention heads), what a normalisation over channels would change, and
channels of the features themselves.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from vifex.values.registry import require

__all__ = ["Group", "Run", "dependency_graph", "find_groups", "remove", "restored"]

_TOLERANCE: Final = 1e-3
"""Largest difference, as a part of the largest value, between removed channels and zero channels."""

Run = Callable[[nn.Module], Sequence[Tensor]]


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that can only be removed together, one unit at a time."""

    root: str
    """Dotted name of the layer whose outputs the channels are."""
    channels: int
    repeats: int = 1
    """How many blocks of equal length the channels form; a unit has one channel of each. More than 1 only at
    grouped convolutions."""

    @property
    def units(self) -> int:
        """How many units there are."""
        return self.channels // self.repeats

    def indices(self, units: Sequence[int]) -> list[int]:
        """Return the channels of some units."""
        return sorted(unit + self.units * block for unit in units for block in range(self.repeats))


def dependency_graph(module: nn.Module, example: Tensor) -> Any:
    """Trace a network's dependencies; see `torch_pruning.DependencyGraph`.

    Raises:
        MissingExtraError: If Torch-Pruning is not installed.
    """
    pruning: Any = require("torch_pruning", extra="train", needed_for="pruning")
    for parameter in module.parameters():
        parameter.requires_grad_(True)  # the tracer follows gradients
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pruning.DependencyGraph().build_dependency(module, example_inputs=example)


def find_groups(module: nn.Module, example: Tensor, run: Run) -> list[Group]:
    """Find the groups whose channels can be removed without changing anything else.

    Args:
        module: In evaluation mode; it is changed and restored.
        example: The input for the tracer, `[1, ...]`.
        run: Runs the module and returns what must keep its shape and, for channels that are zero, its values.
    """
    graph = dependency_graph(module, example)
    names = {part: name for name, part in module.named_modules()}
    found = []
    before = run(module)
    with torch.no_grad():
        for whole in list(graph.get_all_groups()):
            root = whole[0].dep.target.module
            group = Group(names[root], len(whole[0].idxs), _repeats(graph, whole))
            if group.units > 1 and _is_removable(graph, whole, group, before, lambda: run(module)):
                found.append(group)
    return found


def remove(graph: Any, module: nn.Module, group: Group, units: Sequence[int]) -> None:
    """Remove units of a group from a network, in place.

    Args:
        graph: The `dependency_graph` of this network.
        module: The network.
        group: One of `find_groups` of an equal network, of which nothing was removed yet.
        units: Which ones; not all.
    """
    root = module.get_submodule(group.root)
    cut = graph.get_pruning_group(
        root, graph.get_pruner_of_module(root).prune_out_channels, group.indices(units)
    )
    cut.prune(record_history=False)


def _repeats(graph: Any, whole: Any) -> int:
    """Return the largest number of groups among the grouped convolutions, depthwise ones apart."""
    repeats = 1
    for dep, _ in whole:
        layer = dep.target.module
        if isinstance(layer, nn.modules.conv._ConvNd) and layer.groups not in (1, layer.in_channels):
            repeats = max(repeats, layer.groups)
    return repeats


def _is_removable(
    graph: Any, whole: Any, group: Group, before: Sequence[Tensor], run: Callable[[], Sequence[Tensor]]
) -> bool:
    parts = [dep.target.module for dep, _ in whole]
    if any(isinstance(part, nn.Parameter) for part in parts):
        return False  # a bare parameter has no module that could be restored
    units = list(range(0, group.units, 3))[: group.units - 1]
    root = parts[0]
    cut = graph.get_pruning_group(root, whole[0].dep.handler, group.indices(units))
    with restored(parts):
        for dep, indices in cut:
            if graph.is_out_channel_pruning_fn(dep.handler):
                _zero(dep.target.module, indices)
        zeroed = run()
    try:
        with restored(parts):
            cut.prune(record_history=False)
            removed = run()
    except Exception:  # the network does not run without these channels; torch raises errors of many types
        return False
    return all(
        a.shape == b.shape and float((a - b).abs().max()) <= _TOLERANCE * max(float(c.abs().max()), 1e-12)
        for a, b, c in zip(zeroed, removed, before, strict=True)
    )


def _zero(part: nn.Module, indices: Sequence[int]) -> None:
    """Make output channels of a layer zero, in new parameters."""
    for name in ("weight", "bias"):
        old = getattr(part, name, None)
        if isinstance(old, nn.Parameter):
            values = old.detach().clone()
            if name == "weight" and getattr(part, "transposed", False):
                values[:, indices] = 0
            else:
                values[indices] = 0
            setattr(part, name, nn.Parameter(values))


@contextlib.contextmanager
def restored(parts: Iterable[nn.Module]) -> Iterator[None]:
    """Give modules back their parameters, buffers and sizes after this block.

    Torch-Pruning replaces parameters and never writes into them.
    """
    state = [
        (part, dict(vars(part)), dict(part._parameters), dict(part._buffers)) for part in dict.fromkeys(parts)
    ]
    try:
        yield
    finally:
        for part, attributes, parameters, buffers in state:
            vars(part).clear()
            vars(part).update(attributes)
            part._parameters.clear()
            part._parameters.update(parameters)
            part._buffers.clear()
            part._buffers.update(buffers)
