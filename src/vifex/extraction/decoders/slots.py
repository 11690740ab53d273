"""Slots of shared memory between decoders and the consumer of their samples.

A decoder that needs a slot is granted one, reports what it writes, and hands the slot over when it is full. A
slot that is not full is taken back when its decoder has nothing to do and others wait, or after a while.
Decoders of slow disks come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vifex.extraction.decoders.decoder import Decoder
from vifex.extraction.decoders.events import Filled
from vifex.extraction.decoders.memory.slot_pool import SlotPool
from vifex.extraction.decoders.protocol import Forget, Grant, SlotPlan, Wrote
from vifex.values.sample_facts import SampleFacts

__all__ = ["Slots"]


class Slots:
    """Grants slots and collects what was written into them.

    Args:
        plans: Of the slots, one for each request.
        decoders: By their seats; the supervisor adds and replaces them.
        low: Filled slots that keep the engine busy while decoders wake.
        held_back: Slots of each request that are not granted before a `widen`.
    """

    def __init__(
        self,
        plans: tuple[SlotPlan, ...],
        decoders: Mapping[int, Decoder],
        *,
        low: int,
        held_back: int = 0,
    ) -> None:
        self._plans = plans
        self._decoders = decoders
        self._pools = [SlotPool(plan.count - held_back, low=low) for plan in plans]
        self._filled: list[Filled] = []

    def take_filled(self) -> list[Filled]:
        """Return the slots that were handed over since the last call."""
        filled, self._filled = self._filled, []
        return filled

    @property
    def engine_is_busy(self) -> bool:
        """Whether more slots are filled for every request than keep the engine busy while decoders wake."""
        return all(pool.has_enough for pool in self._pools)

    def widen(self, count: int) -> None:
        """Grant that many more slots of each request. While they are of no use, fewer stay in the caches."""
        for pool in self._pools:
            pool.widen(count)

    def need(self, decoder: Decoder, request: int) -> None:
        """Grant a slot to a decoder, or let it wait."""
        decoder.needs.add(request)
        if not self._grant(decoder, request) and self._pools[request].is_empty:
            self._reclaim(request)

    def write(self, decoder: Decoder, wrote: Wrote) -> None:
        """Take note of samples in a slot."""
        written = decoder.written[wrote.request]
        written.append(wrote)
        if sum(len(w.attempts) for w in written) == self._plans[wrote.request].rows:
            self._hand_over(decoder, wrote.request)

    def leave(self, decoder: Decoder, request: int) -> None:
        """Take a slot that a decoder fills no further, however full."""
        if request in decoder.open:
            self._hand_over(decoder, request)

    def free(self, request: int, slot: int) -> None:
        """Take a slot back whose pixels are no longer needed."""
        self._pools[request].clear(slot)
        self._grant_all(request)

    def take_partial(self, decoders: Iterable[Decoder]) -> None:
        """Take the slots of idle decoders, however full."""
        for decoder in decoders:
            for request in list(decoder.open):
                decoder.say(Forget(request))
                self._hand_over(decoder, request)

    def take_from_dead(self, decoder: Decoder) -> None:
        """Take the slots of a decoder that has ended."""
        decoder.needs.clear()
        for request in list(decoder.open):
            self._hand_over(decoder, request)

    def _grant_all(self, request: int) -> None:
        needing = [d for d in self._decoders.values() if request in d.needs]
        needing.sort(key=lambda d: not d.reads_slow_disk)
        for decoder in needing:
            self._grant(decoder, request)

    def _grant(self, decoder: Decoder, request: int) -> bool:
        pool = self._pools[request]
        if decoder.reads_slow_disk:
            slot = pool.take_at_once()
        else:
            n_slow = sum(d.reads_slow_disk for d in self._decoders.values())
            slot = pool.take(keep=min(n_slow, pool.count // 4))
        if slot is None:
            return False
        decoder.open[request] = slot
        decoder.written[request] = []
        decoder.needs.discard(request)
        decoder.say(Grant(request, slot))
        return True

    def _hand_over(self, decoder: Decoder, request: int) -> None:
        slot, written = decoder.open.pop(request), decoder.written.pop(request)
        if not written:
            self._pools[request].put_back(slot)
            self._grant_all(request)
            return
        self._pools[request].fill()
        attempts = written[0].attempts
        for wrote in written[1:]:
            attempts += wrote.attempts
        facts = SampleFacts.joined([wrote.facts for wrote in written])
        self._filled.append(Filled(request, slot, attempts, facts))

    def _reclaim(self, request: int) -> None:
        """Take partly filled slots from decoders that have nothing to do: another one waits for a slot."""
        for decoder in list(self._decoders.values()):
            if not decoder.jobs and request in decoder.open:
                decoder.say(Forget(request))
                self._hand_over(decoder, request)
