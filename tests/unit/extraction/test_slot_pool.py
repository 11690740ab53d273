"""Slots are given in bursts, each to one at a time, and whoever waits is given one in the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vifex.extraction.decoders.memory.slot_pool import SlotPool


def test_slots_are_given_until_none_is_left_and_then_from_the_mark_on() -> None:
    pool = SlotPool(5, low=2)
    slots = [pool.take() for _ in range(6)]
    assert sorted(s for s in slots if s is not None) == [0, 1, 2, 3, 4]
    assert slots[-1] is None
    assert pool.is_empty
    for _ in range(5):
        pool.fill()
    for slot in (0, 1):
        pool.clear(slot)
        assert pool.take() is None  # three and four are filled, more than the mark
    assert not pool.is_empty
    pool.clear(2)
    assert [pool.take() for _ in range(4)] == [0, 1, 2, None]


def test_a_slot_that_comes_back_unused_is_given_again() -> None:
    pool = SlotPool(1, low=1)
    slot = pool.take()
    assert slot is not None
    assert pool.take() is None
    pool.put_back(slot)
    assert pool.take() == slot


def test_a_decoder_of_a_slow_disk_gets_a_slot_at_once_and_the_others_leave_it_some() -> None:
    pool = SlotPool(4, low=1)
    slots = [pool.take(keep=1) for _ in range(4)]
    assert None not in slots, "nothing is filled, so nobody waits"
    for _ in range(4):
        pool.fill()
    assert (pool.take(), pool.take_at_once()) == (None, None)
    pool.clear(0)
    assert pool.take() is None
    assert pool.take_at_once() == 0
    pool.fill()
    pool.clear(1)
    pool.clear(2)
    assert pool.take(keep=2) is None, "two are filled, more than the mark, and two are kept"
    pool.clear(3)
    assert pool.take(keep=3) == 1, "one is filled, and the engine comes first"


def test_a_pool_that_is_widened_gives_the_slots_that_follow() -> None:
    pool = SlotPool(1, low=0)
    assert [pool.take(), pool.take()] == [0, None]
    pool.fill()
    pool.widen(2)
    assert (pool.count, pool.take(), pool.take_at_once()) == (3, None, 1)
    pool.clear(0)
    assert [pool.take() for _ in range(3)] == [2, 0, None]


@given(
    count=st.integers(1, 12),
    low=st.integers(0, 12),
    steps=st.lists(st.sampled_from(["take", "keep", "at once", "fill", "clear", "back"]), max_size=200),
)
def test_no_slot_is_given_twice_and_an_engine_with_nothing_to_do_gets_some(
    count: int, low: int, steps: list[str]
) -> None:
    pool = SlotPool(count, low=low)
    held: list[int] = []
    filled: list[int] = []
    for step in steps:
        slot = None
        if step == "take":
            slot = pool.take()
        elif step == "keep":
            slot = pool.take(keep=2)
        elif step == "at once":
            slot = pool.take_at_once()
        elif step == "fill" and held:
            filled.append(held.pop())
            pool.fill()
        elif step == "clear" and filled:
            pool.clear(filled.pop(0))
        elif step == "back" and held:
            pool.put_back(held.pop())
        if slot is not None:
            assert slot not in held + filled
            held.append(slot)
        assert pool.is_empty == (len(held) + len(filled) == count)
    if not filled and len(held) < count:
        assert pool.take(keep=2) is not None, "nothing is filled, so nobody would ever free a slot"
