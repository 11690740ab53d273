"""A moment: a span of a video, or an image, that answers a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vifex.search.hits import Hit

__all__ = ["Moment"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A span of a medium whose rows answer a query. Times are `None` for images."""

    rank: int
    """From 1, the nearest first; moments of one medium share its rank where media were asked for."""
    score: float
    """Of its best row, by the metric that was asked for; of a sequence that of its worst part."""
    start_s: float | None
    """Seconds from the start of the medium, as a player shows them: where its first row starts."""
    end_s: float | None
    """Where its last row ends: at the start of the medium's next row, at most one usual step later."""
    rows: int
    """How many frames, clips or windows of the medium it spans."""
    best: Hit
    """Its best row; of a sequence that of its first part."""
    parts: tuple[Moment, ...] = ()
    """The moments of a sequence (`A THEN B`) in the order of time; else none."""

    @property
    def uri(self) -> str:
        """The address of the medium."""
        return self.best.uri

    @property
    def name(self) -> str:
        """The name of the medium, relative to the source that gave it."""
        return self.best.name

    @property
    def duration_s(self) -> float | None:
        """Length in seconds; `None` for images."""
        return None if self.start_s is None or self.end_s is None else self.end_s - self.start_s

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, under the names and in the order of the fields; numbers are finite."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return plain | {"best": self.best.to_dict(), "parts": [part.to_dict() for part in self.parts]}
