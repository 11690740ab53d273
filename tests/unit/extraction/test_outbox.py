"""What a shard on a cluster has said is fetched in order; signs of life do not ask for calls of their own."""

from __future__ import annotations

import pytest

from vifex.extraction.cluster import outbox as module
from vifex.extraction.cluster.outbox import Outbox
from vifex.extraction.decoders.wire import FrameReader
from vifex.extraction.shards.protocol import Beat, FromShard, InWorkThere, Noticed, Want


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at_s = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: at_s[0])
    return at_s


def fetched(outbox: Outbox) -> list[FromShard]:
    return FrameReader().feed(outbox.fetch(0.0).frames)


def working(at_s: float) -> Beat:
    return Beat((InWorkThere("m", at_s, None, at_s),), is_decoding=True)


def test_messages_come_in_order_and_the_newest_sign_of_life_with_them(now_s: list[float]) -> None:
    outbox = Outbox()
    for message in (Want(3, 1), working(1.0), Noticed("a"), working(2.0)):
        outbox.say(message)
    assert fetched(outbox) == [Want(3, 1), Noticed("a"), working(2.0)]
    assert fetched(outbox) == []


def test_signs_of_life_alone_are_fetched_once_a_second(now_s: list[float]) -> None:
    outbox = Outbox()
    outbox.say(working(0.0))  # the first one with a decoder is told at once
    assert fetched(outbox) == [working(0.0)], (
        "the first one that says that a decoder stands ready is told at once"
    )
    for _ in range(3):
        now_s[0] += 0.25
        outbox.say(working(now_s[0]))
        assert not outbox._has_news()
    now_s[0] += 0.5
    assert outbox._has_news()
    assert fetched(outbox) == [working(1000.75)]


def test_the_end_comes_with_the_last_messages(now_s: list[float]) -> None:
    outbox = Outbox()
    outbox.say(Noticed("a"))
    outbox.end("")
    last = outbox.fetch(0.0)
    assert FrameReader().feed(last.frames) == [Noticed("a")]
    assert last.ended == ""
