"""Networks on one device take scheduler: nobody waits for ever, and the device never does."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vifex.extraction.pipeline.batch_scheduler import LONGEST, BatchScheduler


def view(ready: int, in_flight: int = 0, requests: int = 4) -> Any:
    network = SimpleNamespace(requests=requests)
    return SimpleNamespace(ready=deque(range(ready)), in_flight=in_flight, network=network)


def submit(scheduler: BatchScheduler, views: list[Any]) -> list[int]:
    """Submit until there is nothing to be submitted, and say whose batches those were."""
    order = []
    while (place := scheduler.next()) is not None:
        views[place].ready.popleft()
        views[place].in_flight += 1
        order.append(place)
    return order


def test_one_alone_has_all_its_requests_busy() -> None:
    views = [view(9)]
    scheduler = BatchScheduler(views)
    assert submit(scheduler, views) == [0, 0, 0, 0]
    views[0].in_flight = 3
    assert submit(scheduler, views) == [0]


def test_the_next_begins_when_the_last_has_run_half_dry() -> None:
    views = [view(5), view(2), view(3)]
    scheduler = BatchScheduler(views)
    assert submit(scheduler, views) == [0] * 4
    views[0].in_flight = 3
    assert submit(scheduler, views) == [0]
    views[0].in_flight = 3
    assert submit(scheduler, views) == []
    views[0].in_flight = 2
    assert submit(scheduler, views) == [2, 2, 2]  # the longer queue
    views[2].in_flight = 2
    assert submit(scheduler, views) == [1, 1]


def test_a_turn_ends_while_others_wait_and_lasts_while_none_does() -> None:
    lone, waiting = [view(99, requests=40), view(0)], [view(99, requests=40), view(1)]
    assert submit(BatchScheduler(lone), lone) == [0] * 40
    scheduler = BatchScheduler(waiting)
    assert submit(scheduler, waiting) == [0] * LONGEST  # fewer than it could take
    waiting[0].in_flight = 20
    assert submit(scheduler, waiting)[0] == 1


@given(
    counts=st.lists(st.integers(0, 80), min_size=1, max_size=4),
    requests=st.lists(st.integers(1, 6), min_size=4, max_size=4),
    picks=st.lists(st.integers(0, 999), max_size=50),
)
def test_every_batch_is_submitted_once_and_the_device_is_never_idle(
    counts: list[int], requests: list[int], picks: list[int]
) -> None:
    views = [view(n, requests=r) for n, r in zip(counts, requests, strict=False)]
    scheduler = BatchScheduler(views)
    done = [0] * len(views)
    chosen = iter(picks)
    while sum(done) < sum(counts):
        submit(scheduler, views)
        running = [i for i, v in enumerate(views) if v.in_flight]
        assert running, "batches wait and nothing runs"
        assert all(v.in_flight <= v.network.requests for v in views)
        ended = running[next(chosen, 0) % len(running)]
        views[ended].in_flight -= 1
        done[ended] += 1
    assert done == counts
