"""Low-rank factorisation of a network: which layers are split, and at which ranks.

A layer at a rank has a price in multiplications and an error, the part of its energy that is lost. The ranks
minimise the sum of the errors at the given number of multiplications: for a price per multiplication every
layer takes what is cheapest for it, and the price is found by bisection. What is left over goes to the ranks
that gain most.
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from vifex.compression.surgery.counting import applications, multiplications
from vifex.compression.surgery.factors import Factors, Scheme, factorise, schemes_of, split
from vifex.values import ModelError

__all__ = ["LowRank", "factorise_network", "input_sizes"]

_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class LowRank:
    """A factorised network."""

    module: nn.Module
    multiplications: int
    """For one input."""
    ranks: dict[str, tuple[Scheme, int, int]]
    """Layer to the way in which it was split, its rank, and the full rank. Layers that stay are not named."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """A layer as it may be: split at a rank, or whole (`factors` is `None`)."""

    cost: int
    error: float
    factors: Factors | None = None
    rank: int = 0


def input_sizes(module: nn.Module, batches: list[Tensor]) -> dict[str, Tensor]:
    """Measure the root mean square of every input channel of convolutions and linear layers.

    Args:
        module: In evaluation mode.
        batches: Inputs, `[N, ...]` each.

    Returns:
        Dotted name of the layer to `[inputs]`.
    """
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}

    def look(name: str, layer: nn.Module, given: tuple[Any, ...]) -> None:
        x = given[0].detach()
        axis = 1 if isinstance(layer, nn.Conv2d) else x.dim() - 1
        others = [i for i in range(x.dim()) if i != axis]
        sums[name] = sums.get(name, 0) + x.double().square().sum(dim=others)
        counts[name] = counts.get(name, 0) + x.numel() // x.shape[axis]

    layers = [(n, part) for n, part in module.named_modules() if type(part) in (nn.Conv2d, nn.Linear)]
    hooks = [part.register_forward_pre_hook(partial(look, name)) for name, part in layers]
    try:
        with torch.no_grad():
            for batch in batches:
                module(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: (total / counts[name]).sqrt() for name, total in sums.items()}


def factorise_network(
    module: nn.Module,
    example: Tensor,
    fraction: float,
    *,
    sizes: dict[str, Tensor] | None = None,
    of: str = "",
) -> LowRank:
    """Split layers of a network until it has a fraction of its multiplications.

    Args:
        module: In evaluation mode; it stays as it is.
        example: An input, `[1, ...]`.
        fraction: Multiplications to keep, as a part of all, in (0, 1).
        sizes: Of `input_sizes`; without them all inputs of a layer count alike.
        of: The network's name, for messages.

    Raises:
        ModelError: If no layer can be split, or the fraction cannot be reached.
    """
    whole = multiplications(module, example)
    counts = applications(module, example)
    choices = _choices(module, counts, sizes or {})
    if not choices:
        raise ModelError(
            "none of its layers can be factorised: it has no convolution without groups and no linear layer.",
            of=of,
            todo="Use pruning or int8 for it.",
        )
    rest = whole - sum(options[0].cost for options in choices.values())
    least = rest + sum(min(choice.cost for choice in options) for options in choices.values())
    if least > fraction * whole:
        raise ModelError(
            f"low rank brings its multiplications down to {least / whole:.2f} of all, not to {fraction:g}.",
            of=of,
            todo=f"Ask for {least / whole + 0.01:.2f} or more.",
        )
    chosen = _cheapest(choices, math.floor(fraction * whole) - rest)
    copy = deepcopy(module)
    ranks: dict[str, tuple[Scheme, int, int]] = {}
    for name, choice in chosen.items():
        if choice.factors is not None:
            parent, _, own = name.rpartition(".")
            layer: Any = module.get_submodule(name)
            replaced = split(layer, choice.factors, choice.rank)
            _move_hooks(copy.get_submodule(name), replaced)
            setattr(copy.get_submodule(parent), own, replaced)
            ranks[name] = choice.factors.scheme, choice.rank, len(choice.factors.lost) - 1
    try:
        found = multiplications(copy.eval(), example)
    except Exception as exc:  # its code reads the layers that are split; errors have many types
        raise ModelError(
            f"it does not run with factorised layers: {type(exc).__name__}: {exc}.",
            of=of,
            todo="Use pruning or int8 for it.",
        ) from exc
    return LowRank(copy, found, ranks)


def _move_hooks(layer: nn.Module, replaced: nn.Module) -> None:
    """Let the hooks of a layer look at what replaces it: some networks show their features by a hook."""
    replaced._forward_pre_hooks.update(layer._forward_pre_hooks)
    replaced._forward_hooks.update(layer._forward_hooks)


def _choices(module: nn.Module, counts: dict[str, int], sizes: dict[str, Tensor]) -> dict[str, list[_Choice]]:
    """Return what each layer may be, whole first, then every rank that costs less."""
    found: dict[str, list[_Choice]] = {}
    for name, applied in counts.items():
        layer: Any = module.get_submodule(name)
        full = applied * layer.weight.numel()
        options = [_Choice(full, 0.0)]
        for scheme in schemes_of(layer):
            factors = factorise(layer, scheme, sizes.get(name))
            # A strided vertical convolution gives more columns than the output has.
            columns = layer.stride[1] if scheme == "space" else 1
            per_rank = _per_rank(layer, factors, applied, columns)
            options += [
                _Choice(rank * per_rank, factors.lost[rank], factors, rank)
                for rank in range(1, len(factors.lost))
                if rank * per_rank < full
            ]
        if len(options) > 1:
            found[name] = options
    return found


def _per_rank(layer: Any, factors: Factors, applied: int, columns: int) -> int:
    """Return the multiplications of both layers for each rank."""
    if factors.scheme == "channels":
        return applied * factors.weights_per_rank
    height, width = layer.kernel_size
    price: int = applied * (columns * layer.in_channels * height + width * layer.out_channels)
    return price


def _cheapest(choices: dict[str, list[_Choice]], budget: int) -> dict[str, _Choice]:
    """Choose for every layer so that the costs fit into a budget and the sum of errors is small."""

    def at(price: float) -> dict[str, _Choice]:
        return {
            name: min(options, key=lambda c: (c.error + price * c.cost, c.cost))
            for name, options in choices.items()
        }

    def cost(chosen: dict[str, _Choice]) -> int:
        return sum(choice.cost for choice in chosen.values())

    if cost(at(0.0)) <= budget:
        return at(0.0)
    low, high = 1e-18, 1.0  # errors are at most 1 and costs at least 1, so a price of 1 gives the least cost
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        if cost(at(middle)) <= budget:
            high = middle
        else:
            low = middle
    chosen = at(high)
    left = budget - cost(chosen)
    while better := _best_step(choices, chosen, left):
        name, choice = better
        left -= choice.cost - chosen[name].cost
        chosen[name] = choice
    return chosen


def _best_step(
    choices: dict[str, list[_Choice]], chosen: dict[str, _Choice], left: int
) -> tuple[str, _Choice] | None:
    """Return the layer and its next choice that gain most per multiplication; `None` if nothing fits."""
    steps = [
        ((chosen[name].error - c.error) / (c.cost - chosen[name].cost), name, c)
        for name, options in choices.items()
        for c in options
        if 0 < c.cost - chosen[name].cost <= left and c.error < chosen[name].error
    ]
    best = max(steps, key=lambda step: step[0], default=None)
    return None if best is None else best[1:]
