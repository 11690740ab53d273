"""The family `torch:MODULE:CALLABLE`: the user's own networks.

MODULE is imported as Python finds it, from the current folder first. CALLABLE is called without arguments and
returns the `torch.nn.Module`. It is the user's own code; nothing is fetched.

Its card says how pixels must be prepared. It is the first of these that exists:

1. a file given by the user (`load_model(..., card=FILE)`);
2. the attribute `vifex_card` of CALLABLE or of the returned module: a `ModelCard`, or a mapping with the
   keys of a card file, e.g. `{"height_px": 112, "width_px": 112, "frames": 16, "layout": "NCTHW"}`;
3. `CALLABLE.vifex.toml` or `MODULE.vifex.toml` beside the module's file.

Weights: as CALLABLE returns them (random numbers come from seed 0, so that every run has the same network),
`random:SEED`, or a file.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from vifex.models.cards import make_card, read_card
from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.weights import apply_state, load_state, seed_of, seeded, state_sha256
from vifex.values import Builder, Model, ModelCard, ModelError
from vifex.values.registry import near, require

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FAMILY", "build"]

_EXAMPLE: Final = "torch:my_networks:make_net"


def build(name: str, weights: str) -> nn.Module:
    """Make the network in evaluation mode.

    Args:
        name: `MODULE:CALLABLE`.
        weights: `pretrained` for those that CALLABLE returns, `random:SEED`, or the path of a file.

    Raises:
        ModelError: If there is no such module or callable, it does not return a `torch.nn.Module`, or the
            weights belong to another network.
        MissingExtraError: If torch is not installed.
    """
    torch_nn: Any = require("torch.nn", extra="torch", needed_for=f"torch:{name}")
    make = _callable(name)
    seed = seed_of(weights)
    with _from_here():
        try:
            module = seeded(seed or 0, make)
        except TypeError as exc:
            raise ModelError(
                f"it could not be called without arguments: {exc}.",
                of=f"torch:{name}",
                todo="Write a function without arguments that returns the network, and name that.",
            ) from exc
    if not isinstance(module, torch_nn.Module):
        raise ModelError(
            f"it returned {type(module).__name__}, not a torch.nn.Module.",
            of=f"torch:{name}",
            todo="Name a class, or a function without arguments, that gives a network.",
        )
    if seed is None and weights != "pretrained":
        apply_state(module, load_state(weights), of=weights)
    return module.eval()


class UserFamily:
    """The family; see `base.Family`."""

    prefix = "torch"

    def catalogue(self) -> Iterator[Entry]:
        """Return nothing, because these networks are the user's."""
        return iter(())

    def load(self, name: str, weights: str, *, card: Path | None = None) -> Model:
        """Make the model; see `base.Family.load`.

        Args:
            name: `MODULE:CALLABLE`.
            weights: As for `build`.
            card: A card file given by the user.
        """
        module = build(name, weights)
        described = read_card(card) if card is not None else _card(name, module)
        digest = state_sha256(module, f"torch:{name} {_source_sha256(name)}")
        if described.sha256 and described.sha256 != digest:
            raise ModelError(
                f"the network is not the one of the card: sha256 {digest}, the card says {described.sha256}.",
                of=f"torch:{name}",
                todo="Correct sha256 in its card if the change is intended, or remove it.",
            )
        builder = Builder("vifex.models.families.user:build", name, weights, [module])
        return Model(described, None, digest, engine="torch", builder=builder)


FAMILY: Final = UserFamily()


def _callable(name: str) -> Any:
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise ModelError(
            f"'torch:{name}' is not torch:MODULE:CALLABLE.",
            todo=f"Write for example {_EXAMPLE}: a module that Python can import here, and what in it gives "
            "the network.",
        )
    module = _module(module_name, name)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            known = [n for n in dir(module) if not n.startswith("_") and callable(getattr(module, n))]
            raise ModelError(
                f"the module {module_name!r} has no {attribute!r}.",
                of=f"torch:{name}",
                todo=f"{near(attribute, known)}It has: {', '.join(known[:12])}.",
            )
        found = getattr(found, part)
    if not callable(found):
        raise ModelError(
            f"{attribute!r} is a {type(found).__name__} and cannot be called.",
            of=f"torch:{name}",
            todo="Name a class, or a function without arguments, that gives a network.",
        )
    return found


def _module(module_name: str, name: str) -> ModuleType:
    with _from_here():
        try:
            return import_module(module_name)
        except ModuleNotFoundError as exc:
            if exc.name is None or not (module_name + ".").startswith(exc.name + "."):
                raise  # the module exists, and one of its own imports does not
            raise ModelError(
                f"Python finds no module {module_name!r}.",
                of=f"torch:{name}",
                todo=f"Run the command in the folder of {module_name.split('.')[0]}.py, or put that folder "
                "on PYTHONPATH.",
            ) from exc


@contextmanager
def _from_here() -> Iterator[None]:
    """Let Python find modules in the current folder, as `python -m` does, in this block."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _card(name: str, module: nn.Module) -> ModelCard:
    make = _callable(name)
    for holder in (make, module):
        given = getattr(holder, "vifex_card", None)
        if isinstance(given, ModelCard):
            return given
        if isinstance(given, Mapping):
            lists = {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}
            return make_card({"name": f"torch:{name}", **lists}, of=f"torch:{name} (vifex_card)")
    file = _file(name)
    places = (
        [file.with_name(f"{stem}.vifex.toml") for stem in (name.partition(":")[2], file.stem)] if file else []
    )
    for place in places:
        if place.is_file():
            return read_card(place)
    raise ModelError(
        "the network has no card that says how its pixels must be prepared.",
        of=f"torch:{name}",
        todo="Give one with `card=FILE`, or set vifex_card = {'height_px': 224, 'width_px': 224} on what "
        f"makes it{f', or write {places[-1].name} beside its code' if places else ''}.",
    )


def _file(name: str) -> Path | None:
    found = getattr(_module(name.partition(":")[0], name), "__file__", None)
    return Path(found) if found else None


def _source_sha256(name: str) -> str:
    """Return a hash of the code that makes the network, which determines results as the weights do."""
    try:
        text = inspect.getsource(_module(name.partition(":")[0], name))
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
