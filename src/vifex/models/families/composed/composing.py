"""What the families of composed networks share: options in a name, the inner network, and weights.

A composed network is a backbone and a head. Its weights are drawn from a seed for both, or the backbone has
its published ones and the head has none, or a file holds `backbone.*` and `head.*`, or `head.*` alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vifex.models.families.registry import FAMILIES, GROUP
from vifex.models.families.shared.base import Family
from vifex.models.families.shared.weights import apply_state, load_state, seed_of
from vifex.values import InputError, Model, ModelError
from vifex.values.registry import load, near

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["GivenWeights", "find_module", "given_weights", "inner_model", "module_of", "parse_options"]


def inner_model(name: str, weights: str) -> Model:
    """Load the network inside by its full name, its own family's prefix included.

    Raises:
        ModelError: If there is no such family or network.
    """
    prefix, rest = [*re.split("[/:]", name, maxsplit=1), ""][:2]
    try:
        family: Family = load(FAMILIES, prefix, group=GROUP, what="family of models")
    except InputError as exc:
        raise ModelError(exc.what, of=name, todo=exc.todo) from exc
    return family.load(rest, weights)


def module_of(model: Model) -> nn.Module:
    """Make the network of a model that has a builder, in evaluation mode."""
    if model.builder is None:
        raise ValueError(f"{model.card.name}: no builder")
    module, _, attribute = model.builder.target.partition(":")
    made: nn.Module = getattr(import_module(module), attribute)(model.builder.name, model.builder.weights)
    return made.eval()


def find_module(backbone: nn.Module, model: Model, name: str, *, example: str) -> str:
    """Return the name of the module to read, given its name or an alias in the model's card.

    Args:
        backbone: The network.
        model: Its model.
        name: A name or an alias.
        example: How to name one, for the message.

    Raises:
        ModelError: If there is no module of that name.
    """
    known = [n for n, _ in backbone.named_modules() if n]
    layer = model.card.aliases.get(name, name)
    if layer not in known:
        raise ModelError(
            f"there is no module {name!r} to read a frame's feature at.",
            of=model.card.name,
            todo=f"{near(name, [*known, *model.card.aliases])}Name one: {example}.",
        )
    return layer


def parse_options(text: str | None, *, flags: Mapping[str, str], number: str) -> dict[str, Any]:
    """Read the options in a name: `OPTION,...`.

    Args:
        text: A number, words, and `KEY=VALUE`; `None` for none.
        flags: A word to the option that it sets to true.
        number: The option that a bare number sets.
    """
    options: dict[str, Any] = {}
    for word in filter(None, (text or "").split(",")):
        key, equals, value = word.strip().partition("=")
        if not equals:
            key, value = (flags[key], "true") if key in flags else (number, key)
        options[key] = _option_value(value)
    return options


def _option_value(text: str) -> Any:
    """Read a value: true or false, a whole number, else text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if text.isdecimal() else text


@dataclass(frozen=True, slots=True)
class GivenWeights:
    """The weights of a composed network, as the user gave them."""

    words: str
    """`random:SEED`, `pretrained`, or the path of a file."""
    seed: int | None
    state: Mapping[str, Tensor] | None
    """The tensors of a file; `None` if the weights are no file."""

    @property
    def has_backbone(self) -> bool:
        """Whether a file holds the backbone's weights too."""
        return self.state is not None and any(key.startswith("backbone.") for key in self.state)

    @property
    def of_backbone(self) -> str:
        """The weights with which the backbone is made."""
        if self.seed is not None:
            return self.words
        return "random:0" if self.has_backbone else "pretrained"

    def apply(self, module: nn.Module, head: nn.Module) -> None:
        """Give the network, or its head alone, the weights of the file, if there is one.

        Raises:
            ModelError: If they belong to another network.
        """
        if self.state is None:
            return
        if self.has_backbone:
            apply_state(module, self.state, of=self.words)
        else:
            head_state = {key.removeprefix("head."): value for key, value in self.state.items()}
            apply_state(head, head_state, of=self.words)


def given_weights(weights: str) -> GivenWeights:
    """Read the weights of a composed network.

    Raises:
        ModelError: If a file cannot be read.
    """
    seed = seed_of(weights)
    state = load_state(weights) if seed is None and weights != "pretrained" else None
    return GivenWeights(weights, seed, state)
