"""A part of the media of the sources: the I-th of N, by the medium's id.

Every run with the same sources and the same N takes the same part, in whatever order the media are found.
So the jobs of an array share the work without messages between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vifex.values import InputError, Medium, Outcome

__all__ = ["Shard", "parse_shard"]

_SHARD: Final = re.compile(r"(\d{1,9})/(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `count`, counted from 1."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"shard {self.number} of {self.count}")

    def holds(self, medium: Medium) -> bool:
        """Whether a medium belongs to this part."""
        return int(medium.medium_id, 16) % self.count == self.number - 1

    def filtered(self, found: Iterator[Medium | Outcome]) -> Iterator[Medium | Outcome]:
        """Yield the media of this part, and the outcomes of those that cannot be tried."""
        for one in found:
            if self.holds(one.medium if isinstance(one, Outcome) else one):
                yield one


def parse_shard(text: str) -> Shard:
    """Read `I/N`, e.g. `3/8` for the third of eight parts.

    Raises:
        InputError: If it is anything else, or I is not from 1 to N.
    """
    match = _SHARD.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(
            f"takes I/N with I from 1 to N, got {text!r}.",
            option="shard",
            todo='Write for example `shard="3/8"` for the third of eight parts.',
        )
    return Shard(int(match[1]), int(match[2]))
