"""Giving memory back to the system between the steps of a long job."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache

__all__ = ["release_freed_memory"]


def release_freed_memory() -> None:
    """Give the system what the C library has kept of freed memory; where it cannot, do nothing.

    A scan of a large ledger frees its buffers in pieces between those that live on. glibc keeps such pieces,
    some hundred MB of them, and the next scan takes new ones.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # not glibc, or Windows
        return None
    return found
