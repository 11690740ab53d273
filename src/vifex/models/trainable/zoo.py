"""Networks of timm and torchvision with a new classifier.

The network is made by its family in `vifex.models`, so that its published weights are fetched and checked as
for extraction. Then its last layer is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vifex.models.families.shared.places import last_linear
from vifex.values import InputError
from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import nn

__all__ = ["classifier_name", "from_timm", "from_torchvision", "replace_classifier"]


def from_timm(outputs: int, *, name: str, weights: str = "random:0", dropout: float = 0.0) -> nn.Module:
    """Make a network of timm.

    Args:
        outputs: Classes.
        name: As timm names it, with or without the tag of its weights.
        weights: `pretrained`, `random:SEED`, or a file of weights of the whole network.
        dropout: Share of the input of the classifier that is dropped in training.
    """
    from vifex.models.families.libraries.timm import build

    return _with_classifier(build(name, weights), outputs, dropout)


def from_torchvision(
    outputs: int, *, name: str, weights: str = "random:0", dropout: float = 0.0
) -> nn.Module:
    """Make a network of torchvision.

    Args:
        outputs: Classes.
        name: As torchvision names it, e.g. `resnet18`.
        weights: `pretrained`, `random:SEED`, or a file of weights of the whole network.
        dropout: Share of the input of the classifier that is dropped in training.
    """
    from vifex.models.families.libraries.torchvision import build

    return _with_classifier(build(name, weights), outputs, dropout)


def _with_classifier(network: nn.Module, outputs: int, dropout: float) -> nn.Module:
    where = classifier_name(network)
    replace_classifier(network, where, outputs, dropout=dropout)
    return network.train()


def classifier_name(network: nn.Module) -> str:
    """Return the name of a network's last linear layer or 1 x 1 convolution.

    Raises:
        InputError: If it has none.
    """
    config = getattr(network, "pretrained_cfg", None) or {}
    named = config.get("classifier")
    name = named if isinstance(named, str) else last_linear(network, "").lstrip(".")
    if not name:
        raise InputError(
            "the network has no linear layer at its end that could be replaced.", of=type(network).__name__
        )
    return name


def replace_classifier(network: nn.Module, where: str, outputs: int, *, dropout: float = 0.0) -> None:
    """Replace a network's last layer by a new one with another number of outputs.

    Args:
        network: It is changed.
        where: Name of the layer.
        outputs: Numbers that the new layer gives.
        dropout: Share of its input that is dropped in training.
    """
    nn: Any = require("torch.nn", extra="train", needed_for="a new classifier")
    old = network.get_submodule(where)
    new: Any
    if isinstance(old, nn.Conv2d):
        new = nn.Conv2d(old.in_channels, outputs, 1)
    else:
        new = nn.Linear(old.in_features, outputs)
    if dropout:
        new = nn.Sequential(nn.Dropout(dropout), new)
    # The hook that reads `penultimate` moves to the new layer.
    hooks = dict(getattr(old, "_forward_pre_hooks", {}))
    for hook in hooks.values():
        new.register_forward_pre_hook(hook)
    parent, _, last = where.rpartition(".")
    setattr(network.get_submodule(parent), last, new)
