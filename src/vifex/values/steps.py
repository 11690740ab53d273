"""Steps before the first medium: loading, converting and compiling a model can take minutes.

Code that may take long calls `step`. Code that shows progress listens with `listening`. Without a listener
nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["listening", "step"]

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("vifex_steps", default=None)


def step(what: str) -> None:
    """Report what is done from now on, e.g. `compiling resnet50`."""
    listener = _listener.get()
    if listener is not None:
        listener(what)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Call `listener` with every step of this thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
