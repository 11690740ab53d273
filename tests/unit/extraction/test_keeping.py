"""The thread that takes finished media to the store."""

from __future__ import annotations

import threading

import pytest

from vifex.extraction.pipeline.commit_thread import CommitThread


@pytest.fixture
def commit_thread():
    made = CommitThread()
    yield made
    made.close()


def test_calls_are_made_in_order_and_elsewhere(commit_thread: CommitThread) -> None:
    made: list[int] = []
    where: set[int] = set()
    for number in range(50):
        commit_thread.do(lambda n=number: (made.append(n), where.add(threading.get_ident())))
    commit_thread.finish()
    assert made == list(range(50))
    assert where != {threading.get_ident()}
    assert not commit_thread.is_busy


def test_whoever_has_more_than_can_wait_waits_too(commit_thread: CommitThread) -> None:
    go_on = threading.Event()
    asked: list[int] = []

    def ask() -> None:
        for number in range(20):
            commit_thread.do(go_on.wait)
            asked.append(number)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(timeout=0.5)
    assert asking.is_alive()
    assert len(asked) < 12
    assert commit_thread.is_busy
    go_on.set()
    asking.join(timeout=10)
    commit_thread.finish()
    assert len(asked) == 20


def test_after_a_failure_nothing_more_is_done_and_it_is_told(commit_thread: CommitThread) -> None:
    made: list[str] = []

    def fail() -> None:
        made.append("fails")
        raise OSError("the disk is gone")

    go_on = threading.Event()
    commit_thread.do(go_on.wait)
    commit_thread.do(fail)
    commit_thread.do(lambda: made.append("never"))
    go_on.set()
    with pytest.raises(OSError, match="the disk is gone"):
        commit_thread.finish()
    assert commit_thread.has_failed
    with pytest.raises(OSError, match="the disk is gone"):
        commit_thread.do(lambda: made.append("never"))
    with pytest.raises(OSError, match="the disk is gone"):
        commit_thread.check()
    assert made == ["fails"]


def test_what_was_asked_for_is_done_before_it_ends() -> None:
    made: list[int] = []
    commit_thread = CommitThread()
    for number in range(5):
        commit_thread.do(lambda n=number: made.append(n))
    commit_thread.close()
    commit_thread.close()
    assert made == list(range(5))
