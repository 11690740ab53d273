"""What families share: a `Model` from a network and its card, and texts for cards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vifex.models.families.shared.weights import seed_of, state_sha256
from vifex.values import Builder, Model, ModelCard, ModelError
from vifex.values.errors import keywords
from vifex.values.registry import near

if TYPE_CHECKING:
    from torch import nn

__all__ = ["as_model", "licence", "no_such", "provenance"]

_LISTED: Final = 12
"""Most names listed in a message; a library has thousands."""


def as_model(card: ModelCard, target: str, name: str, weights: str, network: nn.Module) -> Model:
    """Make the `Model` of a network that a builder makes.

    Args:
        card: Its card; the hash of its weights is added.
        target: `module:attribute` of the builder.
        name: The family's name of the network, with the name of its weights.
        weights: `pretrained`, `random:SEED`, or a file's path, which becomes absolute.
        network: As the builder made it, to be hashed; the first engine takes it and does not make another.
    """
    digest = state_sha256(network, card.name)
    if weights != "pretrained" and seed_of(weights) is None:
        weights = str(Path(weights).absolute())
    return Model(
        card=replace(card, sha256=digest),
        graph=None,
        weights_sha256=digest,
        engine="torch",
        builder=Builder(target, name, weights, [network]),
    )


def provenance(weights: str, source: str) -> str:
    """Return where a network's weights come from, for its card."""
    seed = seed_of(weights)
    if seed is not None:
        return f"untrained: random weights of seed {seed}"
    return source if weights == "pretrained" else f"the file {Path(weights).absolute()}"


def licence(weights: str, published: str) -> str:
    """Return the licence of a network's weights; only for published weights is it known."""
    if seed_of(weights) is not None:
        return "none: untrained"
    return published if weights == "pretrained" else "unknown"


def no_such(prefix: str, name: str, known: list[str]) -> ModelError:
    """Return the error for a name that a family does not have, with similar names."""
    if len(known) > _LISTED:
        listed = f"It has {len(known)}: vifex models with {keywords(search=prefix)} lists them."
    else:
        listed = f"Known: {', '.join(known)}."
    return ModelError(f"there is no model {prefix + '/' + name!r}.", todo=near(name, known) + listed)
