"""What is being done before the first medium: models are loaded, converted and compiled for minutes.

Whoever does something that may take its time says so with `step`; whoever shows progress listens with
`listening`. Without a listener nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["listening", "step"]

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("vifex_steps", default=None)


def step(what: str) -> None:
    """Describe what is done from now on, e.g. `compiling resnet50`."""
    listener = _listener.get()
    if listener is not None:
        listener(what)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Hand every step of this thread to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
