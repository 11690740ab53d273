"""What a shard and its coordinator say to each other, apart from how it travels.

The coordinator lists media, gives them out and commits. A shard is given media, and hands rows over as Arrow
record batches in IPC format, and outcomes as columns. `pipes` is the transport between processes of one
machine; another one has to carry these messages in order and to tell the coordinator when a shard is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar

import pyarrow as pa

from vifex.extraction.planning.portable import PortablePlan
from vifex.values import Limits, Medium, Outcome, Status, VifexError

if TYPE_CHECKING:
    from vifex.store import (  # most shards do without the store, which takes long to import
        RowsPlace,
        WrittenRows,
    )

__all__ = [
    "Beat",
    "Coordinator",
    "Discarded",
    "Fault",
    "FromShard",
    "Give",
    "Given",
    "HandedOver",
    "InWorkThere",
    "NoMore",
    "Noticed",
    "OutcomeColumns",
    "Ready",
    "Rows",
    "ShardLink",
    "ShardSetup",
    "SpilledPart",
    "Step",
    "Stop",
    "ToShard",
    "Want",
]

Rows: TypeAlias = "bytes | WrittenRows"
"""An IPC stream of one record batch; or what the shard has written into the store itself."""

_Item = TypeVar("_Item")
_FIELDS: Final = attrgetter(*(f.name for f in fields(Medium) if f.init))
"""Gives a medium as the arguments that make it again."""

# -- to a shard ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShardSetup:
    """The first message: what to compute, and what it may cost."""

    views: tuple[PortablePlan, ...]
    workers: int
    """Decoder processes."""
    cores: int
    """Threads of the engine."""
    limits: Limits
    schemas: tuple[pa.Schema, ...]
    """Of the rows of each view."""
    import_paths: tuple[str, ...] = ()
    """Folders from which the coordinator imports modules, such as a user's networks."""
    gpus: int = 0
    """GPUs that a cluster reserves for it."""
    tables: tuple[RowsPlace, ...] = ()
    """Where it may write the rows of each view itself, if it sees them; empty where it is not to."""


@dataclass(frozen=True, slots=True)
class Given:
    """A medium, and the numbers of the views that want it."""

    medium: Medium
    views: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Give:
    """Media to be done."""

    media: tuple[Given, ...]
    alone: bool = False
    """Whether nothing else is given before these are handed over: a shard that had one of them died."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Media as tuples of their fields: pickling dataclasses costs a third of the coordinator's time.
        return _give, (tuple((_FIELDS(g.medium), g.views) for g in self.media), self.alone)


def _give(media: tuple[tuple[tuple[Any, ...], tuple[int, ...]], ...], alone: bool) -> Give:
    return Give(tuple(Given(Medium(*medium), views) for medium, views in media), alone)


@dataclass(frozen=True, slots=True)
class NoMore:
    """There are no more media: the shard ends when it has handed over those that it has."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Hand over what is finished, and end."""


ToShard = ShardSetup | Give | NoMore | Stop


