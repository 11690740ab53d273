"""A stream over scripted events of decoding: what is read again is yielded once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vifex.extraction.decoders.events import Ended, Filled, Retried
from vifex.extraction.decoders.protocol import Finished
from vifex.extraction.embed import compile_plan
from vifex.extraction.planning.view_plan import plan_view
from vifex.extraction.streaming import _Running
from vifex.values import Medium, Outcome, Sample
from vifex.values.sample_facts import FactsBuilder

BATCH = 4


class Script:
    """Stands for the decoders: gives these events, one list a step, and pixels of nothing."""

    def __init__(self, steps: list[list[Any]]) -> None:
        self.steps, self.posted = steps, list[Any]()

    def capacity(self) -> int:
        return 1

    def give(self, medium: Medium) -> int:
        return 0

    def post(self, item: Any) -> None:
        self.posted.append(item)

    def step(self, *, more: bool) -> list[Any]:
        del more
        posted, self.posted = self.posted, []
        return [*posted, *(self.steps.pop(0) if self.steps else [])]

    def pixels(self, request: int, slot: int) -> Any:
        return np.zeros((BATCH, 160, 160, 3), np.uint8)

    def free(self, request: int, slot: int) -> None:
        pass


def filled(attempt: int, first: int, count: int, slot: int) -> Filled:
    facts = FactsBuilder()
    for ordinal in range(first, first + count):
        facts.add(Sample(0, ordinal, np.empty(0, np.uint8), t_s=float(ordinal)))
    return Filled(0, slot, (attempt,) * count, facts.take())


def test_an_attempt_that_was_given_up_leaves_no_row_twice() -> None:
    plan = plan_view("v", "default", precision="fp32")
    ended = Ended(Finished((1,), ((6,),), (0.5,), (6.0,), ("",)))
    steps: list[list[Any]] = [[filled(0, 0, 4, 0)], *([[]] * 200)]  # its batch is computed meanwhile
    steps += [[Retried(0, 1)], [filled(1, 0, 4, 1)], [filled(1, 4, 2, 2), ended]]
    outcomes: list[Outcome] = []
    media: Iterator[Medium] = iter([Medium("file:///a.mp4", "a.mp4", "video", 1, 1)])

    class Slow(Script):
        def step(self, *, more: bool) -> list[Any]:
            import time

            time.sleep(0.005)
            return super().step(more=more)

    with compile_plan(plan, batch=BATCH) as network:
        running = _Running(plan, network, Slow(steps), outcomes.append)  # type: ignore[arg-type]
        batches = list(running.batches(media))
    assert [batch.ordinals for batch in batches] == [(0, 1, 2, 3), (4, 5)]
    assert [batch.t_s.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5]]
    assert [(o.status, o.rows) for o in outcomes] == [("ok", 6)]
    assert not running.yielded
