"""Which models a store may name: those that Vifex knows, and not code or files of others.

The ledger of a store says how its views' models were loaded. A store may come from anyone, and the name of a
Python module, a program, a file or a folder would let its author choose what runs or is opened here. So such
a model is loaded only if the user names it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from vifex.models.families.registry import FAMILIES
from vifex.models.files import SUFFIXES
from vifex.models.registry import ALIASES, MODELS, RETIRED
from vifex.values import InputError, ModelError, ModelRef
from vifex.values.errors import keywords

__all__ = ["is_graph", "is_published", "unnamed"]

_PUBLISHED: Final = re.compile(r"[A-Za-z0-9_][\w.-]*(/[\w.-]+)?(@[\w.-]+)?", re.ASCII)
"""A network of a library or a hub (`NAME`, `ARCH/TAG`, `ORG/NAME@REVISION`), not a path or an address."""
_COMPOSED: Final = ("fuse", "seq")
_OWN: Final = ("torch",)
_SHOWN: Final = 500
"""Characters of one value in a message."""


def is_published(ref: ModelRef) -> bool:
    """Return whether a reference names a network of Vifex's families, with published or seeded weights.

    Args:
        ref: The reference in a store.
    """
    if ref.card is not None or not _published_weights(ref.weights):
        return False
    return ref.name in {*MODELS, *ALIASES, *RETIRED} or _of_family(ref.name)


def is_graph(ref: ModelRef) -> bool:
    """Return whether a reference names a model's file; such a model has no text tower."""
    return Path(ref.name).suffix.lower() in SUFFIXES


def _published_weights(weights: str | None) -> bool:
    return (
        weights is None or weights == "pretrained" or re.fullmatch(r"random:[0-9]{1,18}", weights) is not None
    )


def _of_family(text: str) -> bool:
    prefix, slash, name = text.partition("/")
    # Families of other packages take names that are not known here.
    if not slash or prefix not in FAMILIES or prefix in _OWN or _exists(text):
        return False
    if prefix in _COMPOSED:
        return _composed(prefix, name)
    if _PUBLISHED.fullmatch(name) is None or ".." in name:
        return False
    # The hub's library prefers a folder of that name to the repository.
    return prefix != "hf" or not _exists(name)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long for a name, or a zero byte in it
        return True


def _composed(prefix: str, name: str) -> bool:
    """Return the same for the network inside; `parse` loads nothing."""
    from vifex.models.families.composed import fuse, seq

    try:
        inner = fuse.parse(name).backbone if prefix == "fuse" else seq.parse(name).backbone
    except (ModelError, RecursionError):
        return False
    return len(inner) < len(name) and _of_family(inner)


def unnamed(ref: ModelRef, *, of: str) -> InputError:
    """Return the error that asks the user to name a view's model.

    Args:
        ref: The reference by which the store says that the model was loaded.
        of: The store.
    """
    given = {"model": ref.name, "weights": ref.weights, "card": ref.card}
    words: dict[str, object] = {name: _short(value) for name, value in given.items() if value}
    if ref.name.lower().endswith((".pt", ".pt2")):
        words["trust_code"] = True
    return InputError(
        "the view's model is a file or code, which is not loaded just because a store names it.",
        of=of,
        todo=f"If you trust it, name it: {keywords(**words)}. A query by row:KEY or a .npy file needs none.",
    )


def _short(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."
