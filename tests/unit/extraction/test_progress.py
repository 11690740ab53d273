"""How far a run is: totals counted ahead, rates, and the time that is left, against runs made up by hand."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.extraction.counting import Counter
from vifex.extraction.decoders.events import InWork
from vifex.extraction.progress import Course, Progress
from vifex.values import InputError, Medium, Outcome
from vifex.values.reports import Tally


def medium(name: str) -> Medium:
    return Medium(f"file:///{name}", name, "video" if name.endswith("mp4") else "image", 1, 1)


class Run:
    """A run by hand: decoders work `workers` files at once, and a clock goes on."""

    def __init__(self, names: list[str]) -> None:
        self.course, self.tally = Course(), Tally()
        self.counter = Counter(lambda: iter([medium(n) for n in names]))
        self.counter.start()
        self.counter._thread.join()
        self.tally.media = len(names)

    def end(self, name: str, wall_s: float, media_s: float = 0.0) -> None:
        self.course.ended(medium(name), wall_s, media_s)
        self.course.over(medium(name))
        self.tally.note(Outcome(medium(name), "ok", rows=1))

    def at(self, elapsed_s: float, in_work: list[InWork] | None = None) -> Progress:
        return self.course.progress(
            self.tally, in_work or [], self.counter, elapsed_s=elapsed_s, all_found=False
        )


def test_images_take_as_long_as_those_before() -> None:
    run = Run([f"{i}.jpg" for i in range(1000)])
    first = run.at(0.0)
    assert (first.total, first.finished, first.left_s, first.media_per_s) == (1000, 0, None, None)
    for second in range(1, 11):
        for i in range(20):  # two decoders, each 10 images a second
            run.end(f"{second}-{i}.jpg", 0.1)
        told = run.at(float(second))
    assert told.media_per_s == pytest.approx(20.0)
    assert told.left_s == pytest.approx(800 / 20, rel=0.15)
    assert not told.left_is_least


def test_videos_cost_by_their_seconds_and_the_longest_holds_up_the_end() -> None:
    run = Run(["a.mp4", "b.mp4", *[f"{i}.jpg" for i in range(100)]])
    for i in range(100):
        run.end(f"{i}.jpg", 0.02)
    assert run.at(1.0).left_s is None  # too soon
    # Both at work: 30 and 10 s of video for each second.
    work = [InWork(medium("a.mp4"), 300.0, 600.0, 10.0), InWork(medium("b.mp4"), 100.0, 1000.0, 10.0)]
    told = run.at(11.0, work)
    assert told.video_s == 400.0
    assert not told.left_is_least
    # One decoder reads b.mp4 alone: 900 s of it at 10 a second.
    assert told.left_s == pytest.approx(90.0)
    assert [(f.name, f.at_s, f.end_s) for f in told.in_work] == [
        ("a.mp4", 300.0, 600.0),
        ("b.mp4", 100.0, 1000.0),
    ]


def test_of_a_kind_that_none_was_met_of_the_time_is_a_least_one() -> None:
    run = Run([*[f"{i}.jpg" for i in range(100)], "z.mp4"])
    for i in range(50):
        run.end(f"{i}.jpg", 0.1)
    run.at(1.0)
    told = run.at(6.0)
    assert told.left_is_least
    assert told.left_s is not None
    run = Run(["a.mp4", *[f"{i}.jpg" for i in range(100)]])
    run.at(0.0, [InWork(medium("a.mp4"), 1.0, 100.0, 0.1)])
    told = run.at(10.0, [InWork(medium("a.mp4"), 50.0, 100.0, 5.0)])
    assert told.left_is_least


def test_videos_to_come_are_taken_to_be_as_long_as_the_others() -> None:
    run = Run([f"{i}.mp4" for i in range(10)])
    run.at(0.0, [InWork(medium("0.mp4"), 1.0, 60.0, 0.1)])
    for i in range(4):
        run.end(f"{i}.mp4", 6.0, 60.0)
    told = run.at(24.0, [InWork(medium("4.mp4"), 0.1, 60.0, 0.01)])
    assert told.left_s == pytest.approx(36.0, rel=0.05)


def test_a_file_of_unknown_length_ends_no_estimate() -> None:
    run = Run(["a.mp4"])
    run.at(0.0, [InWork(medium("a.mp4"), 1.0, None, 0.1)])
    told = run.at(10.0, [InWork(medium("a.mp4"), 50.0, None, 9.0)])
    assert (told.total, told.left_s, told.video_s) == (1, None, 50.0)


def test_what_was_done_before_is_no_speed_of_this_run() -> None:
    run = Run([f"{i}.jpg" for i in range(1000)])
    for i in range(900):
        run.tally.note_done("ok")
        run.course.over(medium(f"{i}.jpg"))
    run.at(0.1)
    for i in range(50):
        run.end(f"{i}.jpg", 0.1)
    run.at(1.0)
    told = run.at(6.0)
    assert (told.finished, told.already_done) == (950, 900)
    assert told.media_per_s is not None
    assert told.media_per_s < 50


def test_counting_goes_ahead_and_may_fail_or_be_ended() -> None:
    def broken() -> Iterator[Medium]:
        yield medium("a.jpg")
        raise InputError("the list is damaged.")

    counter = Counter(broken)
    counter.start()
    counter._thread.join(5)
    assert (counter.media, counter.is_done) == (1, False)

    asked = threading.Event()

    def endless() -> Iterator[Medium]:
        while True:
            asked.set()
            yield medium("a.jpg")

    counter = Counter(endless)
    counter.start()
    asked.wait(5)
    began_s = time.monotonic()
    counter.close()
    assert not counter._thread.is_alive()
    assert time.monotonic() - began_s < 10.0
    assert not counter.is_done


def test_a_real_run_tells_its_total_before_it_is_over(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "media").mkdir()
    for i in range(300):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "media" / f"{i:03d}.png")
    (tmp_path / "media" / "note.txt").write_text("no medium")
    told: list[Progress] = []
    report = vifex.extract(tmp_path / "media", tmp_path / "s.vifex", on_progress=told.append)
    assert told[-1].is_over
    assert (told[-1].finished, told[-1].total, told[-1].rows) == (301, 301, 300)
    assert report.media == 301
    assert any(p.total == 301 and p.finished < 301 for p in told), "the total was known ahead"
    assert all(p.total in (None, 301) for p in told)
    assert all(a.finished <= b.finished for a, b in itertools.pairwise(told))
    again: list[Progress] = []
    vifex.extract(tmp_path / "media", tmp_path / "s.vifex", on_progress=again.append)
    assert (again[-1].already_done, again[-1].finished) == (301, 301)
