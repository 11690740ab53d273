"""Reads packets ahead of the decoder: frames get numbers and times, and samplers select frames from these.

At most `depth` frames are reordered, so a frame's number and end are known once that many packets have
followed it. Packets stay queued until it is known whether a selected frame depends on them, which the rest of
their group of pictures tells. The queue is bounded.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any, Final

from av.packet import Packet
from av.video.frame import VideoFrame

from vifex.media.decode.sparse.role import Role, Unclear
from vifex.media.decode.timing.times import Clock, Gaps
from vifex.media.sample.base import Part, Sampler
from vifex.values import Limits

__all__ = ["Ahead", "Group", "Planned"]

_MOST_PACKETS: Final = 600
_MOST_BYTES: Final = 32 << 20
_TRIED: Final = 8
"""Frames at the start that are decoded in any case, to see that packets and frames go one to one; the first
also tells the size."""
_CHANGES: Final = frozenset({"new_extradata", "param_change", "encryption_info", "encryption_init_info"})


@dataclass(slots=True, eq=False)
class Group:
    """An entry and what follows it up to the next one."""

    number: int
    entry_pts: int
    before: Group | None
    """The group before, as long as leading frames of this one, which may need it, can still come."""
    n_open: int = 0
    """Frames not decided yet that are, or could be, made of this group."""
    n_wanted: int = 0
    """Packets in the queue whose frames are wanted."""
    is_needed_whole: bool = False
    """Whether a wanted frame that leads the next group may be made of this one's last frames."""
    is_read: bool = False
    is_cut: bool = False
    """Whether a packet that others may need was left out."""
    is_joined: bool = False
    """Whether the group before was decoded too, so that leading frames can be."""


@dataclass(slots=True, eq=False)
class Planned:
    """A packet and what is known of its frame."""

    packet: Packet[Any]
    role: Role
    group: Group
    pts: int
    leads_from: Group | None
    """Of a leading frame, the group before its own."""
    index: int = -1
    start: Fraction = Fraction(0)
    end: Fraction = Fraction(0)
    is_wanted: bool | None = None
    """`None` until it is decided."""
    frame: VideoFrame | None = None
    """The frame, once it came out, if it is wanted."""

    @property
    def is_shown(self) -> bool:
        """Whether a frame is to come of it: an edit list may hide it."""
        return self.role.is_shown and not self.packet.is_discard


class Ahead:
    """Takes packets in the order of the file, and decides about them as soon as it can."""

    def __init__(
        self,
        role_of: Callable[[Packet[Any]], Role],
        depth: int,
        clock: Clock,
        samplers: Sequence[tuple[Sampler, Part]],
        limits: Limits,
    ) -> None:
        self._role_of = role_of
        self._depth = depth
        self._clock = clock
        self._samplers = samplers
        self._limits = limits
        self.queue: deque[Planned] = deque()
        """Packets not sent to the decoder yet, in decoding order."""
        self.timeline: deque[Planned] = deque()
        """Frames decided and not shown yet, in presentation order."""
        self.is_over = False
        """Whether no later frame is wanted."""
        self._n_bytes = 0
        self._group: Group | None = None
        self._unsettled: list[tuple[int, int, Planned]] = []
        self._ties = count()
        self._last: Planned | None = None
        self._n_decided = 0
        self._edge = Fraction(0)
        self._gaps = Gaps()

    def add(self, packet: Packet[Any]) -> None:
        """Take the next packet.

        Raises:
            Unclear: If the packet has properties that cannot be planned with.
        """
        if packet.pts is None or any(s.data_type in _CHANGES for s in packet.iter_sidedata()):
            raise Unclear
        role = self._role_of(packet)
        group = self._placed(role, packet.pts)
        leads_from = group.before if role.is_leading else None
        planned = Planned(packet, role, group, packet.pts, leads_from)
        self.queue.append(planned)
        self._n_bytes += packet.size
        if not planned.is_shown:
            planned.is_wanted = False
            return
        group.n_open += 1
        if leads_from is not None:
            leads_from.n_open += 1
        heapq.heappush(self._unsettled, (packet.pts, next(self._ties), planned))
        while len(self._unsettled) > self._depth:
            self._settle()

    def end(self) -> None:
        """Decide the remaining packets at the end of the file.

        Raises:
            Unclear: If there is no frame.
        """
        while self._unsettled:
            self._settle()
        if self._last is None:
            raise Unclear
        own = self._last.packet.duration or self._gaps.median()
        self._decide(self._last, self._last.pts + max(1, own))
        self.is_over = True

    def pop(self) -> Planned:
        """Take the first packet out of the queue."""
        planned = self.queue.popleft()
        self._n_bytes -= planned.packet.size
        planned.group.n_wanted -= planned.is_wanted is True
        return planned

    @property
    def is_full(self) -> bool:
        """Return whether the queue is full."""
        return len(self.queue) > _MOST_PACKETS or self._n_bytes > _MOST_BYTES

    def is_decided(self, group: Group) -> bool:
        """Whether it is known of all frames that may be made of a group whether they are wanted."""
        return self.is_over or (group.is_read and not group.n_open)

    def _placed(self, role: Role, pts: int) -> Group:
        """Return the group of the next packet."""
        group = self._group
        if role.is_entry:
            if group is not None and group.before is not None:
                _close(group)
            group = self._group = Group(0 if group is None else group.number + 1, pts, group)
            return group
        if group is None:
            raise Unclear
        if role.is_leading:
            if group.before is None:  # the first group's have nothing to be made of
                raise Unclear
        elif pts > group.entry_pts and group.before is not None:
            _close(group)
        return group

    def _settle(self) -> None:
        pts, _, planned = heapq.heappop(self._unsettled)
        last = self._last
        if last is not None:
            if pts <= last.pts:
                raise Unclear
            self._decide(last, pts)
        else:
            self._edge = self._clock.seconds(pts)
        self._gaps.add(pts)
        self._last = planned

    def _decide(self, planned: Planned, end_pts: int) -> None:
        index = planned.index = self._n_decided
        if index >= self._limits.decoded_frames:
            raise Unclear
        self._n_decided += 1
        start, end = self._edge, self._clock.seconds(end_pts)
        planned.start, planned.end, self._edge = start, end, end
        # Every sampler sees every frame, so that each counts as its twin will.
        wanted = [sampler.feed(index, start, end) for sampler, _ in self._samplers]
        planned.is_wanted = index < _TRIED or any(wanted)
        self.is_over = self.is_over or all(part.is_over(end) for _, part in self._samplers)
        group = planned.group
        group.n_open -= 1
        group.n_wanted += planned.is_wanted
        if planned.leads_from is not None:
            planned.leads_from.n_open -= 1
            planned.leads_from.is_needed_whole |= planned.is_wanted
        self.timeline.append(planned)


def _close(group: Group) -> None:
    """Note that no more leading frames of a group can come, so that all of the group before is known."""
    assert group.before is not None
    group.before.is_read = True
    group.before = None
