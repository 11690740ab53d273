"""What families of built-in networks share: weights drawn from a seed, or from a published file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from vifex.models.families.shared.weights import apply_state, load_state, seed_of, seeded
from vifex.values import ModelError
from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["own_licence", "own_module"]

State = Mapping[str, "Tensor"]


def own_module(
    make: Callable[[], nn.Module],
    weights: str,
    *,
    of: str,
    where: str,
    rename: Callable[[State, nn.Module], State] = lambda state, module: state,
) -> nn.Module:
    """Make a network and give it its weights.

    Args:
        make: Gives the network with its initial weights.
        weights: `random:SEED`, or the path of a checkpoint.
        of: The model's name, for messages.
        where: Where the published weights are, for a message; nothing is fetched.
        rename: From a published checkpoint's keys to the network's own.

    Returns:
        The network in evaluation mode.

    Raises:
        ModelError: If the weights are `pretrained`, which no hub's library serves, or the file cannot be read
            or belongs to another network.
        MissingExtraError: If torch is not installed.
    """
    require("torch", extra="torch", needed_for=of)
    seed = seed_of(weights)
    if seed is not None:
        return seeded(seed, make).eval()
    if weights == "pretrained":
        raise ModelError(
            "no hub's library serves its weights, so they are not fetched.",
            of=of,
            todo=f'Fetch them ({where}) and give `weights=FILE`, or use `weights="random:SEED"`.',
        )
    state, module = load_state(weights), make()
    apply_state(module, rename(state, module), of=weights)
    return module.eval()


def own_licence(weights: str, published: str) -> str:
    """Return the licence of weights from a file, which is how the published ones come here."""
    return "none: untrained" if seed_of(weights) is not None else f"{published}, of the published weights"
