"""Registry of families: prefix -> `module:attribute`, a `Family`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["FAMILIES", "GROUP"]

GROUP: Final = "vifex.families"
"""Entry point group for families that other packages bring."""

FAMILIES: Final[Mapping[str, str]] = {}
