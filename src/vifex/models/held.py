"""Networks that a user hands over as objects: `torch.nn.Module`s that live in this process alone.

The object is copied once, so it stays as it is, and what happens to it later changes no feature. Nothing
outside of this process can load such a network again.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vifex.models.cards import make_card, read_card
from vifex.models.families.shared.weights import state_sha256
from vifex.values import Builder, InputError, Model, ModelCard, ModelError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["hold", "is_held", "is_module", "let_go", "make"]

_HELD: dict[str, nn.Module] = {}


def is_module(given: object) -> bool:
    """Tell whether something is a `torch.nn.Module`. Where torch was never imported nothing is."""
    import sys

    torch_nn: Any = sys.modules.get("torch.nn")
    return torch_nn is not None and isinstance(given, torch_nn.Module)


def hold(module: nn.Module, card: ModelCard | Mapping[str, Any] | Path | None) -> Model:
    """Make a model of a user's object.

    Args:
        module: Copied, in evaluation mode; a `torch.nn.Module`.
        card: How it takes its input: a card, the keys of a card file, or such a file; by default what the
            object's own attribute `vifex_card` says.

    Raises:
        InputError: If it has no card.
        ModelError: If the card is wrong, or the object cannot be copied.
    """
    name = type(module).__name__
    described = _card(name, getattr(module, "vifex_card", None) if card is None else card)
    try:
        kept = copy.deepcopy(module).eval()
    except Exception as exc:
        raise ModelError(f"the network cannot be copied: {exc}.", of=name) from exc
    token = uuid.uuid4().hex
    _HELD[token] = kept
    # Code and plain attributes decide numbers too, and no hash covers them: the token stands for both.
    digest = state_sha256(kept, f"object {name} {token}")
    return Model(described, None, digest, engine="torch", builder=Builder(f"{__name__}:make", token, ""))


def is_held(model: Model) -> bool:
    """Return whether a model is an object that `hold` took, which lives in this process alone."""
    return model.builder is not None and model.builder.target == f"{__name__}:make"


def let_go(model: Model) -> None:
    """Forget the object of a model that `hold` made."""
    if model.builder is not None:
        _HELD.pop(model.builder.name, None)


def make(name: str, weights: str) -> nn.Module:
    """Make a module of its own that shares the numbers of the one that is held.

    Args:
        name: As `hold` gave it.
        weights: Nothing.

    Raises:
        ModelError: If the object was let go.
    """
    from torch import nn

    if name not in _HELD:
        raise ModelError("the network was an object, and it is gone.", todo="Load it again.")
    held = _HELD[name]
    shared: dict[int, Any] = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in held.parameters()}
    return copy.deepcopy(held, shared)


def _card(name: str, given: Any) -> ModelCard:
    if isinstance(given, ModelCard):
        return given
    if isinstance(given, Mapping):
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}
        return make_card({"name": name, **lists}, of=f"the card of {name}")
    if isinstance(given, str | Path):
        return read_card(Path(given))
    if given is not None:
        raise InputError(
            f"{type(given).__name__} is no model card.",
            of=name,
            todo="Give a ModelCard, a mapping with the keys of a card file, or the path of one.",
        )
    raise InputError(
        "the network does not say how it takes its input.",
        of=name,
        todo="Give transform=, a function from a Pillow image to a tensor [3, H, W], or card=, e.g. "
        "{'height_px': 224, 'width_px': 224, 'mean': [...], 'std': [...]}.",
    )
