"""A shot: a stretch of a video that one camera took without a break."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["SHOT_RULE", "ShotSpan"]

SHOT_RULE = 1
"""Version of the rule that finds shots; recipes carry it, so that rows of different rules are not mixed."""


@dataclass(frozen=True, slots=True)
class ShotSpan:
    """Where a shot starts and ends, in seconds of its video, whose shots follow each other without gaps."""

    start: Fraction
    """Start of its first frame."""
    end: Fraction
    """Start of the next shot's first frame, or the end of the video."""
    clear_start: Fraction
    """Where the transition before it is over; `start` after a cut."""
    clear_end: Fraction
    """Where the transition behind it begins; `end` before a cut."""

    def moments(self, n: int) -> list[Fraction]:
        """Return the middles of `n` equal parts of the shot, without the transitions at its ends."""
        length = self.clear_end - self.clear_start
        return [self.clear_start + length * (2 * i + 1) / (2 * n) for i in range(n)]
