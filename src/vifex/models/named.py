"""Models of families by name, `PREFIX/NAME`, and the catalogues that list them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from vifex.models.cards import read_card
from vifex.models.families.registry import FAMILIES, GROUP
from vifex.models.families.shared.base import Entry, Family
from vifex.values import MissingExtraError, Model, ModelError, ModelRef
from vifex.values.registry import load, names, near

__all__ = ["check_prefix", "entries", "find_entry", "load_of_family", "prefixes", "split_name"]

_NAME: Final = re.compile(r"([A-Za-z][\w-]*)[/:](.*)", re.DOTALL)


def prefixes() -> str:
    """Return the prefixes of the families, for a message."""
    return ", ".join(names(FAMILIES, group=GROUP))


def split_name(text: str) -> tuple[str, str] | None:
    """Split a family's name into prefix and rest; `None` if it names a file or no family."""
    match = _NAME.fullmatch(text)
    if match is None or match[1] not in names(FAMILIES, group=GROUP) or Path(text).is_file():
        return None
    return match[1], match[2]


def check_prefix(text: str) -> None:
    """Raise an error if a name looks like a family's but for a misspelt prefix.

    Raises:
        ModelError: With the similar prefix.
    """
    match = _NAME.fullmatch(text)
    if match is None or Path(text).exists():
        return
    close = near(match[1], names(FAMILIES, group=GROUP))
    if close:
        raise ModelError(
            f"there is no family {match[1]!r} and no file of that name.",
            of=text,
            todo=f"{close}Known: {prefixes()}.",
        )


def load_of_family(prefix: str, name: str, *, weights: str | None, card: Path | None) -> Model:
    """Load a network of a family.

    Args:
        prefix: The family's prefix.
        name: The name without the prefix.
        weights: `random:SEED`, the path of a file, or `None` for the published ones.
        card: A card that replaces the family's own.

    Raises:
        ModelError: If there is no such network, or its weights cannot be read or fetched.
        MissingExtraError: If its library is not installed.
    """
    family = _family(prefix)
    chosen = "pretrained" if weights is None else _weights(weights)
    own = None if card is None else Path(card).absolute()
    if own is not None and prefix == "torch":
        model: Model = cast(Any, family).load(name, chosen, card=own)
    else:
        model = family.load(name, chosen)
        if own is not None:
            model = replace(model, card=read_card(own))
    ref = ModelRef(
        name=f"{prefix}{':' if prefix == 'torch' else '/'}{name}",
        weights=None if chosen == "pretrained" else chosen,
        card=None if own is None else str(own),
    )
    return replace(model, ref=ref)


def entries(search: str = "") -> Iterator[Entry | str]:
    """Yield the entries of all catalogues whose name contains a text, ignoring case.

    Yields:
        An `Entry`, or a sentence that says which extra to install for a family.
    """
    for prefix in names(FAMILIES, group=GROUP):
        try:
            for entry in _family(prefix).catalogue():
                if search.lower() in entry.name.lower():
                    yield entry
        except MissingExtraError as exc:
            yield f"{prefix}: {exc}"


def find_entry(name: str) -> Entry | None:
    """Return a network's entry in its family's catalogue, or `None`."""
    split = split_name(name)
    if split is None:
        return None
    return next((e for e in _family(split[0]).catalogue() if e.name == name), None)


def _family(prefix: str) -> Family:
    return cast(Family, load(FAMILIES, prefix, group=GROUP, what="family"))


def _weights(weights: str) -> str:
    """Check what the user gave as weights, without the network; a path becomes absolute."""
    from vifex.models.families.shared.weights import seed_of

    if weights == "pretrained" or seed_of(weights) is not None:
        return weights
    if not Path(weights).exists():
        raise ModelError(
            f"{weights!r} is not a file of weights.", todo="Give a file, random:SEED, or pretrained."
        )
    return str(Path(weights).absolute())
