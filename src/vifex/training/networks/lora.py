"""LoRA (Hu et al. 2022) by peft: low-rank additions to layers learn, and become part of them at the end."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from vifex.models.families.shared.weights import seeded
from vifex.models.trainable.zoo import classifier_name
from vifex.training.config import Network
from vifex.values import InputError
from vifex.values.registry import near, require

if TYPE_CHECKING:
    from torch import nn

__all__ = ["LORA", "add_lora", "merge_lora"]

LORA: Final = ".lora_"
"""Part of the names of all parameters that LoRA adds."""


def add_lora(network: nn.Module, config: Network, *, seed: int) -> None:
    """Add low-rank updates to linear layers and convolutions. The classifier stays as it is, and learns.

    Args:
        network: It is changed. What it computes stays the same until the first step.
        config: `lora_rank` and `lora_targets`.
        seed: Of the random numbers in the additions.

    Raises:
        InputError: If a pattern matches no layer.
        MissingExtraError: If peft is not installed.
    """
    peft: Any = require("peft", extra="train", needed_for="LoRA")
    torch_nn: Any = require("torch.nn", extra="train", needed_for="LoRA")
    head = classifier_name(network)
    kinds = (torch_nn.Linear, torch_nn.Conv2d)
    names = [n for n, m in network.named_modules() if isinstance(m, kinds) and n != head]
    linear = [n for n in names if isinstance(network.get_submodule(n), torch_nn.Linear)]
    for pattern in config.lora_targets:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InputError(
                f"network.lora_targets: {pattern!r} matches no linear layer and no convolution.",
                todo=f"{near(pattern, names)}The first ones are {', '.join(names[:5])}.",
            )
    chosen = [n for n in names if any(fnmatchcase(n, p) for p in config.lora_targets)] or linear
    if not chosen:
        raise InputError(
            "the network has no linear layers before its classifier.",
            todo='Name convolutions: network.lora_targets, e.g. ["layer3.*"].',
        )
    settings = peft.LoraConfig(r=config.lora_rank, lora_alpha=config.lora_rank, target_modules=chosen)
    seeded(seed, lambda: peft.inject_adapter_in_model(settings, network))


def merge_lora(network: nn.Module) -> None:
    """Make the additions part of the layers, so that the network has its own modules and weights again."""
    for name, module in list(network.named_modules()):
        if not hasattr(module, "get_base_layer"):
            continue
        module.merge()
        parent, _, last = name.rpartition(".")
        setattr(network.get_submodule(parent), last, module.get_base_layer())
