"""What users choose about remote files, by environment variables, which decoder processes inherit."""

from __future__ import annotations

import math
import os
from typing import Final

from vifex.values.errors import InputError

__all__ = [
    "CONNECTIONS",
    "RETRIES",
    "TIMEOUT",
    "connect_s",
    "connections",
    "part_s",
    "read_s",
    "retries",
    "share",
]

CONNECTIONS: Final = "VIFEX_CONNECTIONS"
"""Connections to one host at a time: a quarter for the sources, the rest for all decoder processes."""
RETRIES: Final = "VIFEX_RETRIES"
"""How often a failed request is made again, with growing pauses. Default 5."""
TIMEOUT: Final = "VIFEX_TIMEOUT"
"""Seconds without a byte after which a connection counts as cut. Default 30."""
_CONNECT_S: Final = 10.0
_PART: Final = 4
"""Times of `VIFEX_TIMEOUT` that an answer, and each MiB of it, may take."""

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


def read_s() -> float:
    """Return after how many seconds without a byte a connection counts as cut.

    Raises:
        InputError: If the variable is not a number above 0.
    """
    text = os.environ.get(TIMEOUT, "").strip()
    if not text:
        return 30.0
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise InputError(
            f"the variable {TIMEOUT} is {text!r}.", todo="Set it to a number of seconds above 0."
        )
    return value


def connect_s() -> float:
    """Return how many seconds a connection may take to come about."""
    return min(_CONNECT_S, read_s())


def part_s() -> float:
    """Return how many seconds an answer, and each MiB of it, may take, however steadily bytes come."""
    return _PART * read_s()


def _number(name: str, usual: int, least: int) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return usual
    if not text.isdecimal() or int(text) < least:
        raise InputError(
            f"the variable {name} is {text!r}.", todo=f"Set it to a whole number of at least {least}."
        )
    return int(text)
