"""Shards: which media go where, what travels, and how a machine is shared among them."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from vifex.engines import EngineOptions
from vifex.extraction.planning.budget import share_budget
from vifex.extraction.planning.portable import portable
from vifex.extraction.planning.shard_plan import plan_shards, split_devices
from vifex.extraction.planning.view_plan import plan_view
from vifex.extraction.shards.assignments import MOST_LOSSES, Assignments
from vifex.extraction.shards.given_media import GivenMedia
from vifex.extraction.shards.ipc import from_bytes, only, to_bytes
from vifex.extraction.shards.protocol import FromShard, Give, Given, OutcomeColumns, Want
from vifex.values import Box, InputError, Medium, Outcome, Span
from vifex.values.media import Kind


def medium(number: int, kind: Kind = "image") -> Medium:
    return Medium(f"file:///m/{number}", f"{number}", kind, 10, 20)


def names(give: Give | None) -> list[str]:
    return [] if give is None else [given.medium.name for given in give.media]


def assignments(*kinds: Kind, seats: int = 2) -> Assignments:
    made = Assignments(seats)
    for number, kind in enumerate(kinds):
        made.add(medium(number, kind), (0,))
    return made


def hand_over(made: Assignments, seat: int, number: int) -> None:
    one = medium(number)
    assert made.hand_over(seat, one.medium_id, 0, Outcome(one, "ok", rows=1)) is not None


# -- which media go where ------------------------------------------------------------------------------------


def test_a_shard_is_given_what_it_wants_and_no_more_videos_than_it_has_free_decoders() -> None:
    made = assignments("video", "video", "video", "video", "image", "image", "image")
    assert names(made.next(0, 3, most_long=2)) == ["0", "4", "5"]  # half are videos, and images do not wait
    # Decoded videos whose samples wait for a batch to be full hold back no others.
    assert names(made.next(0, 10, most_long=1)) == ["1", "6"]
    assert names(made.next(1, 1, most_long=2)) == ["2"]
    assert names(made.next(1, 10, most_long=2)) == ["3"]
    assert made.waiting == 0
    assert not made.is_idle


def test_a_medium_is_over_with_its_last_view() -> None:
    made = Assignments(1)
    one = medium(0)
    made.add(one, (0, 2))
    give = made.next(0, 5, most_long=1)
    assert give is not None
    assert give.media == (Given(one, (0, 2)),)
    assert made.hand_over(0, one.medium_id, 2, Outcome(one, "ok", rows=1)) is None
    # The shard dies: what it had handed over is not asked for again.
    assert made.lose(0) == []
    again = made.next(0, 5, most_long=1)
    assert again == Give((Given(one, (0,)),), alone=True)
    over = made.hand_over(0, one.medium_id, 0, Outcome(one, "skipped", "no sound"))
    assert over is not None
    assert [o.status for o in over.outcomes] == ["ok", "skipped"]
    assert made.is_idle


def test_what_a_dead_shard_had_is_given_alone_and_a_medium_fails_with_its_third_shard() -> None:
    made = assignments(*["image"] * 20)
    made.next(0, 10, most_long=1)
    hand_over(made, 0, 0)
    assert made.lose(0) == []
    assert made.waiting == 19
    first = made.next(0, 10, most_long=1)
    assert names(first) == ["1"]
    assert first is not None
    assert first.alone
    assert made.next(0, 10, most_long=1) is None  # before it is over
    assert made.lose(0) == [], "a shard can also be killed from outside"
    assert names(made.next(0, 10, most_long=1)) == ["1"]
    lost = made.lose(0)
    assert [(a.medium.name, a.losses) for a in lost] == [("1", MOST_LOSSES)]
    assert MOST_LOSSES == 3
    assert names(made.next(0, 10, most_long=1)) == ["2"]
    hand_over(made, 0, 2)
    assert names(made.next(0, 10, most_long=1)) == ["3"]


def test_media_that_were_with_a_lost_machine_are_given_again_as_if_nothing_had_been() -> None:
    made = assignments(*["image"] * 4)
    made.next(0, 2, most_long=1)
    assert made.lose(0, lost_machine=True) == []
    again = made.next(1, 4, most_long=1)
    assert names(again) == ["0", "1", "2", "3"]
    assert again is not None
    assert not again.alone
    made.lose(1)
    suspects = made.next(0, 4, most_long=1)
    assert names(suspects) == ["0"]
    made.lose(0, lost_machine=True)
    assert made.next(1, 4, most_long=1) == suspects, "what it was suspected of before stays"


def test_a_late_medium_is_given_a_second_time_and_ends_once() -> None:
    made = Assignments(3)
    for number in range(2):
        made.add(medium(number), (0, 1))
    now_s = time.monotonic()
    made.next(0, 2, most_long=1)
    assert made.double(1, now_s + 10) is None, "it is not late yet"
    assert made.double(0, now_s + 100) is None, "a shard that has something is not idle"
    twice = made.double(1, now_s + 100)
    assert names(twice) == ["0"]
    assert twice is not None
    assert twice.alone
    assert names(made.double(2, now_s + 100)) == ["1"]
    first = medium(0)
    assert made.hand_over(0, first.medium_id, 0, Outcome(first, "ok", rows=1)) is None
    over = made.hand_over(1, first.medium_id, 1, Outcome(first, "ok", rows=1))
    assert over is not None
    assert made.find(0, first.medium_id) is None
    assert made.find(1, first.medium_id) is None
    assert made.lose(2) == []
    assert made.waiting == 0, "the other shard still has it"
    assert made.lose(0, lost_machine=True) == []
    assert made.waiting == 1


def test_rows_of_media_that_another_shard_had_first_are_left_out() -> None:
    rows = pa.record_batch({"medium_id": ["a", "a", "c", "c", "c"], "n": [0, 1, 2, 3, 4]})
    left = only(rows, [2, 0, 3], [1, 2])
    assert left.to_pydict() == {"medium_id": ["c"] * 3, "n": [2, 3, 4]}
    outcomes = [
        Outcome(medium(0), "ok", rows=2),
        Outcome(medium(1), "failed", "broken"),
        Outcome(medium(2), "partial", "a note", rows=3, lost=4, is_note=True),
    ]
    columns = OutcomeColumns.of(outcomes, [1.0, 2.0, 3.0]).only([1, 2])
    assert [columns.outcome(place, medium(place + 1)) for place in range(2)] == outcomes[1:]
    assert columns.media_s == (2.0, 3.0)


def test_a_shard_that_works_goes_on_with_new_media_beside_suspects() -> None:
    made = assignments(*["image"] * 4)
    made.next(0, 1, most_long=1)
    made.next(1, 1, most_long=1)
    made.lose(0)
    give = made.next(1, 1, most_long=1)
    assert names(give) == ["2"]
    assert give is not None
    assert not give.alone


# -- what travels --------------------------------------------------------------------------------------------


def test_outcomes_come_back_from_columns_as_they_were() -> None:
    outcomes = [
        Outcome(medium(0), "ok", rows=2, wall_s=0.5, content_hash="ab"),
        Outcome(medium(1), "ok", "It was turned.", rows=1, is_note=True),
        Outcome(medium(2), "partial", "3 frames are lost.", rows=7, lost=3),
        Outcome(medium(3), "failed", "It is empty."),
    ]
    sent = pickle.loads(pickle.dumps(OutcomeColumns.of(outcomes, [0.0, 0.0, 1.5, 0.0])))
    assert [sent.outcome(i, medium(i)) for i in range(4)] == outcomes
    assert sent.media_s == (0.0, 0.0, 1.5, 0.0)
    assert sent.medium_ids == tuple(o.medium.medium_id for o in outcomes)


def test_media_travel_with_all_that_a_source_states() -> None:
    stated = Medium(
        "file:///m/1.mp4", "1.mp4", "video", 10, 20, "cat", "train", Span(1.0, 2.5), (Box(0, 0, 5, 5),)
    )
    give = Give((Given(stated, (0, 2)), Given(medium(0), (1,))), alone=True)
    sent = pickle.loads(pickle.dumps(give))
    assert sent == give
    assert sent.media[0].medium.medium_id == stated.medium_id


def test_a_record_batch_travels_as_bytes() -> None:
    batch = pa.record_batch({"a": pa.array([1, None]), "v": pa.FixedSizeListArray.from_arrays([1.0, 2.0], 1)})
    assert from_bytes(to_bytes(batch)).equals(batch)


class Said:
    """A coordinator that keeps what it hears."""

    def __init__(self) -> None:
        self.messages: list[FromShard] = []

    def say(self, message: FromShard) -> None:
        self.messages.append(message)


def test_a_shard_asks_once_and_takes_what_it_is_given() -> None:
    said, woken = Said(), list[int]()
    media = GivenMedia(said, lambda: (7, 2), lambda: None)
    media.wake_with(lambda: woken.append(1))
    assert media.take(5) == []
    assert media.take(5) == []
    assert said.messages == [Want(7, 2)]
    media.give(Give((Given(medium(0), (1,)), Given(medium(1), (0,))), alone=True))
    assert woken
    assert not media.is_resting
    assert [m.name for m in media.take(5)] == ["0", "1"]
    assert media.is_resting
    assert media.wanted_by(medium(0)) == (1,)
    media.hand_over(medium(0), 1)
    assert media.wanted_by(medium(0)) == ()
    assert list(media._wanted) == [medium(1).medium_id]  # nothing is kept of what was handed over
    assert not media.is_over
    media.end()
    assert media.is_over
    assert media.take(5) == []
    assert said.messages == [Want(7, 2)]


# -- plans and budgets ---------------------------------------------------------------------------------------


def test_cores_decoders_and_memory_are_shared() -> None:
    gib = 1 << 30
    parts = share_budget(3, cores=8, memory_bytes=13 * gib, workers=7)
    assert [(b.cores, b.workers) for b in parts] == [(3, 3), (3, 2), (2, 2)]
    # 1 GiB for the coordinator, 4 for each shard: 1 for its network, 3 for its decoders.
    assert [b.limits.memory_bytes for b in parts] == [gib, 1.5 * gib, 1.5 * gib]
    assert [b.workers for b in share_budget(4, cores=2, workers=1)] == [1, 1, 1, 1]
    with pytest.raises(InputError, match=r"too little for 3 shards.*Give 5\.5 GiB or more"):
        share_budget(3, cores=8, memory_bytes=4 * gib)


def test_each_device_of_a_list_gets_a_shard() -> None:
    assert split_devices("cuda:0, cuda:1") == ("cuda:0", "cuda:1")
    assert split_devices("cuda") == split_devices(None) == ()
    assert plan_shards(None, (), []) == (None,)
    assert plan_shards(3, (), []) == (None, None, None)
    assert plan_shards(None, ("cuda:0", "cuda:1"), []) == ("cuda:0", "cuda:1")
    assert plan_shards(3, ("cuda:0", "cuda:1"), []) == ("cuda:0", "cuda:1", "cuda:0")
    with pytest.raises(InputError, match="`shards=` is 1, and 2 devices are named"):
        plan_shards(1, ("cuda:0", "cuda:1"), [])
    wrong: Any = 1.5
    for number in (0, -1, 257, wrong):
        with pytest.raises(InputError, match="takes a whole number from 1 to 256"):
            plan_shards(number, (), [])


def test_every_gpu_gets_a_shard_where_cuda_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_view("main", "default")
    on_cuda = replace(plan, model=replace(plan.model, engine="torch"), options=EngineOptions("torch", "cuda"))

    class Cuda:
        count = 2

        def device_count(self) -> int:
            return self.count

    class Torch:
        cuda = Cuda()

    monkeypatch.setitem(__import__("sys").modules, "torch", Torch())
    assert plan_shards(None, (), [on_cuda]) == ("cuda:0", "cuda:1")
    assert plan_shards(4, (), [on_cuda]) == ("cuda:0", "cuda:1", "cuda:0", "cuda:1")
    assert plan_shards(None, (), [plan]) == (None,)
    on_one = replace(on_cuda, options=EngineOptions("torch", "cuda:1"))
    assert plan_shards(None, (), [on_one]) == (None,)
    Cuda.count = 1
    assert plan_shards(None, (), [on_cuda]) == (None,)


def test_a_plan_is_portable() -> None:
    plan = plan_view("main", "default", options=EngineOptions(device="cpu"))
    sent = pickle.loads(pickle.dumps(portable(plan, "cpu")))
    loaded = sent.load()
    assert (loaded.recipe, loaded.model, loaded.request) == (plan.recipe, plan.model, plan.request)
    assert loaded.options == EngineOptions(device="cpu")
