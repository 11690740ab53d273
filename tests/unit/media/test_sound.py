"""Sound: its times, gaps, tails, and what it leaves alone in the views of images."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vifex.media.read import Skip, read, sound_at
from vifex.values import (
    AudioSpec,
    DecodeReport,
    InputError,
    Limits,
    MediaError,
    NothingDecoded,
    PixelSpec,
    Sampling,
    Span,
    ViewRequest,
)

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "made.py")))
sounds: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "sounds.py")))
heard, joined, loudness_at = sounds.heard, sounds.joined, sounds.loudness_at
tone, write_sound = sounds.tone, sounds.write_sound

RATE = 16_000


def test_a_tone_is_found_in_the_windows_of_its_own_time(tmp_path: Path) -> None:
    """1 kHz sounds from 2.0 s to 3.5 s of a film; the sound starts 0.25 s after the images."""
    quiet = np.zeros(round(5.75 * RATE), np.float32)
    quiet[round(1.75 * RATE) : round(3.25 * RATE)] = tone(1000, 1.5)
    starts = [0.25 + i / 10 for i in range(58)]
    film = write_sound(tmp_path / "film.mkv", quiet, starts=starts, video_frames=60)
    samples, seen = made.collect(film, heard(window_s=0.5, tail="drop"))
    levels = {s.t_start_s: loudness_at(s.pixels, 1000, RATE) for s in samples}
    assert [t for t, level in levels.items() if level > 0.4] == [2.25, 2.75]
    assert levels[1.75] == pytest.approx(0.25, abs=0.02)
    assert levels[3.25] == pytest.approx(0.25, abs=0.02)
    assert samples[0].t_start_s == 0.25
    assert [s.pts for s in samples[:3]] == [250, 750, 1250]
    assert {s.time_base for s in samples} == {"1/1000"}
    assert {s.frame_index for s in samples} == {None}
    assert seen.kind == "audio"
    assert not seen.problems
    assert not seen.notes


def test_windows_give_the_whole_sound_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.9, 0.9, 50_123).astype(np.float32)
    samples, _ = made.collect(write_sound(tmp_path / "s.wav", sound), heard(window_s=0.7))
    np.testing.assert_array_equal(joined(samples, RATE), sound)
    last = samples[-1]
    assert last.t_end_s == 50_123 / RATE
    assert last.pixels.dtype == np.float32
    assert not last.pixels[50_123 - round(last.t_start_s * RATE) :].any()


def test_two_channels_are_mixed_to_their_mean(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    sound = rng.uniform(-0.9, 0.9, (2, 16_000)).astype(np.float32)
    (sample,), _ = made.collect(write_sound(tmp_path / "s.wav", sound), heard())
    np.testing.assert_allclose(sample.pixels, sound.mean(0), atol=1e-6)


def test_a_tone_stays_the_same_tone_at_another_rate(tmp_path: Path) -> None:
    """The oracle is the sine itself: the same function of time, sampled at the other rate."""
    path = write_sound(tmp_path / "s.wav", tone(1000, 2.0, 44_100), rate_hz=44_100)
    for rate_hz in (16_000, 48_000):
        samples, _ = made.collect(path, heard(rate_hz))
        sound, expected = joined(samples, rate_hz), tone(1000, 2.0, rate_hz)
        assert len(sound) == len(expected)
        middle = slice(rate_hz // 20, -rate_hz // 20)
        np.testing.assert_allclose(sound[middle], expected[middle], atol=2e-3)


def test_a_gap_is_silence_and_what_follows_keeps_its_time(tmp_path: Path) -> None:
    starts = [i / 10 + (1.5 if i >= 10 else 0) for i in range(20)]
    path = write_sound(tmp_path / "s.mkv", tone(1000, 2.0), starts=starts)
    samples, seen = made.collect(path, heard(window_s=0.5))
    assert [s.t_start_s for s in samples] == [0.0, 0.5, 2.5, 3.0]  # nothing but silence is no window
    assert all(loudness_at(s.pixels, 1000, RATE) > 0.45 for s in samples)
    assert seen.notes == ("Gaps in its sound were filled with 1.50 s of silence, the first at 1.00 s.",)
    samples, _ = made.collect(path, heard(window_s=4.0))
    sound = samples[0].pixels
    assert not sound[round(1.01 * RATE) : round(2.49 * RATE)].any()
    np.testing.assert_allclose(sound[round(2.6 * RATE) : round(3.4 * RATE)], tone(1000, 0.8), atol=1e-3)


def test_what_comes_twice_in_time_is_cut(tmp_path: Path) -> None:
    sound = tone(440, 2.5)
    path = write_sound(tmp_path / "s.mkv", sound, starts=[0.0, 0.5, 1.0, 1.2, 1.7], block=8000)
    samples, seen = made.collect(path, heard(window_s=0.5))
    expected = np.concatenate([sound[: 3 * 8000], sound[3 * 8000 + 4800 :]])
    np.testing.assert_array_equal(joined(samples, RATE), expected)
    assert samples[-1].t_end_s == 2.2
    assert seen.notes == ("0.30 s of sound overlapped in time and were dropped.",)


def test_times_that_waver_are_no_gaps(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    starts = [i / 10 + rng.uniform(-0.03, 0.03) * (i > 0) for i in range(30)]
    starts[12] += 0.08  # one frame alone, by more than a gap needs
    sound = tone(1000, 3.0)
    samples, seen = made.collect(write_sound(tmp_path / "s.mkv", sound, starts=starts), heard())
    np.testing.assert_array_equal(joined(samples, RATE), sound)
    assert not seen.notes


def test_times_that_jump_by_hours_end_the_sound(tmp_path: Path) -> None:
    starts = [i / 10 + (90_000 if i >= 10 else 0) for i in range(20)]
    samples, seen = made.collect(write_sound(tmp_path / "s.mkv", tone(1000, 2.0), starts=starts), heard())
    assert [s.t_end_s for s in samples] == [1.0]
    assert seen.problems == ("Its sound jumps by 90,000 s; the rest was left out.",)


@pytest.mark.parametrize(
    ("tail", "starts"), [("drop", [0.0, 1.0]), ("pad", [0.0, 1.0, 2.0]), ("repeat", [0.0, 1.0, 2.0])]
)
def test_tails(tmp_path: Path, tail: str, starts: list[float]) -> None:
    sound = np.linspace(-0.5, 0.5, round(2.3 * RATE), dtype=np.float32)
    samples, _ = made.collect(write_sound(tmp_path / "s.wav", sound), heard(tail=tail))
    assert [s.t_start_s for s in samples] == starts
    rest = sound[2 * RATE :]
    filled = {"pad": rest, "repeat": np.tile(rest, 3)}.get(tail)
    if filled is not None:
        np.testing.assert_array_equal(samples[-1].pixels, np.pad(filled, (0, RATE - len(filled))))
        assert samples[-1].t_end_s == 2.3


def test_overlapping_windows_end_with_the_first_that_reaches_the_end(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "s.wav", tone(440, 2.2))
    samples, _ = made.collect(path, heard(hop_s=0.5))
    assert [s.t_start_s for s in samples] == [0.0, 0.5, 1.0, 1.5]
    assert [s.t_end_s for s in samples] == [1.0, 1.5, 2.0, 2.2]


def test_start_end_and_span_cut_the_sound(tmp_path: Path) -> None:
    sound = tone(440, 4.0)
    path = write_sound(tmp_path / "s.wav", sound)
    samples, _ = made.collect(path, heard(t_start_s=0.5, t_end_s=1.75))
    assert [(s.t_start_s, s.t_end_s) for s in samples] == [(0.5, 1.5), (1.5, 1.75)]
    np.testing.assert_array_equal(joined(samples, RATE), sound[8000:28_000])
    samples, _ = made.collect(made.medium_of(path, span=Span(1.0, 3.0)), heard(t_start_s=2.5))
    assert [(s.t_start_s, s.t_end_s) for s in samples] == [(2.5, 3.0)]
    with pytest.raises(MediaError, match=r"its sound ends at 4\.00 s, before the part"):
        made.collect(path, heard(t_start_s=9.0))


def test_sound_too_short_says_so(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "s.wav", tone(440, 0.4))
    with pytest.raises(MediaError, match=r"0\.40 s of sound do not fill a window of 1 s"):
        made.collect(path, heard(tail="drop"))


def test_images_and_sound_of_one_file_each_on_the_same_clock(tmp_path: Path) -> None:
    film = write_sound(tmp_path / "film.mkv", tone(440, 3.0), video_frames=30)
    requests = (heard(), ViewRequest(Sampling(), PixelSpec(32, 32)), heard(8000, 0.5))
    samples, seen = made.collect(film, *requests)
    times = [[s.t_s for s in samples if s.request == i] for i in range(3)]
    assert times == [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]]
    assert [s.ordinal for s in samples if s.request == 2] == list(range(6))
    apart = dict(seen.apart)
    assert [apart[i].kind for i in range(3)] == ["audio", "video", "audio"]
    alone, _ = made.collect(film, requests[1])
    for one, other in zip(alone, [s for s in samples if s.request == 1], strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_what_has_no_sound_is_skipped_for_sound_alone(tmp_path: Path) -> None:
    film = made.write_video(tmp_path / "film.mp4", range(0, 1000, 100))
    samples, seen = made.collect(film, made.every(5), heard())
    assert {s.request for s in samples} == {0}
    assert isinstance(dict(seen.apart)[0], DecodeReport)
    assert dict(seen.apart)[1] == NothingDecoded("no audio stream", is_skipped=True)
    with pytest.raises(Skip, match="no audio stream"):
        made.collect(film, heard())


def test_what_is_sound_alone_is_skipped_for_images_alone(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "s.flac", tone(440, 1.0), codec="flac")
    samples, seen = made.collect(path, made.every(), heard())
    assert {s.request for s in samples} == {1}
    assert dict(seen.apart)[0] == NothingDecoded("no video stream", is_skipped=True)


def test_stills_animations_and_text(tmp_path: Path) -> None:
    from PIL import Image

    images = [Image.new("RGB", (16, 16), c) for c in ("red", "blue")]
    images[0].save(tmp_path / "still.png")
    images[0].save(tmp_path / "moving.gif", save_all=True, append_images=images[1:], duration=100)
    for name in ("still.png", "moving.gif"):
        with pytest.raises(Skip, match="no audio stream"):
            made.collect(tmp_path / name, heard())
    (tmp_path / "note.wav").write_text("this is no sound")
    with pytest.raises(MediaError, match="it is a text file, not sound"):
        made.collect(tmp_path / "note.wav", heard())


def test_damaged_sound_leaves_what_could_be_had(tmp_path: Path) -> None:
    """Half of a file whose index stands in front: the sound ends early, in words."""
    whole = write_sound(tmp_path / "s.mkv", tone(440, 4.0))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    samples, seen = made.collect(cut, heard())
    assert 1.5 < samples[-1].t_end_s < 2.5
    assert seen.problems


def test_the_window_of_a_query(tmp_path: Path) -> None:
    sound = tone(440, 2.5)
    path = write_sound(tmp_path / "s.wav", sound)
    spec = AudioSpec(RATE, 1.0, 0.25, tail="drop")
    np.testing.assert_array_equal(sound_at(path, 1.25, spec, Limits()).pixels, sound[20_000:36_000])
    rest = sound_at(path, 2.0, spec, Limits())
    np.testing.assert_array_equal(rest.pixels, np.pad(sound[32_000:], (0, 8000)))
    with pytest.raises(InputError, match=r"longer than one window of sound \(1 s\)"):
        sound_at(path, None, spec, Limits())
    short = write_sound(tmp_path / "short.wav", sound[:8000])
    np.testing.assert_array_equal(sound_at(short, None, spec, Limits()).pixels[:8000], sound[:8000])


def test_memory_is_bounded_by_a_window(tmp_path: Path) -> None:
    """Nothing is decoded far ahead of the windows that are asked for."""
    path = write_sound(tmp_path / "s.wav", tone(440, 60.0))
    beats = []
    reading = read(made.medium_of(path), [heard()], Limits(), progress=lambda: beats.append(1))
    next(reading)
    first = len(beats)
    for _ in reading:
        pass
    assert first < len(beats) / 10
