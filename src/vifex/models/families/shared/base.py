"""What a family of networks offers: a catalogue, and a model by its name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from vifex.values import Model

__all__ = ["Entry", "Family"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a catalogue: what is known about a network before it is loaded."""

    name: str
    """As `load_model` takes it, prefix and weights included, e.g. `timm/resnet18.a1_in1k`."""
    input: str
    """For display, e.g. `224 x 224` or `16 x 112 x 112`."""
    licence: str = "unknown"
    """Licence of the weights, as their publisher states it."""
    weights_from: str = ""
    """Where the weights come from, e.g. a hub's repository."""
    paper: str = ""
    parameters: int | None = None
    non_commercial: bool = False
    """Whether the licence forbids commercial use; a note says so when the network is loaded."""


class Family(Protocol):
    """A family of networks. Listing its catalogue loads no network."""

    prefix: str
    """The part of its names before the `/` (or `:`), e.g. `timm`."""

    def catalogue(self) -> Iterable[Entry]:
        """Return the networks to list; a family may take more names than it lists.

        Raises:
            MissingExtraError: If the library that knows them is not installed.
        """

    def load(self, name: str, weights: str) -> Model:
        """Load the model of a name.

        Args:
            name: Without the prefix, e.g. `resnet18.a1_in1k`.
            weights: `pretrained` (through the hub's own library), `random:SEED`, or a file's path.

        Returns:
            A model with a builder, and with a card made from the network's own configuration.

        Raises:
            ModelError: If there is no such network (the message offers similar names), or its weights cannot
                be read or fetched, or belong to another network (the message says which keys differ).
            MissingExtraError: If the library that makes it is not installed.
        """
