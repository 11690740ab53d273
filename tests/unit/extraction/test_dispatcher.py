"""Media go to the decoders that have the least to do: images in blocks, videos one by one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from vifex.extraction.decoders.dispatching.dispatcher import Dispatcher
from vifex.extraction.decoders.dispatching.lanes import Lane
from vifex.extraction.decoders.protocol import Assignment, Finished, Jobs
from vifex.values import Medium

FAST, SLOW = 1, 2


@dataclass(eq=False)
class Decoder:
    """What a dispatcher sees of a decoder."""

    jobs: deque[Assignment] = field(default_factory=deque)
    lane: Lane | None = None
    said: list[Jobs] = field(default_factory=list)

    def say(self, message: Jobs) -> None:
        self.said.append(message)

    @property
    def kinds(self) -> list[str]:
        return [job.medium.kind for job in self.jobs]

    @property
    def devices(self) -> list[int]:
        return [job.medium.device for job in self.jobs]


def give(dispatcher: Dispatcher, kinds: list[str], first: int = 0, device: int = FAST) -> None:
    for number, kind in enumerate(kinds, first):
        medium = Medium(f"file:///{number}", str(number), kind, 1, 1, device=device)  # type: ignore[arg-type]
        dispatcher.give(Assignment(number, medium, (0,)))


def finish(dispatcher: Dispatcher, decoder: Any, count: int, wall_s: float) -> None:
    attempts = tuple(job.attempt for job in list(decoder.jobs)[:count])
    columns = ((1,),) * count, (wall_s,) * count, (0.0,) * count, ("",) * count
    dispatcher.finish(decoder, Finished(attempts, *columns))


def made(count: int, *, workers: int | None = None, window: int = 0) -> tuple[Dispatcher, list[Decoder]]:
    decoders = [Decoder() for _ in range(count)]
    seats: Any = dict(enumerate(decoders))
    return Dispatcher(seats, workers=workers or count, window=window), decoders


def test_at_first_each_decoder_holds_two_images() -> None:
    dispatcher, decoders = made(3)
    assert dispatcher.capacity() == 6
    give(dispatcher, ["image"] * 6)
    assert dispatcher.capacity() == 0
    dispatcher.flush()
    assert [len(d.jobs) for d in decoders] == [2, 2, 2]
    assert dispatcher.capacity() == 0
    assert dispatcher.jobs == 6


def test_a_decoder_is_free_for_a_video_while_it_holds_little_and_none_waits() -> None:
    dispatcher, decoders = made(3)
    assert dispatcher.free() == 3
    give(dispatcher, ["video", "video"])
    assert dispatcher.free() == 1
    dispatcher.flush()
    assert dispatcher.free() == 1
    finish(dispatcher, decoders[0], 1, 60.0)
    assert dispatcher.free() == 2
    give(dispatcher, ["video"] * 5, first=2)
    assert dispatcher.free() == 0


def test_few_images_are_shared_among_all_decoders() -> None:
    dispatcher, decoders = made(4)
    give(dispatcher, ["image"] * 4)
    dispatcher.flush()
    assert [len(d.jobs) for d in decoders] == [1, 1, 1, 1]


def test_videos_are_spread_over_the_decoders() -> None:
    dispatcher, decoders = made(4)
    give(dispatcher, ["video"] * 8)
    dispatcher.flush()
    assert [len(d.jobs) for d in decoders] == [1, 1, 1, 1]
    finish(dispatcher, decoders[2], 1, 60.0)
    dispatcher.flush()
    assert [job.attempt for job in decoders[2].jobs] == [4], "the next in the order of the sources"


def test_quick_images_go_in_blocks_and_never_more_than_a_tenth_of_a_second() -> None:
    dispatcher, decoders = made(2)
    give(dispatcher, ["image"] * 4)
    dispatcher.flush()
    for _ in range(60):  # until the mean is that of these
        for decoder in decoders:
            finish(dispatcher, decoder, len(decoder.jobs), 0.002)
        give(dispatcher, ["image"] * dispatcher.capacity(), first=100)
        dispatcher.flush()
    held = [len(d.jobs) for d in decoders]
    assert all(25 <= n <= 60 for n in held), held
    assert max(len(jobs.block) for d in decoders for jobs in d.said) > 8
    before = sum(len(d.said) for d in decoders)
    for decoder in decoders:
        finish(dispatcher, decoder, 3, 0.002)
    assert dispatcher.capacity() == 0, "a decoder that has most of its media is left alone"
    dispatcher.flush()
    assert sum(len(d.said) for d in decoders) == before


def test_nothing_waits_behind_a_long_video() -> None:
    dispatcher, decoders = made(2)
    for _ in range(60):
        give(dispatcher, ["image"] * dispatcher.capacity())
        dispatcher.flush()
        for decoder in decoders:
            finish(dispatcher, decoder, len(decoder.jobs), 0.001)
    give(dispatcher, ["video"])
    give(dispatcher, ["image"] * 40, first=1)
    dispatcher.flush()
    with_video = next(d for d in decoders if "video" in d.kinds)
    assert with_video.kinds == ["video"]


def test_short_clips_go_in_blocks_too() -> None:
    dispatcher, (decoder,) = made(1)
    for _ in range(60):
        give(dispatcher, ["video"] * max(1, dispatcher.capacity()))
        dispatcher.flush()
        finish(dispatcher, decoder, len(decoder.jobs), 0.01)
    give(dispatcher, ["video"] * 20)
    dispatcher.flush()
    assert 5 < len(decoder.jobs) <= 10


def test_media_of_a_dead_decoder_are_not_waited_for() -> None:
    dispatcher, decoders = made(1)
    give(dispatcher, ["image"] * 2)
    dispatcher.flush()
    dispatcher.forget(decoders[0])  # type: ignore[arg-type]
    assert dispatcher.jobs == 0


def test_videos_are_taken_before_images_by_half_of_the_decoders() -> None:
    """Photographs first or videos first, neither waits until the others are done."""
    for kinds in (["image"] * 200 + ["video"] * 20, ["video"] * 20 + ["image"] * 200):
        dispatcher, decoders = made(4, window=1000)
        give(dispatcher, kinds)
        dispatcher.flush()
        assert sorted(d.kinds[0] for d in decoders) == ["image", "image", "video", "video"]


def test_where_only_one_sort_is_left_all_decoders_read_it() -> None:
    dispatcher, decoders = made(4, window=1000)
    give(dispatcher, ["video"] * 20)
    give(dispatcher, ["image"] * 2, first=50)
    dispatcher.flush()
    for decoder in decoders:
        if decoder.kinds[0] == "image":
            finish(dispatcher, decoder, len(decoder.jobs), 0.01)
    dispatcher.flush()
    assert [d.kinds for d in decoders] == [["video"]] * 4


def test_the_window_takes_more_than_decoders_hold_in_steps() -> None:
    dispatcher, _ = made(2, window=600)
    steps = []
    while capacity := dispatcher.capacity():
        steps.append(capacity)
        give(dispatcher, ["image"] * capacity)
    assert steps == [256, 256, 88]


def slow_beside_fast(
    count: int, *, workers: int, engine_is_busy: bool = False
) -> tuple[Dispatcher, list[Decoder]]:
    """A dispatcher that has learned that one of two disks is slow."""
    dispatcher, decoders = made(count, workers=workers, window=1000)
    give(dispatcher, ["image"] * 400, device=SLOW)
    give(dispatcher, ["image"] * 5000, first=500)
    dispatcher.flush()
    for _ in range(20):
        for decoder in decoders:
            is_slow = SLOW in decoder.devices
            dispatcher.measure(decoder, 0.95 if is_slow else 0.02)  # type: ignore[arg-type]
            finish(dispatcher, decoder, len(decoder.jobs), 0.2 if is_slow else 0.002)
        dispatcher.flush(engine_is_busy=engine_is_busy)
    return dispatcher, decoders


def test_two_disks_are_read_side_by_side_from_the_start() -> None:
    dispatcher, decoders = made(2, window=1000)
    give(dispatcher, ["image"] * 100, device=SLOW)
    give(dispatcher, ["image"] * 100, first=200)
    dispatcher.flush()
    assert sorted(d.devices[0] for d in decoders) == [FAST, SLOW]


def test_a_slow_disk_has_the_decoders_beyond_those_that_compute() -> None:
    dispatcher, decoders = slow_beside_fast(4, workers=2)
    assert dispatcher.wants_decoder
    assert sorted(d.devices[0] for d in decoders) == [FAST, FAST, SLOW, SLOW]


def test_a_slow_disk_has_all_decoders_but_one_while_the_engine_has_enough_to_do() -> None:
    dispatcher, decoders = slow_beside_fast(4, workers=2, engine_is_busy=True)
    assert sorted(d.devices[0] for d in decoders) == [FAST, SLOW, SLOW, SLOW]
    for _ in range(20):
        for decoder in decoders:
            finish(dispatcher, decoder, len(decoder.jobs), 0.2 if SLOW in decoder.devices else 0.002)
            dispatcher.flush()
    assert sorted(d.devices[0] for d in decoders) == [FAST, FAST, SLOW, SLOW]


def test_a_slow_disk_keeps_one_of_the_decoders_where_there_are_no_more() -> None:
    _, decoders = slow_beside_fast(3, workers=3)
    assert sorted(d.devices[0] for d in decoders) == [FAST, FAST, SLOW]


def test_a_slow_disk_alone_has_all_decoders() -> None:
    dispatcher, decoders = slow_beside_fast(4, workers=2)
    for _ in range(400):
        for decoder in decoders:
            if SLOW not in decoder.devices:
                finish(dispatcher, decoder, len(decoder.jobs), 0.002)
        dispatcher.flush()
        if all(SLOW in d.devices for d in decoders):
            return
    raise AssertionError([d.devices for d in decoders])


def test_a_disk_that_decoders_seldom_wait_for_gets_no_decoders_beyond() -> None:
    dispatcher, decoders = made(2, window=1000)
    give(dispatcher, ["image"] * 400)
    dispatcher.flush()
    for _ in range(20):
        dispatcher.measure(decoders[0], 0.3)  # type: ignore[arg-type]
    assert not dispatcher.wants_decoder


def test_of_another_machine_a_decoder_holds_a_second_of_work() -> None:
    """What a decoder holds is fetched while it reads; videos go one by one all the same."""
    dispatcher, decoders = made(2, window=400)
    give(dispatcher, ["image"] * 300, device=-7)
    dispatcher.flush()
    assert [len(decoder.jobs) for decoder in decoders] == [32, 32]
    for _ in range(8):
        finish(dispatcher, decoders[0], 20, wall_s=0.012)
        dispatcher.flush()
    assert 70 < len(decoders[0].jobs) + 20 <= 128
    dispatcher, decoders = made(2)
    give(dispatcher, ["video"] * 4, device=-7)
    dispatcher.flush()
    assert [len(decoder.jobs) for decoder in decoders] == [1, 1]
