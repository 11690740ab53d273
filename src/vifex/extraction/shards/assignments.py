"""Which media are with which shard, which wait, and which were lost with a shard that died.

Media that were with a shard when it died are suspects: one of them may be the cause. They are given again in
small groups and then one by one, each time to a shard that has nothing else, so that a medium that ends its
shard is found, and the others are done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from vifex.extraction.counting import is_long
from vifex.extraction.shards.protocol import Give, Given
from vifex.values import Medium, Outcome

__all__ = ["MOST_LOSSES", "Assigned", "Assignments"]

MOST_LOSSES: Final = 4
"""Attempts: a medium that was with so many shards that died, the last two times alone, counts as failed."""
_GROUP: Final = 8
"""Suspects that are given together after their first loss."""


@dataclass(slots=True, eq=False)
class Assigned:
    """A medium between the sources and its last hand-over."""

    medium: Medium
    open_views: set[int]
    """Numbers of the views for which it was not handed over."""
    losses: int = 0
    """Shards that died with it."""
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the views for which it was handed over."""
    media_s: float = 0.0
    """Seconds of video or sound that were gone through; one of the hand-overs says them."""


class Assignments:
    """Keeps note of media until they are handed over.

    Args:
        seats: How many shards there are.
    """

    def __init__(self, seats: int) -> None:
        self._images: deque[Assigned] = deque()
        self._long: deque[Assigned] = deque()
        """Videos and sounds. Images do not wait behind them."""
        self._suspects: deque[Assigned] = deque()
        self._held: list[dict[str, Assigned]] = [{} for _ in range(seats)]

    @property
    def waiting(self) -> int:
        """Count the media that are with no shard."""
        return len(self._images) + len(self._long) + len(self._suspects)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is with a shard."""
        return not self.waiting and not any(self._held)

    def held(self, seat: int) -> tuple[str, ...]:
        """Return the ids of the media that are with a shard."""
        return tuple(self._held[seat])

    def add(self, medium: Medium, views: Iterable[int]) -> None:
        """Let a medium wait for a shard."""
        assigned = Assigned(medium, set(views))
        self._queue(assigned).append(assigned)

    def next(self, seat: int, want: int, *, most_long: int) -> Give | None:
        """Give media to a shard.

        Args:
            seat: Which one.
            want: How many media it would take.
            most_long: Of those, videos and sounds at most. What waits behind one in a shard could be done by
                another shard.

        Returns:
            `None` where there is nothing for it now.
        """
        held = self._held[seat]
        if any(a.losses for a in held.values()):
            return None  # suspects are done alone
        if self._suspects and not held:
            return self._assign(held, self._group(), alone=True)
        long = min(most_long, max(1, want // 2) if self._images else want)
        block = [self._long.popleft() for _ in range(min(long, len(self._long)))]
        block += [self._images.popleft() for _ in range(min(want - len(block), len(self._images)))]
        return self._assign(held, block, alone=False) if block else None

    def find(self, seat: int, medium_id: str) -> Assigned | None:
        """Return a medium that is with a shard; `None` if it is not."""
        return self._held[seat].get(medium_id)

    def hand_over(
        self, seat: int, medium_id: str, view: int, outcome: Outcome, media_s: float = 0.0
    ) -> Assigned | None:
        """Take note of a hand-over; returns the medium when it was the last of its views."""
        assigned = self._held[seat][medium_id]
        assigned.open_views.discard(view)
        assigned.outcomes.append(outcome)
        assigned.media_s += media_s
        if assigned.open_views:
            return None
        return self._held[seat].pop(medium_id)

    def lose(self, seat: int, *, lost_machine: bool = False) -> list[Assigned]:
        """Take back what a dead shard had; returns the media that have had all their attempts.

        Args:
            seat: Of the shard.
            lost_machine: Whether its machine ended, which no medium can cause.
        """
        lost, self._held[seat] = list(self._held[seat].values()), {}
        if lost_machine:
            for assigned in reversed(lost):
                self._queue(assigned).appendleft(assigned)
            return []
        for assigned in lost:
            assigned.losses += 1
        # A medium that was alone is tried again at once.
        again = [a for a in lost if a.losses < MOST_LOSSES]
        if len(again) == 1:
            self._suspects.appendleft(again[0])
        else:
            self._suspects += again
        return [a for a in lost if a.losses >= MOST_LOSSES]

    def _queue(self, assigned: Assigned) -> deque[Assigned]:
        if assigned.losses:
            return self._suspects
        return self._long if is_long(assigned.medium) else self._images

    def _group(self) -> list[Assigned]:
        """Take the suspects that come next: some that were lost once, or one that was lost more often."""
        losses = self._suspects[0].losses
        most = _GROUP if losses == 1 else 1
        group: list[Assigned] = []
        while self._suspects and len(group) < most and self._suspects[0].losses == losses:
            group.append(self._suspects.popleft())
        return group

    def _assign(self, held: dict[str, Assigned], block: list[Assigned], *, alone: bool) -> Give:
        held.update((a.medium.medium_id, a) for a in block)
        return Give(tuple(Given(a.medium, tuple(sorted(a.open_views))) for a in block), alone)
