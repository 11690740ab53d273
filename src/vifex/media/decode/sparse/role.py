"""The roles that packets play for each other, and the exception for an unclear role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ENTRY", "HIDDEN", "INNER", "SPARE", "Role", "Unclear"]


class Unclear(Exception):
    """It cannot be told beforehand what decoding a part of this stream alone would give."""


@dataclass(frozen=True, slots=True)
class Role:
    """What one packet, which is one frame at most, is to the others."""

    is_entry: bool = False
    """Decoding can start here: nothing but leading frames after it needs what comes before it."""
    is_spare: bool = False
    """No other frame is made from this one."""
    is_leading: bool = False
    """It may be made from frames before the entry that it follows, and is shown before that entry."""
    is_shown: bool = True
    """Whether a frame comes of it; else others are made from what it holds."""


ENTRY: Final = Role(is_entry=True)
INNER: Final = Role()
SPARE: Final = Role(is_spare=True)
HIDDEN: Final = Role(is_shown=False)
