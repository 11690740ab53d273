"""Work in parts that need not be done in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

__all__ = ["Machines", "parts_of"]

_T = TypeVar("_T")
_PARTS_EACH: Final = 8
"""Parts for each that is worked on at the same time: so many make up for parts and machines that differ."""


class Machines(Protocol):
    """Several processes, as a rule on several machines, that take parts of a work."""

    @property
    def width(self) -> int:
        """How many parts are worked on at the same time."""
        ...

    def each(
        self, work: Callable[..., _T], shared: Sequence[Any], parts: Sequence[slice]
    ) -> Iterator[tuple[slice, _T]]:
        """Do each part once, and give its result as soon as it is there, in any order.

        Args:
            work: A function of a module, called with `*shared`, a part, and the number of threads that it
                may use. Called again for the same part it returns the same.
            shared: What all parts use; each machine gets it once.
            parts: Of the work.

        Raises:
            EngineError: If the machines cannot do a part.
            VifexError: What `work` raises.
        """
        ...


def parts_of(count: int, step: int, width: int) -> list[slice]:
    """Divide things that stand in a row into parts.

    Args:
        count: Of the things.
        step: The length of a part is a multiple of it.
        width: How many parts are worked on at the same time.
    """
    steps = -(-count // step)
    length = max(1, steps // (_PARTS_EACH * width)) * step
    return [slice(start, min(start + length, count)) for start in range(0, count, length)]
