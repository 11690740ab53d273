"""Lanes: media that wait for a decoder, apart by where they lie and by what they are.

The media of one file system and of one sort (images, or videos and sound) form a lane. Within a lane they are
taken in the order in which the sources list them. `choose_lane` says from which lane a free decoder takes its
next media, so that neither a few long videos nor a slow disk keeps the network without samples.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from vifex.extraction.decoders.protocol import Assignment
from vifex.values import Medium

__all__ = ["Lane", "LaneKey", "choose_lane", "lane_key"]

_SLOW: Final = 0.5
"""Part of their time that decoders wait for the files of a lane above which it counts as slow."""
_MEASURED: Final = 5
"""Measurements before a lane counts as slow: the first files wait for imports too."""
_WEIGHT: Final = 0.2
"""Of a new measurement in a running mean."""
_AHEAD: Final = (2, 128)
"""Images that a decoder holds, at least and at most: the one it reads, and more the less they take."""
_AHEAD_S: Final = 0.1
"""Seconds of work that it may hold: more would wait behind it while others have nothing to do."""
_REMOTE_AHEAD: Final = 32
_REMOTE_AHEAD_S: Final = 1.0
"""The same of media on other machines: they are fetched from when the decoder gets them."""

LaneKey = tuple[int, bool]


def lane_key(medium: Medium) -> LaneKey:
    """Return a medium's file system or host, and whether it is a video or sound."""
    return medium.device, medium.kind != "image"


@dataclass(slots=True, eq=False)
class Lane:
    """Media of one file system and one sort."""

    is_long: bool
    """Whether they are videos and sound."""
    is_remote: bool = False
    """Whether they are on another machine."""
    waiting: deque[Assignment] = field(default_factory=deque)
    ahead: int = 0
    """Media that a decoder may hold."""
    _job_s: float | None = None
    _blocked: float = 0.0
    _measured: int = 0

    def __post_init__(self) -> None:
        self.ahead = 1 if self.is_long else self._least

    @property
    def _least(self) -> int:
        return _REMOTE_AHEAD if self.is_remote else _AHEAD[0]

    @property
    def is_slow(self) -> bool:
        """Whether decoders wait for its files for most of their time."""
        return self._measured >= _MEASURED and self._blocked > _SLOW

    def finish(self, wall_s: Sequence[float]) -> None:
        """Take note of what some of its media took."""
        job_s = self._job_s
        for one_s in wall_s:
            if job_s is None:
                job_s = one_s if self.is_long else _AHEAD_S
            job_s += 0.1 * (one_s - job_s)
        if job_s is not None:
            self._job_s = job_s
            ahead_s = _REMOTE_AHEAD_S if self.is_remote else _AHEAD_S
            # Nothing waits behind a video that may take an hour.
            least = 1 if self.is_long else self._least
            self.ahead = min(max(least, int(ahead_s / max(job_s, 1e-6))), _AHEAD[1])

    def measure(self, blocked: float) -> None:
        """Take note of the part of its time for which a decoder waited for this lane's files."""
        self._measured += 1
        self._blocked += _WEIGHT * (blocked - self._blocked)


def choose_lane(
    lanes: Sequence[Lane],
    held: Mapping[Lane, int],
    *,
    decoders: int,
    workers: int,
    engine_is_busy: bool = False,
) -> Lane | None:
    """Choose the lane from which a free decoder takes its next media.

    A slow lane has the decoders beyond `workers`, at least one; they wait more than they compute. `workers`
    decoders read from the other lanes. While the engine has enough to do, those would wait for slots, so all
    decoders but one read slow lanes. Where images and videos wait, at most half of those (rounded up) read
    videos, which are taken first because they take longest. Among lanes that are alike the one that fewest
    decoders read from comes first.

    Args:
        lanes: Those with waiting media, in the order of their first media.
        held: Decoders that read from each lane, without the one that chooses.
        decoders: How many decoders there are.
        workers: How many of them compute at once.
        engine_is_busy: Whether more samples wait for the engine than it takes soon.

    Returns:
        `None` if the decoder has nothing to do now.
    """
    slow = [lane for lane in lanes if lane.is_slow]
    others = [lane for lane in lanes if not lane.is_slow]
    if slow:
        n_slow = sum(n for lane, n in held.items() if lane.is_slow)
        if not others or n_slow < max(1, decoders - (1 if engine_is_busy else workers)):
            return min(slow, key=lambda lane: held.get(lane, 0))
    if sum(n for lane, n in held.items() if not lane.is_slow) >= workers or not others:
        return None
    long = [lane for lane in others if lane.is_long]
    images = [lane for lane in others if not lane.is_long]
    n_long = sum(n for lane, n in held.items() if lane.is_long and not lane.is_slow)
    chosen = long if long and (not images or n_long < (workers + 1) // 2) else images
    return min(chosen, key=lambda lane: held.get(lane, 0))
