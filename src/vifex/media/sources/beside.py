"""Files that a list names by where they lie beside it, on this machine or on the list's own."""

from __future__ import annotations

import os

from vifex.media.places import is_remote, stat_place
from vifex.media.remote.addresses import address_of, join

__all__ = ["beside", "is_there", "place_named"]


def beside(path: str, name: str) -> str:
    """Return the path or the address of a file, as a row names it.

    Args:
        path: Of the list, or the address by which it is read.
        name: Relative to the folder of the list; of one on this machine it may be absolute.

    Raises:
        ValueError: If the list is on another machine, and the name leads out of the host or the bucket.
    """
    if is_remote(path):
        return join(path, name.replace(os.sep, "/"))
    return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(path)), name))  # noqa: PTH100, PTH118, PTH120


def place_named(named: str) -> str:
    """Return the path of what `beside` gave, or the address by which it is read."""
    return address_of(named).access if is_remote(named) else named


def is_there(path: str, name: str) -> bool:
    """Whether there is such a file beside a list; see `beside`."""
    try:
        named = beside(path, name)
        if not is_remote(named):
            return os.path.isfile(named)  # noqa: PTH113
        stat_place(place_named(named), is_fresh=True)
    except (OSError, ValueError):
        return False
    return True
