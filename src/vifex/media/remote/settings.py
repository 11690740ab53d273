"""What users choose about remote files, by environment variables, which decoder processes inherit."""

from __future__ import annotations

import os
from typing import Final

from vifex.values.errors import InputError

__all__ = ["CONNECTIONS", "RETRIES", "connections", "retries", "share"]

CONNECTIONS: Final = "VIFEX_CONNECTIONS"
"""Connections to one host at a time: a quarter for the sources, the rest for all decoder processes."""
RETRIES: Final = "VIFEX_RETRIES"
"""How often a failed request is made again, with growing pauses. Default 5."""

_sharing: int | None = None
"""Decoder processes, in each of them; else `None`."""


def connections() -> int:
    """Return how many connections this process may have to one host.

    Raises:
        InputError: If the variable is not a whole number of at least 1.
    """
    total = _number(CONNECTIONS, 64, 1)
    of_sources = total // 4
    return max(1, of_sources if _sharing is None else (total - of_sources) // _sharing)


def share(processes: int) -> None:
    """Take note that so many decoder processes share the connections."""
    global _sharing
    _sharing = max(1, processes)


def retries() -> int:
    """Return how often a failed request is made again.

    Raises:
        InputError: If the variable is not a whole number of at least 0.
    """
    return _number(RETRIES, 5, 0)


def _number(name: str, usual: int, least: int) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return usual
    if not text.isdecimal() or int(text) < least:
        raise InputError(
            f"the variable {name} is {text!r}.", todo=f"Set it to a whole number of at least {least}."
        )
    return int(text)
