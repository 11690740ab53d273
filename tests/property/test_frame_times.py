"""Whatever times packets and frames claim, the times given rise."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vifex.media.decode.timing.continuity import PacketClock, SoundClock
from vifex.media.decode.timing.frame_times import FrameTimes

ticks = st.none() | st.integers(0, 1 << 33)
frames = st.lists(st.tuples(ticks, ticks, st.integers(0, 10_000)), max_size=30)
TICK = Fraction(1, 90_000)


def _frame(pts: int | None, dts: int | None, duration: int) -> Any:
    return SimpleNamespace(pts=pts, dts=dts, duration=duration)


@given(claimed=frames, joins=st.sets(st.integers(0, 29)), streams=st.sets(st.integers(0, 29)))
def test_times_of_frames_rise(
    claimed: list[tuple[int | None, int | None, int]], joins: set[int], streams: set[int]
) -> None:
    """Two frames have the same time only if both claim it as their own."""
    times, given_, own = FrameTimes(3600), [], []
    for place, claim in enumerate(claimed):
        if place in joins:
            times.join()
        if place in streams:
            times.enter(3600, 900_000)
        found = times.time_of(_frame(*claim))
        if found is None:
            assert not given_
            continue
        given_.append(found)
        own.append(claim[0])
    for (a, own_a), (b, own_b) in pairwise(zip(given_, own, strict=True)):
        assert b > a or (b == a and own_a is not None and own_b is not None)
    counted = times.n_followed + times.n_backwards + times.n_overlapping
    assert counted <= len(given_)


@given(gap=st.integers(1, 100_000), n=st.integers(2, 50), first=st.integers(0, 1 << 32))
def test_a_steady_stream_keeps_its_own_times(gap: int, n: int, first: int) -> None:
    times = FrameTimes(0)
    own = [first + i * gap for i in range(n)]
    assert [times.time_of(_frame(t, t, gap)) for t in own] == own
    assert list(times.notes()) == []


def _stream(rate: int) -> Any:
    return SimpleNamespace(time_base=TICK, average_rate=Fraction(rate))


def _container(*, may_jump: bool) -> Any:
    return SimpleNamespace(format=SimpleNamespace(flags=0x0200 if may_jump else 0))


@given(
    starts=st.lists(st.integers(0, 1 << 33), min_size=1, max_size=6),
    n=st.integers(5, 20),
    may_jump=st.booleans(),
)
def test_recordings_from_any_starts_make_one_clock(starts: list[int], n: int, may_jump: bool) -> None:
    """Decoding times never fall by a tenth of a second, and in formats that may jump are never 10 s apart."""
    clock = PacketClock(_container(may_jump=may_jump), _stream(25))
    corrected: list[int] = []
    for start in starts:
        for i in range(n):
            packet = SimpleNamespace(pts=start + 3600 * i, dts=start + 3600 * i, duration=3600)
            clock.correct(packet)
            assert packet.pts == packet.dts
            corrected.append(packet.dts)
    steps = [b - a for a, b in pairwise(corrected)]
    assert all(step >= -9000 for step in steps)
    if may_jump:
        assert all(step <= 900_000 + 3600 for step in steps)
    assert clock.n_joins <= len(starts) - 1


@given(starts=st.lists(st.integers(20_000_000, 1 << 33), min_size=1, max_size=5, unique=True))
def test_sound_follows_the_images_clock(starts: list[int]) -> None:
    """Sound whose packets lie between those of the images is moved by the same times."""
    images, n = PacketClock(_container(may_jump=True), _stream(25)), 12
    moved: list[int] = []
    for start in starts:
        for i in range(n):
            packet = SimpleNamespace(pts=start + 3600 * i, dts=start + 3600 * i, duration=3600)
            images.correct(packet)
            moved.append(packet.dts)
    sound = SoundClock(_stream(1), images.offsets)
    place = 0
    for start in starts:
        for i in range(n):
            packet = SimpleNamespace(pts=start + 3600 * i + 100, dts=None, duration=3600)
            sound.correct(packet)
            assert packet.pts == moved[place] + 100
            place += 1
