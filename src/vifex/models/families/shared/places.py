"""Layers that are not the output of a module: they become modules, so that hooks find them by name.

The network computes the same as before, and its modules keep their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["first_convolution", "last_linear", "point", "read_input", "vector"]


def read_input(network: nn.Module, at: str, name: str = "penultimate") -> None:
    """Add a module `name` whose output is the input of another module, as one vector.

    Args:
        network: The network that gets a further submodule.
        at: Name of the module whose first input is read, e.g. `fc`.
        name: Name of the new module.
    """
    network.get_submodule(at).register_forward_pre_hook(_Look(point(network, name)))


class _Look:
    """A hook that shows a module's input to a point. In a copy of the network it belongs to the copy."""

    def __init__(self, place: nn.Module) -> None:
        self._place = place

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._place(vector(inputs[0]))


def point(network: nn.Module, name: str) -> nn.Module:
    """Add a module that returns its input, so that a hook on it sees what it is called with."""
    nn: Any = require("torch.nn", extra="torch", needed_for="a network that is code")
    place: nn.Module = nn.Identity()
    network.add_module(name, place)
    return place


def vector(x: Tensor) -> Tensor:
    """Average over positions: `[B, C, ...]` to `[B, C]`.

    A layer that maps every position alike (a 1 x 1 convolution) commutes with an average after it, so this is
    the input of the last layer even if the network averages later.
    """
    return x if x.ndim <= 2 else x.flatten(2).mean(-1)


def last_linear(network: nn.Module, within: str) -> str:
    """Return the name of the last linear layer or convolution in a part of a network, `within` included."""
    nn: Any = require("torch.nn", extra="torch", needed_for="a network that is code")
    kinds = (nn.Linear, nn.Conv2d, nn.Conv3d)
    part = network.get_submodule(within)
    inner = [name for name, module in part.named_modules() if isinstance(module, kinds)]
    if not inner:
        return within
    return f"{within}.{inner[-1]}" if inner[-1] else within


def first_convolution(network: nn.Module) -> str | None:
    """Return the name of the first convolution, `None` if there is none."""
    nn: Any = require("torch.nn", extra="torch", needed_for="a network that is code")
    kinds = (nn.Conv2d, nn.Conv3d)
    return next((name for name, module in network.named_modules() if isinstance(module, kinds)), None)
