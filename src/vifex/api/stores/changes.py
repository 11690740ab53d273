"""What a user deletes or relabels, as the store's ledger names it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vifex.store import LabelChange
from vifex.values import InputError
from vifex.values.media import path_to_uri

__all__ = ["label_changes", "ledger_names"]

_FIELDS = ("label", "split")


def ledger_names(names: Any) -> list[str]:
    """Return names or addresses of media, of one or of several.

    Args:
        names: A text is a name or an address of the ledger, a `Path` the path of a file.

    Raises:
        InputError: If something is neither.
    """
    several = isinstance(names, Iterable) and not isinstance(names, str | bytes | os.PathLike | Mapping)
    return [_name(one) for one in (names if several else [names])]


def label_changes(changes: Any) -> dict[str, LabelChange]:
    """Return the new labels and splits by name or address.

    Args:
        changes: A mapping of names, as `ledger_names` takes them, to a mapping with `label`, `split` or both.

    Raises:
        InputError: If it is anything else, or a label is no text.
    """
    if not isinstance(changes, Mapping):
        raise InputError(
            f"{type(changes).__name__} says no labels.", todo='Give {"a.jpg": {"label": "cat"}, ...}.'
        )
    return {_name(name): _change(name, change) for name, change in changes.items()}


def _name(one: Any) -> str:
    if isinstance(one, str):
        return one
    if isinstance(one, os.PathLike):
        return path_to_uri(Path(one))
    raise InputError(
        f"{type(one).__name__} is no name of a medium.", todo="Give names of the ledger, or paths."
    )


def _change(name: Any, change: Any) -> LabelChange:
    if not isinstance(change, Mapping) or not change or set(change) - set(_FIELDS):
        raise InputError(
            f"{change!r} says no label.",
            of=str(name),
            todo='Give {"label": "cat"}, {"split": "test"} or both.',
        )
    for field, value in change.items():
        if not isinstance(value, str | None):
            raise InputError(f"a {field} is a text or None, got {type(value).__name__}.", of=str(name))
    return LabelChange(**change)  # type: ignore[typeddict-item]
