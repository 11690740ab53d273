"""The samplers on cases that were worked out by hand, and what they say when they find nothing."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vifex.media.sample.base import Part, exact
from vifex.media.sample.clip import windows
from vifex.media.sample.registry import SAMPLERS, make, needs_duration
from vifex.values import InputError, Sampling
from vifex.values.registry import load


def _taken(
    sampling: Sampling, n_frames: int, gap: Fraction, part: Part | None = None
) -> list[tuple[int, ...]]:
    sampler = make(sampling, part or Part(), n_frames * gap)
    taken = []
    for index in range(n_frames):
        sampler.feed(index, index * gap, (index + 1) * gap)
        taken += [p.frames for p in sampler.ready()]
    return taken + [p.frames for p in sampler.finish()]


def test_one_per_second_of_25_frames_per_second() -> None:
    """Frames 0, 25, 50 start exactly at 0, 1 and 2 s."""
    assert _taken(Sampling(), 60, Fraction(1, 25)) == [(0,), (25,), (50,)]


def test_the_frame_at_a_time_is_the_last_that_started() -> None:
    """At 29.97 frames per second, frame 29 is on screen from 0.968 s to 1.001 s, so at 1 s too."""
    assert _taken(Sampling(), 60, Fraction(1001, 30000)) == [(0,), (29,), (59,)]


def test_a_rate_equal_to_the_videos_takes_every_frame() -> None:
    """A grid in doubles would take some frames twice and others not."""
    for rate in (24, 25, 30, 60):
        assert _taken(Sampling(fps=rate), 200, Fraction(1, rate)) == [(i,) for i in range(200)]


def test_a_grid_that_starts_late_stays_exact() -> None:
    """0.1 s is frame 1 of 10 per second, though the double 0.1 lies off a tenth."""
    part = Part.of((0.1, None))
    assert _taken(Sampling(fps=10), 12, Fraction(1, 10), part) == [(i,) for i in range(1, 12)]


def test_uniform_takes_middles() -> None:
    """Four parts of 2 s of an 8 s video: middles at 1, 3, 5, 7 s."""
    assert _taken(Sampling(sampler="uniform", uniform=4), 8, Fraction(1)) == [(1,), (3,), (5,), (7,)]


def test_uniform_takes_no_frame_twice() -> None:
    assert _taken(Sampling(sampler="uniform", uniform=10), 3, Fraction(1)) == [(0,), (1,), (2,)]


@pytest.mark.parametrize(("tail", "last"), [("drop", None), ("pad", [4, 5, 5, 5]), ("repeat", [4, 5, 4, 5])])
def test_the_tail_of_the_docstring(tail: str, last: list[int] | None) -> None:
    expected = [[0, 1, 2, 3]] + ([last] if last else [])
    assert windows(6, 4, 1, tail=tail) == expected  # type: ignore[arg-type]
    sampling = Sampling(sampler="clip", clip_length=4, frame_step=1, tail=tail)  # type: ignore[arg-type]
    assert [list(w) for w in _taken(sampling, 6, Fraction(1))] == expected


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("drop", [(0, 1, 2), (1, 2, 3)]),
        ("pad", [(0, 0, 1), (0, 1, 2), (1, 2, 3), (2, 3, 3)]),
        ("zeros", [(None, 0, 1), (0, 1, 2), (1, 2, 3), (2, 3, None)]),
    ],
)
def test_centred_windows_of_the_docstring(tail: str, expected: list[tuple[int | None, ...]]) -> None:
    sampling = Sampling(sampler="clip", fps=None, clip_length=3, frame_step=1, centre=True, tail=tail)  # type: ignore[arg-type]
    assert _taken(sampling, 4, Fraction(1)) == expected


def test_a_tail_of_black_frames() -> None:
    sampling = Sampling(sampler="clip", fps=None, clip_length=4, frame_step=1, tail="zeros")
    assert _taken(sampling, 6, Fraction(1)) == [(0, 1, 2, 3), (4, 5, None, None)]


def test_windows_overlap_and_leave_no_tail_that_shows_nothing_new() -> None:
    sampling = Sampling(sampler="clip", clip_length=3, frame_step=1, hop=1, tail="pad")
    assert _taken(sampling, 5, Fraction(1)) == [(0, 1, 2), (1, 2, 3), (2, 3, 4)]


def test_stride_is_the_step_between_frames() -> None:
    sampling = Sampling(sampler="clip", clip_length=3, frame_step=2)
    assert _taken(sampling, 12, Fraction(1)) == [(0, 2, 4), (6, 8, 10)]


def test_typed_numbers_are_decimal() -> None:
    assert exact(0.1) == Fraction(1, 10)
    assert exact(29.97) == Fraction(2997, 100)


def test_parts_are_what_spans_share() -> None:
    assert Part.of((1.0, None), (0.5, 9.0), (None, 7.5)) == Part(Fraction(1), Fraction(15, 2))


def test_empty_clips_say_so() -> None:
    sampler = make(Sampling(sampler="clip", clip_length=16, frame_step=1), Part(), None)
    for index in range(10):
        sampler.feed(index, Fraction(index), Fraction(index + 1))
    assert "10 frames do not fill one clip of 16" in sampler.why_empty(10, Fraction(10))


def test_a_part_outside_says_where_the_video_ends() -> None:
    sampler = make(Sampling(), Part(Fraction(20), None), None)
    assert not sampler.feed(0, Fraction(0), Fraction(3))
    assert "ends at 3.000 s" in sampler.why_empty(1, Fraction(3))


def test_only_uniform_must_know_the_duration() -> None:
    assert needs_duration(Sampling(sampler="uniform", uniform=2))
    assert not needs_duration(Sampling())


def test_every_line_of_the_registry_loads() -> None:
    for name in SAMPLERS:
        assert hasattr(load(SAMPLERS, name, group="vifex.samplers", what="sampler"), "feed")


def test_an_unknown_sampler_is_named() -> None:
    with pytest.raises(InputError, match=r"no sampler .ever.\. .*every"):
        load(SAMPLERS, "ever", group="vifex.samplers", what="sampler")


def test_listed_times_take_the_frames_on_screen_once() -> None:
    """0.1 s is frame 1 of 10 per second; 0.15 s is on the same frame, and 0 s on the first."""
    sampling = Sampling(sampler="times", times_s=(0.55, 0.0, 0.1, 0.15))
    assert _taken(sampling, 12, Fraction(1, 10)) == [(0,), (1,), (5,)]
    late = Part.of((0.12, 0.5))
    assert _taken(sampling, 12, Fraction(1, 10), late) == [(1,)]


def test_listed_frames_are_counted_from_the_first() -> None:
    sampling = Sampling(sampler="frames", frames=(7, 0, 7, 99))
    assert _taken(sampling, 12, Fraction(1, 10)) == [(0,), (7,)]
    assert _taken(sampling, 12, Fraction(1, 10), Part.of((0.3, None))) == [(7,)]


@pytest.mark.parametrize(
    "listed", [{"times_s": ()}, {"frames": ()}, {"times_s": (-1.0,)}, {"times_s": (float("nan"),)}]
)
def test_a_list_must_have_moments(listed: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(ValueError, match=r"finite|positive"):
        Sampling(sampler="frames" if "frames" in listed else "times", **listed)  # type: ignore[arg-type]
