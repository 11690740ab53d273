"""The roles that packets play for each other, and the exception for an unclear role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ENTRY", "HIDDEN", "INNER", "SPARE", "Role", "Unclear"]


class Unclear(Exception):
    """The result of decoding a part of this stream alone is not known in advance."""


@dataclass(frozen=True, slots=True)
class Role:
    """The role of one packet, which is at most one frame, for the others."""

    is_entry: bool = False
    """Decoding can start here: nothing but leading frames after it needs what comes before it."""
    is_spare: bool = False
    """No other frame depends on this one."""
    is_leading: bool = False
    """It may depend on frames before the entry that it follows, and is shown before that entry."""
    is_shown: bool = True
    """Whether it gives a frame; if not, other packets depend on it."""


ENTRY: Final = Role(is_entry=True)
INNER: Final = Role()
SPARE: Final = Role(is_spare=True)
HIDDEN: Final = Role(is_shown=False)
