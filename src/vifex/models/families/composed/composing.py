"""What the families of composed networks share: the network inside, its modules by name, words of options."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vifex.models.families.registry import FAMILIES, GROUP
from vifex.models.families.shared.base import Family
from vifex.values import InputError, Model, ModelError
from vifex.values.registry import load, near

if TYPE_CHECKING:
    from torch import nn

__all__ = ["find_module", "inner_model", "module_of", "option_value"]


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


def find_module(backbone: nn.Module, model: Model, asked: str, *, example: str) -> str:
    """Find the module that is read: by its name, or by an alias of the model's card.

    Args:
        backbone: The network.
        model: Its model.
        asked: A name or an alias.
        example: How to name one, for the message.

    Raises:
        ModelError: If there is none of that name.
    """
    known = [n for n, _ in backbone.named_modules() if n]
    layer = model.card.aliases.get(asked, asked)
    if layer not in known:
        raise ModelError(
            f"there is no module {asked!r} to read a frame's feature at.",
            of=model.card.name,
            todo=f"{near(asked, [*known, *model.card.aliases])}Name one: {example}.",
        )
    return layer


def option_value(text: str) -> Any:
    """Read the value of an option in a name: a truth, a whole number, else text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if text.isdecimal() else text
