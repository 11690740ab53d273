"""Where a question is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vifex.values.machines import Machines

__all__ = ["machines_of"]


@contextmanager
def machines_of(on: str | None) -> Iterator[Machines | None]:
    """Give the machines of a cluster; `None` is this one alone.

    Args:
        on: As for `vifex.extract`.

    Raises:
        InputError: If `on` is neither `ray` nor an address of one.
        MissingExtraError: If Ray is not installed.
        EngineError: If no cluster answers there, or it offers no core.
    """
    if on is None:
        yield None
        return
    from vifex.extraction.cluster.connection import connected

    with connected(on) as cluster:
        yield cluster.tasks()
