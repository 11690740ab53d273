"""Registry of families: prefix -> `module:attribute`, a `Family`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["FAMILIES", "GROUP"]

GROUP: Final = "vifex.families"
"""Entry point group for families of other packages."""

FAMILIES: Final[Mapping[str, str]] = {
    "hf": "vifex.models.families.libraries.hf:FAMILY",
    "open_clip": "vifex.models.families.libraries.open_clip:FAMILY",
    "timm": "vifex.models.families.libraries.timm:FAMILY",
    "torchvision": "vifex.models.families.libraries.torchvision:FAMILY",
    "c3d": "vifex.models.families.builtin.c3d:FAMILY",
    "i3d": "vifex.models.families.builtin.i3d:FAMILY",
    "fuse": "vifex.models.families.composed.fuse:FAMILY",
    "seq": "vifex.models.families.composed.seq:FAMILY",
    "torch": "vifex.models.families.user:FAMILY",
}
