"""Parts of a network: its stages in order, which of them learn in an epoch, and their rates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from vifex.models.trainable.zoo import classifier_name
from vifex.training.config import Network, Optimizer
from vifex.training.networks.lora import LORA
from vifex.values import InputError
from vifex.values.registry import near

if TYPE_CHECKING:
    from torch import nn

__all__ = ["freeze", "parameter_groups", "stages"]


def stages(network: nn.Module) -> list[str]:
    """Return prefixes of the parameters, one for each stage, from the input to the output.

    A stage is a child with parameters; of a child that is a list of blocks, each block is a stage.
    """
    found = []
    for name, child in network.named_children():
        if not any(True for _ in child.parameters()):
            continue
        blocks = [n for n, c in child.named_children() if any(True for _ in c.parameters())]
        is_list = len(blocks) > 1 and all(re.fullmatch(r"\d+", n) for n in blocks)
        found += [f"{name}.{n}." for n in blocks] if is_list else [f"{name}."]
    return found


def freeze(network: nn.Module, config: Network, epoch: int) -> None:
    """Set which parameters learn in an epoch. A normalisation whose parameters do not learn stays as it is.

    Args:
        network: It is changed: `requires_grad` of its parameters, and the mode of its normalisations.
        config: `freeze`, `probe_epochs` and `unfreeze_epochs`.
        epoch: From 0.

    Raises:
        InputError: If a pattern matches no parameter, or nothing is left to learn.
    """
    names = [name for name, _ in network.named_parameters()]
    for pattern in config.freeze:
        if not any(_matches(name, [pattern]) for name in names):
            raise InputError(
                f"network.freeze: {pattern!r} matches none of the network's {len(names)} weights.",
                todo=f"{near(pattern, names)}They begin with "
                f"{', '.join(s.rstrip('.') for s in stages(network))}.",
            )
    learning = _learning(network, config, epoch)
    head = f"{classifier_name(network)}." if config.lora_rank else None
    for name, parameter in network.named_parameters():
        is_open = any(name.startswith(prefix) for prefix in learning)
        is_open = is_open and (head is None or LORA in name or name.startswith(head))
        parameter.requires_grad_(is_open and not _matches(name, config.freeze))
    if not any(p.requires_grad for p in network.parameters()):
        raise InputError("network.freeze leaves nothing to learn.", todo="Remove a pattern.")
    for module in network.modules():
        own = list(module.parameters(recurse=False))
        if own and not any(p.requires_grad for p in own) and hasattr(module, "running_mean"):
            module.eval()


def _learning(network: nn.Module, config: Network, epoch: int) -> list[str]:
    """Return prefixes of the parameters that learn in an epoch."""
    order = stages(network)
    head = f"{classifier_name(network)}." if config.probe_epochs or config.unfreeze_epochs else ""
    if epoch < config.probe_epochs:
        return [head]
    if config.unfreeze_epochs:
        count = 1 + (epoch - config.probe_epochs) // config.unfreeze_epochs
        if count < len(order):
            return [head, *order[len(order) - count :]]
    return [""]


def parameter_groups(network: nn.Module, config: Optimizer) -> list[dict[str, Any]]:
    """Return the groups of an optimizer: parameters, `weight_decay`, and `factor` of the learning rate.

    Args:
        network: All of its parameters are in a group, those that do not learn at first too.
        config: `weight_decay`, `decay_all`, `layer_decay` and `head_factor`.
    """
    order = stages(network)
    head = f"{classifier_name(network)}." if config.head_factor != 1.0 else None
    found: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in network.named_parameters():
        depth = next((i for i, prefix in enumerate(order) if name.startswith(prefix)), 0)
        factor = config.layer_decay ** (len(order) - 1 - depth)
        if head is not None and name.startswith(head):
            factor = config.head_factor
        has_decay = config.decay_all or parameter.ndim > 1
        found.setdefault((factor, config.weight_decay if has_decay else 0.0), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay, "factor": factor}
        for (factor, decay), parameters in found.items()
    ]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, p) or name.startswith(f"{p}.") for p in patterns)
