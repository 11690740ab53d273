"""Optimizers by name, over groups of parameters that have a factor of the learning rate each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from vifex.training.config import Config
from vifex.training.loop.schedules import rate_factor
from vifex.training.networks.parts import parameter_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

__all__ = ["make_optimizer", "set_rate"]


def make_optimizer(networks: Sequence[nn.Module], config: Config) -> Any:
    """Make the optimizer of some networks.

    Args:
        networks: Their parameters are all in it.
        config: The section [optimizer].
    """
    o = config.optimizer
    groups = [group for network in networks for group in parameter_groups(network, o)]
    if o.name == "adamw":
        return torch.optim.AdamW(groups, lr=o.lr, betas=(o.beta1, o.beta2))
    return torch.optim.SGD(groups, lr=o.lr, momentum=o.momentum, nesterov=o.nesterov and o.momentum > 0)


def set_rate(optimizer: Any, config: Config, step: int, steps: int) -> float:
    """Set the learning rate of a step.

    Args:
        optimizer: As `make_optimizer` gives it.
        config: [optimizer] and [schedule].
        step: From 0, of the whole run.
        steps: Of the whole run.

    Returns:
        The rate of a group with the factor 1.
    """
    rate = config.optimizer.lr * rate_factor(config.schedule, step, steps)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    return rate
