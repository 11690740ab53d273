"""The thread that takes finished media to the store."""

from __future__ import annotations

import threading

import pytest

from vifex.extraction.keeping import Keeper


@pytest.fixture
def keeper():
    made = Keeper()
    yield made
    made.close()


def test_calls_are_made_in_order_and_elsewhere(keeper: Keeper) -> None:
    made: list[int] = []
    where: set[int] = set()
    for number in range(50):
        keeper.do(lambda n=number: (made.append(n), where.add(threading.get_ident())))
    keeper.finish()
    assert made == list(range(50))
    assert where != {threading.get_ident()}
    assert not keeper.is_busy


def test_whoever_has_more_than_can_wait_waits_too(keeper: Keeper) -> None:
    go_on = threading.Event()
    asked: list[int] = []

    def ask() -> None:
        for number in range(20):
            keeper.do(go_on.wait)
            asked.append(number)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(timeout=0.5)
    assert asking.is_alive()
    assert len(asked) < 12
    assert keeper.is_busy
    go_on.set()
    asking.join(timeout=10)
    keeper.finish()
    assert len(asked) == 20


def test_after_a_failure_nothing_more_is_done_and_it_is_told(keeper: Keeper) -> None:
    made: list[str] = []

    def fail() -> None:
        made.append("fails")
        raise OSError("the disk is gone")

    go_on = threading.Event()
    keeper.do(go_on.wait)
    keeper.do(fail)
    keeper.do(lambda: made.append("never"))
    go_on.set()
    with pytest.raises(OSError, match="the disk is gone"):
        keeper.finish()
    assert keeper.has_failed
    with pytest.raises(OSError, match="the disk is gone"):
        keeper.do(lambda: made.append("never"))
    with pytest.raises(OSError, match="the disk is gone"):
        keeper.check()
    assert made == ["fails"]


def test_what_was_asked_for_is_done_before_it_ends() -> None:
    made: list[int] = []
    keeper = Keeper()
    for number in range(5):
        keeper.do(lambda n=number: made.append(n))
    keeper.close()
    keeper.close()
    assert made == list(range(5))
