"""BLAS in one thread while a scan runs threads of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

__all__ = ["one_blas_thread"]

_turn = threading.Lock()
_inside = 0
_limits: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread per call in this process, until the last block that asked for it is left."""
    global _inside, _limits
    with _turn:
        if _inside == 0:
            _limits = _libraries().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _turn:
            _inside -= 1
            if _inside == 0:
                _limits.restore_original_limits()
                _limits = None


@cache
def _libraries() -> Any:
    """Find the BLAS libraries of this process, which takes some milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
