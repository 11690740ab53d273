"""Finding the store that a path lies in: only the store itself writes there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["store_around"]

_STORE: Final = "STORE.json"
"""What the folder of a store holds."""


def store_around(path: Path) -> Path | None:
    """Find the store in which a path lies, by its own place or by that of what it links to.

    Args:
        path: It need not be there.

    Returns:
        The folder of the innermost store above it, or the path itself where that is a store; else `None`.
    """
    try:
        places = [path.parent.resolve() / path.name, path.resolve()]
    except (OSError, RuntimeError, ValueError):
        return None  # a loop of links (Python before 3.13 raises RuntimeError), or a zero byte
    for place in places:
        for folder in (place, *place.parents):
            if (folder / _STORE).is_file():
                return folder
    return None
