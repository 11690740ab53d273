"""A network with its initial weights: random, published, from a file or from another run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vifex.models.families.shared.weights import apply_state, load_state, seeded
from vifex.models.run_folders import WEIGHTS, run_folder
from vifex.models.trainable import NetworkDescription, build_network
from vifex.models.trainable.zoo import classifier_name
from vifex.values import InputError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["initial_network"]


def initial_network(description: NetworkDescription, weights: str, *, seed: int) -> nn.Module:
    """Make a network to train.

    Args:
        description: What it is.
        weights: `pretrained` for the published weights of timm or torchvision, a `.safetensors` file, or the
            folder of a run. Where only the classifier has another size, it stays random. Empty: all random.
        seed: Of the random weights.

    Raises:
        InputError: If the weights are published and the network has none.
        ModelError: If the weights belong to another network.
    """
    if weights == "pretrained":
        if not description.network.startswith(("timm", "torchvision")):
            raise InputError(
                f"the network {description.network!r} has no published weights.",
                todo="Give network.weights a file or a run, or leave it empty.",
            )
        options = {**description.options, "weights": "pretrained"}
        return seeded(seed, lambda: build_network(replace(description, options=options)))
    network = seeded(seed, lambda: build_network(description))
    if weights:
        folder = run_folder(Path(weights))
        state = load_state(Path(weights) if folder is None else folder / WEIGHTS)
        apply_state(network, _fitting(network, state), of=weights)
    return network


def _fitting(network: Any, state: dict[str, Any]) -> dict[str, Any]:
    """Return the weights with the network's own classifier where that has another number of outputs."""
    name = classifier_name(network)
    own = network.state_dict()
    mine = {key: value for key, value in own.items() if key.startswith(f"{name}.")}
    is_other = any(key in state and state[key].shape != value.shape for key, value in mine.items())
    return {**state, **mine} if is_other else state
