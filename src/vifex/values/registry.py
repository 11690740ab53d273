"""Registries: a mapping from name to `module:attribute`, loaded on use.

One file and one line add one thing. Other packages add theirs through entry points in the group
`vifex.PACKAGE`, e.g. `vifex.poolings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Final

from vifex.values.errors import InputError, MissingExtraError

__all__ = ["load", "missing_extra", "names", "near", "require"]

_WITH_TORCH: Final = ("torch", "hf", "train")
"""Extras that bring PyTorch, whose default build for Linux brings CUDA."""


def load(registry: Mapping[str, str], name: str, *, group: str, what: str) -> Any:
    """Load the entry `name` of a registry or of an installed plug-in.

    Args:
        registry: The package's own lines.
        name: What to load.
        group: Entry point group of the package, e.g. `vifex.poolings`.
        what: The thing's name in a message, e.g. `pooling`.

    Raises:
        InputError: If there is none of that name; the message offers near ones.
    """
    if name in registry:
        module, _, attribute = registry[name].partition(":")
        return getattr(import_module(module), attribute)
    plugins = _plugins(registry, group)
    if name in plugins:
        return plugins[name].load()
    known = sorted({*registry, *plugins})
    raise InputError(f"there is no {what} {name!r}.", todo=f"{near(name, known)}Known: {', '.join(known)}.")


def names(registry: Mapping[str, str], *, group: str) -> list[str]:
    """Return every name that `load` takes, sorted."""
    return sorted({*registry, *_plugins(registry, group)})


def near(name: str, known: list[str]) -> str:
    """Return `Did you mean a or b? ` with the known names that are near, or an empty text."""
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(close)}? " if close else ""


def require(module: str, *, extra: str, needed_for: str) -> ModuleType:
    """Import an optional module.

    Raises:
        MissingExtraError: If it is not installed. What is installed but broken raises its own error.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as exc:
        if exc.name != module.partition(".")[0]:
            raise
        raise missing_extra(module, extra=extra, needed_for=needed_for) from exc


def missing_extra(module: str, *, extra: str, needed_for: str) -> MissingExtraError:
    """Say of an optional module that is not installed how to get it.

    The package is on no index yet, so its extras are installed from a checkout.
    """
    todo = f"Install it in a checkout of Vifex: pip install '.[{extra}]'."
    if extra in _WITH_TORCH:
        todo += " For PyTorch without CUDA, which is smaller, see https://pytorch.org/get-started/locally."
    return MissingExtraError(f"{needed_for} needs {module}.", todo=todo)


def _plugins(registry: Mapping[str, str], group: str) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if point.name in registry or point.name in found:
            raise InputError(
                f"the name {point.name!r} in {group} is taken twice.",
                of=point.value,
                todo="Uninstall one of the packages that offer it.",
            )
        found[point.name] = point
    return found
