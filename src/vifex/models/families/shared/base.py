"""What a family of networks offers: its catalogue, a model by name, and the module when an engine asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from vifex.values import Model

__all__ = ["Entry", "Family"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a catalogue: what is known of a network before anything of it is loaded."""

    name: str
    """As `load_model` takes it, prefix and weights included, e.g. `timm/resnet18.a1_in1k`."""
    input: str
    """For people, e.g. `224 x 224` or `16 x 112 x 112`."""
    licence: str = "unknown"
    """Of the weights, as their publisher states it."""
    weights_from: str = ""
    """Where the weights come from, e.g. a hub's repository."""
    paper: str = ""
    parameters: int | None = None
    non_commercial: bool = False
    """Whether the licence forbids commercial use; said once, plainly, when it is loaded."""


class Family(Protocol):
    """A family. Listing its catalogue loads no network; `load` may."""

    prefix: str
    """What stands before the `/` (or `:`) of its names, e.g. `timm`."""

    def catalogue(self) -> Iterable[Entry]:
        """Return the networks worth listing; a family may take more names than it lists.

        Raises:
            MissingExtraError: If the library that knows them is not installed.
        """

    def load(self, name: str, weights: str) -> Model:
        """Make the model of a name.

        Args:
            name: Behind the prefix, e.g. `resnet18.a1_in1k`.
            weights: `pretrained` (through the hub's own library), `random:SEED`, or a file's path.

        Returns:
            A model with a builder, its card from the network's own configuration.

        Raises:
            ModelError: If there is none of that name (near ones offered), or its weights are not here
                and cannot be fetched, or are another network's (which keys, how many).
            MissingExtraError: If the library that makes it is not installed.
        """
