"""Media go to the decoders that have the least to do: images in blocks, videos one by one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from vifex.extraction.decoders.dispatcher import Dispatcher
from vifex.extraction.decoders.protocol import Assignment, Finished, Jobs
from vifex.values import Medium


@dataclass(eq=False)
class Decoder:
    """What a dispatcher sees of a decoder."""

    jobs: deque[Assignment] = field(default_factory=deque)
    long: int = 0
    said: list[Jobs] = field(default_factory=list)

    def say(self, message: Jobs) -> None:
        self.said.append(message)


def give(dispatcher: Dispatcher, kinds: list[str], first: int = 0) -> None:
    for number, kind in enumerate(kinds, first):
        medium = Medium(f"file:///{number}", str(number), kind, 1, 1)  # type: ignore[arg-type]
        dispatcher.give(Assignment(number, medium, (0,)))
    dispatcher.flush()


def finish(dispatcher: Dispatcher, decoder: Any, count: int, wall_s: float) -> None:
    attempts = tuple(job.attempt for job in list(decoder.jobs)[:count])
    columns = ((1,),) * count, (wall_s,) * count, (0.0,) * count, ("",) * count
    dispatcher.finish(decoder, Finished(attempts, *columns))


def made(count: int) -> tuple[Dispatcher, list[Decoder]]:
    decoders = [Decoder() for _ in range(count)]
    return Dispatcher(dict(enumerate(decoders))), decoders  # type: ignore[arg-type]


def test_at_first_each_decoder_holds_two_media() -> None:
    dispatcher, decoders = made(3)
    assert dispatcher.capacity() == 6
    give(dispatcher, ["image"] * 6)
    assert [len(d.jobs) for d in decoders] == [2, 2, 2]
    assert dispatcher.capacity() == 0
    assert dispatcher.jobs == 6


def test_videos_are_spread_over_the_decoders() -> None:
    dispatcher, decoders = made(4)
    give(dispatcher, ["video"] * 4)
    assert [d.long for d in decoders] == [1, 1, 1, 1]
    assert dispatcher.capacity() == 4


def test_quick_images_go_in_blocks_and_never_more_than_a_tenth_of_a_second() -> None:
    dispatcher, decoders = made(2)
    give(dispatcher, ["image"] * 4)
    for _ in range(60):  # until the mean is that of these
        for decoder in decoders:
            finish(dispatcher, decoder, len(decoder.jobs), 0.002)
        give(dispatcher, ["image"] * dispatcher.capacity(), first=100)
    held = [len(d.jobs) for d in decoders]
    assert all(25 <= n <= 60 for n in held), held
    assert max(len(jobs.block) for d in decoders for jobs in d.said) > 8
    before = sum(len(d.said) for d in decoders)
    for decoder in decoders:
        finish(dispatcher, decoder, 3, 0.002)
    assert dispatcher.capacity() == 0, "a decoder that has most of its media is left alone"
    assert sum(len(d.said) for d in decoders) == before


def test_a_video_keeps_images_from_waiting_behind_it() -> None:
    dispatcher, decoders = made(2)
    for _ in range(60):
        give(dispatcher, ["image"] * dispatcher.capacity())
        for decoder in decoders:
            finish(dispatcher, decoder, len(decoder.jobs), 0.001)
    give(dispatcher, ["video"])
    give(dispatcher, ["image"] * 40, first=1)
    with_video = next(d for d in decoders if d.long)
    assert len(with_video.jobs) == 1


def test_media_of_a_dead_decoder_are_not_waited_for() -> None:
    dispatcher, decoders = made(1)
    give(dispatcher, ["image"] * 2)
    dispatcher.forget(decoders[0])  # type: ignore[arg-type]
    assert dispatcher.jobs == 0
