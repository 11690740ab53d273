"""Vifex: deep features from images and videos, exactly kept and quickly found.

The public names are those of `__all__`. They load on use: importing this package loads no engine, no
store and no decoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vifex.api.deriving import fuse, tree
    from vifex.api.extracting import extract
    from vifex.api.models.loaded import LoadedModel, load_model
    from vifex.api.stores.store import Store
    from vifex.api.stores.store import open_store as open
    from vifex.api.stores.view import View
    from vifex.search.hits import Hit
    from vifex.values import (
        EngineError,
        InputError,
        InstallationError,
        Limits,
        MediaError,
        MissingExtraError,
        ModelError,
        StoreError,
        VifexError,
    )
    from vifex.values.reports import Report

__version__ = "0.1.0"

__all__ = [
    "EngineError",
    "Hit",
    "InputError",
    "InstallationError",
    "Limits",
    "LoadedModel",
    "MediaError",
    "MissingExtraError",
    "ModelError",
    "Report",
    "Store",
    "StoreError",
    "View",
    "VifexError",
    "__version__",
    "extract",
    "fuse",
    "load_model",
    "open",
    "tree",
]

_HOMES = {
    "EngineError": ("vifex.values", "EngineError"),
    "Hit": ("vifex.search.hits", "Hit"),
    "InputError": ("vifex.values", "InputError"),
    "InstallationError": ("vifex.values", "InstallationError"),
    "Limits": ("vifex.values", "Limits"),
    "LoadedModel": ("vifex.api.models.loaded", "LoadedModel"),
    "MediaError": ("vifex.values", "MediaError"),
    "MissingExtraError": ("vifex.values", "MissingExtraError"),
    "ModelError": ("vifex.values", "ModelError"),
    "Report": ("vifex.values.reports", "Report"),
    "Store": ("vifex.api.stores.store", "Store"),
    "StoreError": ("vifex.values", "StoreError"),
    "View": ("vifex.api.stores.view", "View"),
    "VifexError": ("vifex.values", "VifexError"),
    "extract": ("vifex.api.extracting", "extract"),
    "fuse": ("vifex.api.deriving", "fuse"),
    "load_model": ("vifex.api.models.loaded", "load_model"),
    "open": ("vifex.api.stores.store", "open_store"),
    "tree": ("vifex.api.deriving", "tree"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'vifex' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
