"""What samplers must do for every video: the streaming machines against the rules over whole tables."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from hypothesis import assume, given
from hypothesis import strategies as st

from vifex.media.sample.base import Part, Pick, exact
from vifex.media.sample.clip import windows
from vifex.media.sample.fps import grid_frames
from vifex.media.sample.registry import make
from vifex.values import Sampling

# Times in milliseconds: gaps of 0 are two frames at one time, as some files have them.
GAPS = st.lists(st.integers(0, 3000), min_size=1, max_size=40)
RATES = st.sampled_from([0.1, 0.3, 0.5, 1.0, 2.0, 7.0, 23.976, 25.0, 29.97, 30.0, 240.0])


def _times(gaps: list[int], first_ms: int = 0) -> tuple[list[Fraction], Fraction]:
    """Give the start of each frame, and the end of the last."""
    times = [Fraction(first_ms, 1000)]
    for gap in gaps[:-1]:
        times.append(times[-1] + Fraction(gap, 1000))
    return times, times[-1] + Fraction(max(gaps[-1], 1), 1000)


def _picks(sampling: Sampling, times: list[Fraction], end: Fraction, part: Part | None = None) -> list[Pick]:
    sampler = make(sampling, part or Part(), end)
    picks: list[Pick] = []
    kept: set[int] = set()
    for index, start in enumerate(times):
        stop = times[index + 1] if index + 1 < len(times) else end
        if sampler.feed(index, start, stop):
            kept.add(index)
        picks += sampler.ready()
        kept = {i for i in kept if i >= sampler.oldest}
    rest = list(sampler.finish())
    assert {i for pick in rest for i in pick.frames if i is not None} <= kept
    return picks + rest


@given(gaps=GAPS, first=st.integers(-500, 500), rate=RATES)
def test_fps_takes_the_frames_on_screen_at_the_grid(gaps: list[int], first: int, rate: float) -> None:
    times, end = _times(gaps, first)
    assume(end > 0)
    wanted = [k / exact(rate) for k in range(ceil(end * exact(rate))) if k / exact(rate) < end]
    picks = _picks(Sampling(fps=rate), times, end)
    assert [p.frames[0] for p in picks] == grid_frames(times, wanted)


@given(gaps=GAPS, rate=RATES, start=st.integers(0, 9000), length=st.integers(1, 9000))
def test_fps_counts_from_the_start_of_the_part(gaps: list[int], rate: float, start: int, length: int) -> None:
    times, end = _times(gaps)
    part = Part(Fraction(start, 1000), Fraction(start + length, 1000))
    assert part.start is not None
    assert part.end is not None
    upto = min(part.end, end)
    n = max(0, ceil((upto - part.start) * exact(rate)))
    wanted = [part.start + k / exact(rate) for k in range(n)]
    picks = _picks(Sampling(fps=rate), times, end, part)
    assert [p.frames[0] for p in picks] == grid_frames(times, wanted)


@given(gaps=GAPS, n=st.integers(1, 50))
def test_uniform_takes_the_frames_on_screen_at_the_middles(gaps: list[int], n: int) -> None:
    times, end = _times(gaps)
    wanted = [(i + Fraction(1, 2)) * end / n for i in range(n)]
    picks = _picks(Sampling(sampler="uniform", uniform=n), times, end)
    assert [p.frames[0] for p in picks] == grid_frames(times, wanted)


@given(gaps=GAPS, n=st.integers(1, 10))
def test_every_counts_frames(gaps: list[int], n: int) -> None:
    times, end = _times(gaps)
    picks = _picks(Sampling(sampler="every", every=n), times, end)
    assert [p.frames[0] for p in picks] == list(range(0, len(times), n))


@given(gaps=GAPS, start=st.integers(0, 9000), length=st.integers(1, 9000), n=st.integers(1, 4))
def test_a_part_starts_with_the_frame_on_screen_then(
    gaps: list[int], start: int, length: int, n: int
) -> None:
    times, end = _times(gaps)
    part = Part(Fraction(start, 1000), Fraction(start + length, 1000))
    picks = _picks(Sampling(sampler="every", every=n), times, end, part)
    ends = [*times[1:], end]
    inside = [i for i in range(len(times)) if ends[i] > part.start and times[i] < part.end]  # type: ignore[operator]
    assert [p.frames[0] for p in picks] == inside[::n]


@given(
    n_frames=st.integers(1, 60),
    length=st.integers(1, 9),
    step=st.integers(1, 5),
    hop=st.none() | st.integers(1, 30),
    tail=st.sampled_from(["drop", "pad", "repeat"]),
)
def test_windows_are_those_of_the_rule(
    n_frames: int, length: int, step: int, hop: int | None, tail: str
) -> None:
    times, end = _times([40] * n_frames)
    sampling = Sampling(sampler="clip", clip_length=length, frame_step=step, hop=hop, tail=tail)  # type: ignore[arg-type]
    picks = _picks(sampling, times, end)
    assert [list(p.frames) for p in picks] == windows(n_frames, length, step, hop, tail)  # type: ignore[arg-type]
    assert all(len(p.frames) == length for p in picks)
    assert all(1 <= p.n_real <= length for p in picks)
    assert all(p.n_real == length for p in picks[:-1])


@given(
    gaps=GAPS,
    rate=RATES,
    length=st.integers(1, 9),
    step=st.integers(1, 5),
    hop=st.none() | st.integers(1, 30),
    tail=st.sampled_from(["drop", "pad", "repeat"]),
)
def test_windows_at_a_rate_lie_over_the_frames_on_screen(
    gaps: list[int], rate: float, length: int, step: int, hop: int | None, tail: str
) -> None:
    times, end = _times(gaps)
    grid: list[int] = []  # the frame on screen at 0, 1/F, 2/F ... below the end, as often as it is asked for
    while (t := Fraction(len(grid)) / exact(rate)) < end and len(grid) < 400:
        grid.append(max((i for i, start in enumerate(times) if start <= t), default=0))
    assume(len(grid) < 400)
    sampling = Sampling("clip", None, clip_length=length, frame_step=step, hop=hop, tail=tail, clip_fps=rate)  # type: ignore[arg-type]
    picks = _picks(sampling, times, end)
    places = windows(len(grid), length, step, hop, tail)
    assert [list(p.frames) for p in picks] == [[grid[i] for i in window] for window in places]


@given(
    n_frames=st.integers(1, 60),
    length=st.integers(1, 9),
    step=st.integers(1, 5),
    hop=st.none() | st.integers(1, 30),
    tail=st.sampled_from(["drop", "pad", "zeros"]),
)
def test_centred_windows_lie_around_their_frames(
    n_frames: int, length: int, step: int, hop: int | None, tail: str
) -> None:
    times, end = _times([40] * n_frames)
    sampling = Sampling("clip", None, clip_length=length, frame_step=step, hop=hop, tail=tail, centre=True)  # type: ignore[arg-type]
    expected = []
    for middle in range(0, n_frames, hop or 1):
        places = [middle + (i - (length - 1) // 2) * step for i in range(length)]
        inside = [p for p in places if 0 <= p < n_frames]
        fill = {p: None if tail == "zeros" else min(inside, key=lambda q: abs(p - q)) for p in places}
        if tail != "drop" or inside == places:
            frames = tuple(p if p in inside else fill[p] for p in places)
            expected.append((frames, inside, middle))
    picks = _picks(sampling, times, end)
    assert [(p.frames, p.real, p.frames[p.anchor]) for p in picks] == expected


@given(gaps=GAPS, rate=RATES, n=st.integers(1, 50))
def test_no_single_frame_sampler_takes_a_frame_twice(gaps: list[int], rate: float, n: int) -> None:
    times, end = _times(gaps)
    for sampling in (
        Sampling(fps=rate),
        Sampling(sampler="uniform", uniform=n),
        Sampling(sampler="every", every=n),
    ):
        taken = [p.frames[0] for p in _picks(sampling, times, end)]
        assert taken == sorted(set(taken))


@given(length=st.integers(2, 9), step=st.integers(1, 5), hop=st.integers(1, 50), n_frames=st.integers(1, 200))
def test_what_a_clip_sampler_keeps_does_not_grow_with_the_video(
    length: int, step: int, hop: int, n_frames: int
) -> None:
    sampler = make(Sampling(sampler="clip", clip_length=length, frame_step=step, hop=hop), Part(), None)
    held: set[int] = set()
    for index in range(n_frames):
        if sampler.feed(index, Fraction(index), Fraction(index + 1)):
            held.add(index)
        list(sampler.ready())
        held = {i for i in held if i >= sampler.oldest}
        assert len(held) <= (length - 1) * step + 1
