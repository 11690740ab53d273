"""Which decoder reads a medium, and how many media a decoder is given ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vifex.extraction.decoders.decoder import Decoder
from vifex.extraction.decoders.protocol import Assignment, Finished, Jobs

__all__ = ["Dispatcher"]

_AHEAD: Final = (2, 128)
"""Media that a decoder holds, at least and at most: the one it reads, and more the less they take."""
_AHEAD_S: Final = 0.1
"""Seconds of work that it may hold: more would wait behind it while others have nothing to do."""
_PARTS: Final = 4
"""A decoder is given so many blocks before it has all that it may hold."""


class Dispatcher:
    """Hands media to decoders, small ones in blocks.

    Args:
        decoders: By their seats; the supervisor adds and replaces them.
    """

    def __init__(self, decoders: Mapping[int, Decoder]) -> None:
        self._decoders = decoders
        self._job_s = _AHEAD_S
        """What a medium takes, a running mean."""
        self._ahead = _AHEAD[0]
        """Media that a decoder of images may hold."""
        self._waiting: list[tuple[Decoder, list[Assignment]]] = []
        self.jobs = 0
        """Media that are not over."""

    def _most(self, decoder: Decoder, ahead: int) -> int:
        # A video may take an hour: little waits behind it that another decoder could do.
        return _AHEAD[0] if decoder.long else ahead

    def capacity(self) -> int:
        """Count the media that decoders would take now; a decoder is filled up when it holds half."""
        ahead = self._ahead
        spare = 0
        for decoder in self._decoders.values():
            most, held = self._most(decoder, ahead), len(decoder.jobs)
            if 2 * held <= most or (held < most and most <= 2 * _AHEAD[0]):
                spare += most - held
        return spare

    def give(self, job: Assignment) -> None:
        """Hand a medium to the decoder with the least to do, with the next `flush`."""
        self.jobs += 1
        is_long = job.medium.kind != "image"
        block = max(1, self._ahead // _PARTS)
        if not is_long and self._waiting:
            decoder, jobs = self._waiting[-1]
            if len(jobs) < block and not decoder.long:
                jobs.append(job)
                decoder.jobs.append(job)
                return
        decoder = min(self._decoders.values(), key=lambda d: (d.long, len(d.jobs)))
        decoder.jobs.append(job)
        decoder.long += is_long
        self._waiting.append((decoder, [job]))

    def flush(self) -> None:
        """Say the blocks to their decoders."""
        for decoder, jobs in self._waiting:
            decoder.say(Jobs(tuple(jobs)))
        self._waiting = []

    def finish(self, decoder: Decoder, finished: Finished) -> None:
        """Take note of what a decoder finished."""
        for attempt, wall_s in zip(finished.attempts, finished.wall_s, strict=True):
            job = decoder.jobs.popleft()
            assert job.attempt == attempt, "decoders finish their media in order"
            decoder.long -= job.medium.kind != "image"
            self._job_s += 0.1 * (wall_s - self._job_s)
        self.jobs -= len(finished.attempts)
        least, most = _AHEAD
        self._ahead = min(max(least, int(_AHEAD_S / max(self._job_s, 1e-6))), most)

    def forget(self, decoder: Decoder) -> None:
        """Take note that a decoder died, and what it held will not be finished by it."""
        self.jobs -= len(decoder.jobs)
        self._waiting = [(d, jobs) for d, jobs in self._waiting if d is not decoder]