# -- from a shard --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OutcomeColumns:
    """Outcomes of media that the coordinator knows by their ids."""

    medium_ids: tuple[str, ...]
    statuses: tuple[Status, ...]
    rows: tuple[int, ...]
    wall_s: tuple[float, ...]
    media_s: tuple[float, ...]
    """Seconds of video or sound that were gone through."""
    content_hashes: tuple[str, ...]
    reasons: Mapping[int, str] = field(default_factory=dict)
    """Place to the reason, where there is one."""
    lost: Mapping[int, int] = field(default_factory=dict)
    """Place to the number of lost frames, where there are any."""
    notes: frozenset[int] = frozenset()
    """Places whose reason is a note that is shown."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], media_s: Sequence[float]) -> OutcomeColumns:
        """Put outcomes into columns."""
        return cls(
            tuple(o.medium.medium_id for o in outcomes),
            tuple(o.status for o in outcomes),
            tuple(o.rows for o in outcomes),
            tuple(o.wall_s for o in outcomes),
            tuple(media_s),
            tuple(o.content_hash for o in outcomes),
            {i: o.reason for i, o in enumerate(outcomes) if o.reason},
            {i: o.lost for i, o in enumerate(outcomes) if o.lost},
            frozenset(i for i, o in enumerate(outcomes) if o.is_note),
        )

    def only(self, places: Sequence[int]) -> OutcomeColumns:
        """Return the outcomes at some places."""
        number = {place: new for new, place in enumerate(places)}
        return OutcomeColumns(
            _picked(places, self.medium_ids),
            _picked(places, self.statuses),
            _picked(places, self.rows),
            _picked(places, self.wall_s),
            _picked(places, self.media_s),
            _picked(places, self.content_hashes),
            {number[place]: reason for place, reason in self.reasons.items() if place in number},
            {number[place]: lost for place, lost in self.lost.items() if place in number},
            frozenset(number[place] for place in self.notes if place in number),
        )

    def outcome(self, place: int, medium: Medium) -> Outcome:
        """Return the outcome at a place; `medium` is the one with its id."""
        return Outcome(
            medium,
            self.statuses[place],
            self.reasons.get(place, ""),
            rows=self.rows[place],
            lost=self.lost.get(place, 0),
            wall_s=self.wall_s[place],
            content_hash=self.content_hashes[place],
            is_note=place in self.notes,
        )


def _picked(places: Sequence[int], column: Sequence[_Item]) -> tuple[_Item, ...]:
    return tuple(column[place] for place in places)


@dataclass(frozen=True, slots=True)
class Ready:
    """The networks are compiled."""


@dataclass(frozen=True, slots=True)
class Want:
    """The shard would take so many media now, as soon as there are some."""

    count: int
    long: int
    """Of those, videos and sounds at most: each holds up a decoder for long."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Media that are finished in one view, with all their rows."""

    view: int
    outcomes: OutcomeColumns
    rows: Rows | None
    """The rows of all of them in the order of `outcomes`."""
    has_spilled: bool = False
    """Whether the one medium has spilled rows as well, which come first."""


@dataclass(frozen=True, slots=True)
class SpilledPart:
    """Some rows of an unfinished medium."""

    view: int
    medium_id: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class Discarded:
    """The spilled rows of this medium are void."""

    view: int
    medium_id: str


@dataclass(frozen=True, slots=True)
class InWorkThere:
    """A medium that a decoder of the shard is reading; see `InWork`."""

    medium_id: str
    at_s: float
    end_s: float | None
    spent_s: float


@dataclass(frozen=True, slots=True)
class Beat:
    """The shard goes on."""

    in_work: tuple[InWorkThere, ...] = ()
    is_decoding: bool = False
    """Whether a decoder has stood ready to read."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the shard does before its first medium, e.g. `compiling resnet50`."""

    what: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """A warning for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that ends the run, as it would end a run without shards."""

    error: VifexError


FromShard = Ready | Want | HandedOver | SpilledPart | Discarded | Beat | Step | Noticed | Fault


# -- the two ends --------------------------------------------------------------------------------------------


class Coordinator(Protocol):
    """The coordinator as a shard sees it. Any thread of the shard may call it."""

    def say(self, message: FromShard) -> None:
        """Send a message; blocks while the coordinator does not take more."""


class ShardLink(Protocol):
    """A shard as its coordinator sees it."""

    @property
    def lost_machine(self) -> bool:
        """Whether the shard ended with its machine, so that none of its media is the cause; after `kill`."""

    @property
    def reads_from(self) -> int:
        """Descriptor that is readable when the shard has said something, or is gone."""

    @property
    def writes_to(self) -> int:
        """Descriptor that takes what is sent to it."""

    def say(self, message: ToShard) -> None:
        """Send a message with the next `flush`."""

    def flush(self) -> bool:
        """Send what waits, without blocking; returns whether something still waits."""

    def listen(self) -> list[FromShard] | None:
        """Return what has arrived; `None` when the shard is gone."""

    def kill(self) -> list[FromShard]:
        """End the shard; returns what it had said before."""

    def died_by(self) -> str:
        """Say how it ended, after `kill`."""

    def close(self) -> None:
        """Free what belongs to it, after `kill`."""
