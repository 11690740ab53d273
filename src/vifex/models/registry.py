"""Registry of models with a name: name -> `module:attribute`, a function `name -> Model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ALIASES", "GROUP", "MODELS", "RETIRED"]

GROUP: Final = "vifex.models"
"""Entry point group for models of other packages."""

MODELS: Final[Mapping[str, str]] = {
    "vifex-small-1": "vifex.models.embedded:load",
}

ALIASES: Final[Mapping[str, str]] = {
    "default": "vifex-small-1",
}
"""Other names for registered models."""

RETIRED: Final[Mapping[str, str]] = {
    "vifex-interim-1": "It was the embedded model until November 2026.",
}
"""Models that are no longer here, and what they were."""
