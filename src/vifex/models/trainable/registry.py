"""Registry of trainable networks: name -> `module:attribute`, a function `(outputs, **options) -> Module`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from vifex.models.trainable.description import NetworkDescription
from vifex.values import InputError
from vifex.values.registry import load, names, require

if TYPE_CHECKING:
    from torch import nn

__all__ = ["GROUP", "NETWORKS", "build_network", "network_names"]

GROUP: Final = "vifex.networks"
"""Entry point group for trainable networks of other packages."""

NETWORKS: Final[Mapping[str, str]] = {
    "cifar-resnet20": "vifex.models.trainable.cifar_resnet:resnet20",
    "cifar-resnet32": "vifex.models.trainable.cifar_resnet:resnet32",
    "cifar-resnet44": "vifex.models.trainable.cifar_resnet:resnet44",
    "cifar-resnet56": "vifex.models.trainable.cifar_resnet:resnet56",
    "resnet9": "vifex.models.trainable.resnet9:ResNet9",
    "conv2": "vifex.models.trainable.textbook:two_convolutions",
    "conv3": "vifex.models.trainable.textbook:three_convolutions",
    "linear": "vifex.models.trainable.textbook:Linear",
    "autoencoder": "vifex.models.trainable.synthesis.autoencoders:Autoencoder",
    "clip": "vifex.models.trainable.video.clips:ClipNetwork",
    "dcgan": "vifex.models.trainable.synthesis.gan:Generator",
    "frames": "vifex.models.trainable.video.frames:FramesAndHead",
    "fusion": "vifex.models.trainable.fusing:FusionClassifier",
    "sequence": "vifex.models.trainable.video.sequences:SequenceClassifier",
    "timm": "vifex.models.trainable.zoo:from_timm",
    "torchvision": "vifex.models.trainable.zoo:from_torchvision",
}


def network_names() -> list[str]:
    """Return every name that `build_network` takes, sorted."""
    return names(NETWORKS, group=GROUP)


def build_network(description: NetworkDescription) -> nn.Module:
    """Make the network of a description, with its initial weights, in training mode.

    Args:
        description: `network` is a name of the registry. `timm/NAME` and `torchvision/NAME` stand for the
            networks of those libraries.

    Returns:
        A module that maps a batch of inputs to `[B, outputs]`. Its layer `penultimate` is the input of its
        classifier, `[B, D]`.

    Raises:
        InputError: If there is no such network, or it does not take an option.
        MissingExtraError: If torch or the network's library is not installed.
    """
    name, options = description.network, dict(description.options)
    require("torch", extra="train", needed_for=f"the network {name!r}")
    prefix, slash, rest = name.partition("/")
    if slash and prefix in ("timm", "torchvision"):
        name, options = prefix, {"name": rest, **options}
    make: Any = load(NETWORKS, name, group=GROUP, what="network")
    try:
        network: nn.Module = make(description.outputs, **options)
    except TypeError as exc:
        raise InputError(
            f"the network {name!r} does not take the options {', '.join(sorted(options)) or '(none)'}: {exc}."
        ) from exc
    return network
