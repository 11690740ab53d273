"""Which decoder reads a medium, and how many media a decoder is given ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vifex.extraction.decoders.decoder import Decoder
from vifex.extraction.decoders.dispatching.lanes import Lane, LaneKey, choose_lane, lane_key
from vifex.extraction.decoders.protocol import Assignment, Finished, Jobs

__all__ = ["Dispatcher"]

_IDLE_AHEAD: Final = 2
"""Media that are wanted for a decoder that never had one."""
_STEP: Final = 256
"""Media that are taken at once into the window."""


class Dispatcher:
    """Hands media to decoders, small ones in blocks.

    Args:
        decoders: By their seats; the supervisor adds and replaces them.
        workers: Decoders that compute at once; those beyond them read slow disks.
        window: Media that may wait here, so that long ones and those of other disks are found early. With 0
            only what decoders would take now is wanted.
    """

    def __init__(self, decoders: Mapping[int, Decoder], *, workers: int, window: int = 0) -> None:
        self._decoders = decoders
        self._workers, self._window = workers, window
        self._lanes: dict[LaneKey, Lane] = {}
        self._n_waiting = 0
        self.jobs = 0
        """Media that are not over."""

    @property
    def wants_decoder(self) -> bool:
        """Whether media of a slow disk wait that one more decoder could read."""
        return any(lane.is_slow and lane.waiting for lane in self._lanes.values())

    def capacity(self) -> int:
        """Count the media that would be taken now; a decoder is filled up when it holds half."""
        spare = 0
        for decoder in self._decoders.values():
            most, held = _most(decoder), len(decoder.jobs)
            if 2 * held <= most:
                spare += most - held
        return max(spare - self._n_waiting, min(_STEP, self._window - self._n_waiting), 0)

    def free(self) -> int:
        """Count the decoders that would take media now, beyond those for which videos or sounds wait."""
        wanting = sum(2 * len(decoder.jobs) <= _most(decoder) for decoder in self._decoders.values())
        return max(0, wanting - sum(len(lane.waiting) for lane in self._lanes.values() if lane.is_long))

    def give(self, job: Assignment, *, first: bool = False) -> None:
        """Let a medium wait for a decoder, which gets it with a `flush`.

        Args:
            job: To be read.
            first: Whether it goes before all that wait in its lane.
        """
        key = lane_key(job.medium)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(is_long=key[1], is_remote=key[0] < 0)
        if first:
            lane.waiting.appendleft(job)
        else:
            lane.waiting.append(job)
        self._n_waiting += 1
        self.jobs += 1

    def flush(self, *, engine_is_busy: bool = False) -> None:
        """Give decoders that hold less than half of what they may the media that wait.

        Args:
            engine_is_busy: Whether more samples wait for the engine than it takes soon.
        """
        if not self._n_waiting:
            return
        wanting = [d for d in self._decoders.values() if 2 * len(d.jobs) <= _most(d)]
        wanting.sort(key=lambda d: len(d.jobs))
        for place, decoder in enumerate(wanting):
            self._fill(decoder, len(wanting) - place, engine_is_busy=engine_is_busy)

    def finish(self, decoder: Decoder, finished: Finished) -> None:
        """Take note of what a decoder finished."""
        lanes: dict[LaneKey, list[float]] = {}
        for attempt, wall_s in zip(finished.attempts, finished.wall_s, strict=True):
            # The first, but where it waits for the network.
            place = next(at for at, job in enumerate(decoder.jobs) if job.attempt == attempt)
            job = decoder.jobs[place]
            del decoder.jobs[place]
            lanes.setdefault(lane_key(job.medium), []).append(wall_s)
        self.jobs -= len(finished.attempts)
        for key, times_s in lanes.items():
            self._lanes[key].finish(times_s)

    def measure(self, decoder: Decoder, blocked: float) -> None:
        """Take note of the part of its time for which a decoder waited for files."""
        if decoder.lane is not None:
            decoder.lane.measure(blocked)

    def forget(self, decoder: Decoder) -> None:
        """Take note that a decoder died, and what it held will not be finished by it."""
        self.jobs -= len(decoder.jobs)

    def _fill(self, decoder: Decoder, sharing: int, *, engine_is_busy: bool) -> None:
        """Give a decoder media of one lane, but leave as many to each of the others that share them."""
        lanes = [lane for lane in self._lanes.values() if lane.waiting]
        held: dict[Lane, int] = {}
        for other in self._decoders.values():
            if other is not decoder and other.jobs and other.lane is not None:
                held[other.lane] = held.get(other.lane, 0) + 1
        lane = choose_lane(
            lanes,
            held,
            decoders=len(self._decoders),
            workers=self._workers,
            engine_is_busy=engine_is_busy,
        )
        if lane is None or 2 * len(decoder.jobs) > lane.ahead:
            return
        share = -(-len(lane.waiting) // sharing)
        block = [lane.waiting.popleft() for _ in range(min(lane.ahead - len(decoder.jobs), share))]
        self._n_waiting -= len(block)
        decoder.lane = lane
        decoder.jobs += block
        decoder.say(Jobs(tuple(block)))


def _most(decoder: Decoder) -> int:
    return _IDLE_AHEAD if decoder.lane is None else decoder.lane.ahead
