"""Structured pruning: the least important channels go until the multiplications reach a fraction.

The importance of a channel is the magnitude of its weights (Li et al., arXiv:1608.08710) or, where there are
images, the first-order Taylor estimate of what its loss costs (Molchanov et al., CVPR 2019), summed over the
group and divided by the group's mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import ceil
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from vifex.compression.surgery.counting import multiplications
from vifex.compression.surgery.groups import Group, Run, dependency_graph, find_groups, remove, restored
from vifex.values import ModelError
from vifex.values.registry import require

__all__ = ["Importance", "Pruned", "prune"]

Importance = Literal["magnitude", "taylor"]

_KEPT: Final = 0.1
"""Smallest part of a group's channels that stays."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """A pruned network."""

    module: nn.Module
    multiplications: int
    """For one input."""
    removed: dict[str, tuple[int, int]]
    """Root layer of each group to its channels before and after."""


@dataclass(frozen=True, slots=True)
class _Unit:
    group: int
    index: int
    importance: float


def prune(
    module: nn.Module,
    example: Tensor,
    fraction: float,
    run: Run,
    *,
    gradients: Mapping[str, Tensor] | None = None,
    multiple: int = 1,
    of: str = "",
) -> Pruned:
    """Remove channels until a network has a fraction of its multiplications.

    All groups compete for the channels that stay. The number of removed channels is found by bisection: each
    candidate is a pruned copy whose multiplications are counted.

    Args:
        module: In evaluation mode; it stays as it is.
        example: An input, `[1, ...]`.
        fraction: Multiplications to keep, as a part of all, in (0, 1).
        run: Runs a network and returns what must stay comparable, see `find_groups`.
        gradients: Name of a parameter to the gradient of the loss. With gradients the importance is
            Taylor's, without them the magnitude.
        multiple: Groups keep a multiple of so many units, if they have twice as many.
        of: The network's name, for messages.

    Raises:
        ModelError: If no channel can be removed, or the fraction cannot be reached.
        MissingExtraError: If Torch-Pruning is not installed.
    """
    whole = multiplications(module, example)
    groups = find_groups(module, example, run)
    if not groups:
        raise ModelError(
            "none of its channels can be removed without changing the rest of the network.",
            of=of,
            todo="Use low rank or int8 for it.",
        )
    search = _Search(module, example, groups, gradients, multiple)
    fewest = search.count(len(search.ranked))
    if fewest > fraction * whole:
        raise ModelError(
            f"pruning brings its multiplications down to {fewest / whole:.2f} of all, not to {fraction:g}.",
            of=of,
            todo=f"Ask for {fewest / whole + 0.01:.2f} or more, or use low rank.",
        )
    low, high = 0, len(search.ranked)  # `high` removes enough, `low` does not
    while high - low > 1:
        middle = (low + high) // 2
        if search.count(middle) > fraction * whole:
            low = middle
        else:
            high = middle
    best = min((low, high), key=lambda n: abs(search.count(n) - fraction * whole))
    pruned, removed = search.pruned(best)
    return Pruned(pruned, multiplications(pruned, example), removed)


class _Search:
    """A network with its channels in the order in which they go."""

    def __init__(
        self,
        module: nn.Module,
        example: Tensor,
        groups: Sequence[Group],
        gradients: Mapping[str, Tensor] | None,
        multiple: int,
    ) -> None:
        self._original, self._example = module, example
        self._groups, self._multiple = groups, multiple
        # Candidates are cut from one copy and restored: tracing a network takes seconds.
        self._copy = deepcopy(module)
        self._graph = dependency_graph(self._copy, example)
        self._counted: dict[int, int] = {}
        self.ranked = self._rank(gradients)

    def count(self, gone: int) -> int:
        """Return the multiplications without the first `gone` units of `ranked`."""
        if gone not in self._counted:
            with restored(self._copy.modules()):
                self._cut(self._graph, self._copy, gone)
                self._counted[gone] = multiplications(self._copy, self._example)
        return self._counted[gone]

    def pruned(self, gone: int) -> tuple[nn.Module, dict[str, tuple[int, int]]]:
        """Return a copy of the network without the first `gone` units, and the channels of each group."""
        copy = deepcopy(self._original)
        sizes = self._cut(dependency_graph(copy, self._example), copy, gone)
        for parameter in copy.parameters():
            parameter.requires_grad_(False)
        return copy.eval(), sizes

    def _cut(self, graph: Any, module: nn.Module, gone: int) -> dict[str, tuple[int, int]]:
        units: dict[int, list[int]] = {}
        for unit in self.ranked[:gone]:
            units.setdefault(unit.group, []).append(unit.index)
        sizes = {}
        for number, group in enumerate(self._groups):
            chosen = units.get(number, [])  # the least important first
            if group.units >= 2 * self._multiple:
                extra = -(group.units - len(chosen)) % self._multiple
                chosen = chosen[: max(0, len(chosen) - extra)]
            if chosen:
                remove(graph, module, group, chosen)
            sizes[group.root] = (group.channels, group.channels - len(chosen) * group.repeats)
        return sizes

    def _rank(self, gradients: Mapping[str, Tensor] | None) -> list[_Unit]:
        """Return the units that may go, the least important first."""
        scorer = _scorer("magnitude" if gradients is None else "taylor")
        if gradients is not None:
            for name, parameter in self._copy.named_parameters():
                parameter.grad = gradients.get(name, torch.zeros_like(parameter))
        units: list[_Unit] = []
        for number, group in enumerate(self._groups):
            root = self._copy.get_submodule(group.root)
            prune_out = self._graph.get_pruner_of_module(root).prune_out_channels
            whole = self._graph.get_pruning_group(root, prune_out, list(range(group.channels)))
            scores = scorer(whole).view(group.repeats, -1).mean(dim=0)
            kept = max(1, ceil(_KEPT * group.units))
            order = torch.argsort(scores, stable=True).tolist()
            units += [_Unit(number, i, float(scores[i])) for i in order[: group.units - kept]]
        return sorted(units, key=lambda unit: unit.importance)


def _scorer(importance: Importance) -> Any:
    pruning: Any = require("torch_pruning", extra="train", needed_for="pruning")
    if importance == "taylor":
        return pruning.importance.GroupTaylorImportance()
    return pruning.importance.GroupMagnitudeImportance(p=2)
