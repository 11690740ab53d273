"""Which media are with which shard, which wait, and which were lost with a shard that died.

Media that were with a shard when it died are suspects: one of them may be the cause. They are given again one
by one, each time to a shard that has nothing else, so that a medium that ends its shard is found, and the
others are done.

At the end of a run a medium may be with two shards, because one of them may be on a slow machine; the first
answer counts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from vifex.extraction.counting import is_long
from vifex.extraction.shards.protocol import Give, Given
from vifex.values import Medium, Outcome

__all__ = ["MOST_LOSSES", "Assigned", "Assignments"]

MOST_LOSSES: Final = 3
"""Attempts: a medium that was with so many shards that died, the last two times alone, counts as failed.

Two times alone, because a shard can also be killed from outside.
"""
_PATIENCE_S: Final = 30.0
"""Seconds before a medium is given a second time, at least..."""
_PATIENCE: Final = 2.0
"""... and of the longest time that a medium has taken."""


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
    given_s: float = 0.0
    """When it was given, on `time.monotonic`."""
    seats: list[int] = field(default_factory=list)
    """Of the shards that have it."""


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
        self._longest_s = 0.0
        """The longest time between giving a medium and its hand-over."""

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
            return self._assign(seat, [self._suspects.popleft()], alone=True)
        long = min(most_long, max(1, want // 2) if self._images else want)
        block = [self._long.popleft() for _ in range(min(long, len(self._long)))]
        block += [self._images.popleft() for _ in range(min(want - len(block), len(self._images)))]
        return self._assign(seat, block, alone=False) if block else None

    def double(self, seat: int, now_s: float) -> Give | None:
        """Give an idle shard the medium that another one has had for longest, if that is unusually long.

        Args:
            seat: Of the idle shard.
            now_s: On `time.monotonic`.

        Returns:
            `None` where no medium is late.
        """
        if self.waiting or self._held[seat]:
            return None
        late_s = now_s - max(_PATIENCE_S, _PATIENCE * self._longest_s)
        late = [
            assigned
            for held in self._held
            for assigned in held.values()
            if assigned.given_s < late_s and not assigned.losses and len(assigned.seats) == 1
        ]
        if not late:
            return None
        assigned = min(late, key=lambda a: a.given_s)
        self._held[seat][assigned.medium.medium_id] = assigned
        assigned.seats.append(seat)
        return Give((Given(assigned.medium, tuple(sorted(assigned.open_views))),), alone=True)

    def find(self, seat: int, medium_id: str) -> Assigned | None:
        """Return a medium that is with a shard; `None` if it is not."""
        return self._held[seat].get(medium_id)

    def hand_over(
        self, seat: int, medium_id: str, view: int, outcome: Outcome, media_s: float = 0.0
    ) -> Assigned | None:
        """Take note of a hand-over; returns the medium when it was the last of its views.

        Then no other shard has the medium any more.
        """
        assigned = self._held[seat][medium_id]
        assigned.open_views.discard(view)
        assigned.outcomes.append(outcome)
        assigned.media_s += media_s
        if assigned.open_views:
            return None
        self._longest_s = max(self._longest_s, time.monotonic() - assigned.given_s)
        for holder in assigned.seats:
            del self._held[holder][medium_id]
        assigned.seats.clear()
        return assigned

    def lose(self, seat: int, *, lost_machine: bool = False) -> list[Assigned]:
        """Take back what a dead shard had; returns the media that have had all their attempts.

        Args:
            seat: Of the shard.
            lost_machine: Whether its machine ended, which no medium can cause.
        """
        had, self._held[seat] = list(self._held[seat].values()), {}
        for assigned in had:
            assigned.seats.remove(seat)
        lost = [assigned for assigned in had if not assigned.seats]
        if lost_machine:
            for assigned in reversed(lost):
                self._queue(assigned).appendleft(assigned)
            return []
        for assigned in had:
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

    def _assign(self, seat: int, block: list[Assigned], *, alone: bool) -> Give:
        self._held[seat].update((a.medium.medium_id, a) for a in block)
        now_s = time.monotonic()
        for assigned in block:
            assigned.given_s = now_s
            assigned.seats.append(seat)
        return Give(tuple(Given(a.medium, tuple(sorted(a.open_views))) for a in block), alone)
