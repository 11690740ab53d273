"""Videos that go on: under another stream, behind a clock that starts anew, or late.

Frames show their own numbers, so that none can be lost or taken twice unseen; on real clips the ffmpeg
command decodes the same streams.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from vifex.media.read import frame_at
from vifex.values import AudioSpec, Limits, PixelSpec, Sampling, ViewRequest
from vifex.values.pixels import NO_PIXELS

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "media" / "made.py")))
sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import join_streams as joins  # noqa: E402

TICKS = [40 * i for i in range(30)]
NULL = b"\x47\x1f\xff\x10" + b"\xff" * 184
SPEC = PixelSpec(64, 128, decode="exact")


def _part(path: Path, first: int = 0, pid: str = "0x100", *, late_ms: int = 0, **more: Any) -> bytes:
    """Write 30 frames at 25 per second that show the numbers from `first` on."""
    options = {"mpegts_start_pid": pid} if path.suffix == ".ts" else {}
    ticks = [t + late_ms for t in TICKS]
    more = {"rate": Fraction(25), "b_frames": 2, **more}
    made.write_video(path, ticks, first=first, container_options=options, **more)
    return path.read_bytes()


def _check(path: Path, n: int, *, said: str = "", step: Fraction = Fraction(1, 25)) -> str:
    """See that all frames are there, in order, without a gap, and that a moment gives the same as a row."""
    samples, seen = made.collect(path)
    assert [made.number_of(s.pixels) for s in samples] == list(range(n))
    assert [s.t_s for s in samples] == pytest.approx([float(i * step) for i in range(n)], abs=0.0011)
    for place in (0, n // 2, n - 2):
        row = samples[place]
        found = frame_at(path, (row.t_s + row.t_end_s) / 2, SPEC, Limits())
        assert found.pts == row.pts
        np.testing.assert_array_equal(found.pixels, row.pixels)
    assert seen.frames_lost == 0
    told = " ".join((*seen.problems, *seen.notes))
    assert said in told
    by_duration, _ = made.collect(path, ViewRequest(Sampling("uniform", None, uniform=4), SPEC))
    assert [made.number_of(s.pixels) for s in by_duration] == [n * k // 8 for k in (1, 3, 5, 7)]
    return told


@pytest.mark.parametrize("late_ms", [0, 1200, 5_000, 36_000_000, 95_300_000])
def test_a_transport_stream_whose_clock_starts_anew(tmp_path: Path, late_ms: int) -> None:
    """From any time, over the end of its 33 bits too, back to the start."""
    path = tmp_path / "anew.ts"
    path.write_bytes(_part(tmp_path / "a.ts", late_ms=late_ms) + _part(tmp_path / "b.ts", 30))
    _check(path, 60, said="Its clock starts anew at 1.20 s")


def test_a_transport_stream_whose_clock_jumps_on_and_back(tmp_path: Path) -> None:
    path = tmp_path / "on-and-back.ts"
    parts = [_part(tmp_path / f"{i}.ts", 30 * i, late_ms=late) for i, late in enumerate((0, 3_600_000, 500))]
    path.write_bytes(b"".join(parts))
    _check(path, 90, said="Its clock starts anew at 1.20 s and 1 more time;")


def test_a_short_gap_is_kept(tmp_path: Path) -> None:
    """As in the ffmpeg command, up to 10 s: a recording that was paused has times of its own."""
    path = tmp_path / "gap.ts"
    path.write_bytes(_part(tmp_path / "a.ts") + _part(tmp_path / "b.ts", 30, late_ms=6200))
    samples, seen = made.collect(path)
    assert [made.number_of(s.pixels) for s in samples] == list(range(60))
    # The muxer puts the first part off by its two B-frames.
    assert samples[30].t_s == pytest.approx(6.2 - 0.08, abs=0.001)
    assert "clock" not in " ".join(seen.notes)


@pytest.mark.parametrize("late_ms", [0, 1280, 1100, 3_600_000])
@pytest.mark.parametrize("fill", [0, 30_000], ids=["near", "behind 5 MB that FFmpeg does not look into"])
def test_a_video_that_goes_on_under_another_pid(tmp_path: Path, late_ms: int, fill: int) -> None:
    path = tmp_path / "pid.ts"
    second = _part(tmp_path / "b.ts", 30, "0x200", late_ms=late_ms)
    path.write_bytes(_part(tmp_path / "a.ts") + NULL * fill + second + NULL * fill)
    told = _check(path, 60, said="Its video continues in another stream at 1.20 s (id 0x200).")
    assert ("clocks of its streams" in told) == (late_ms != 1280)


def test_a_video_that_changes_between_two_pids(tmp_path: Path) -> None:
    path = tmp_path / "abab.ts"
    parts = [_part(tmp_path / f"{i}.ts", 30 * i, ("0x100", "0x200")[i % 2]) for i in range(4)]
    path.write_bytes(b"".join(parts))
    _check(path, 120, said="(id 0x200)")


@pytest.mark.parametrize("pid", ["0x100", "0x200"])
@pytest.mark.parametrize("codecs", [("libx264", "mpeg4"), ("mpeg2video", "libx264"), ("libx264", "libx265")])
def test_the_codec_changes_where_recordings_meet(tmp_path: Path, codecs: tuple[str, str], pid: str) -> None:
    path = tmp_path / "codec.ts"
    rate = {"rate": Fraction(25), "time_base": Fraction(1, 25), "ticks": list(range(30))}
    parts = [
        _coded(tmp_path / f"{i}.ts", 30 * i, p, codec, **rate)
        for i, (codec, p) in enumerate(zip(codecs, ("0x100", pid), strict=True))
    ]
    path.write_bytes(b"".join(parts))
    samples, seen = made.collect(path)
    assert [made.number_of(s.pixels) for s in samples] == list(range(60))
    assert [s.t_s for s in samples] == pytest.approx([i / 25 for i in range(60)], abs=0.0011)
    assert "Its video continues in another stream at 1.20 s" in " ".join(seen.notes)


def _coded(path: Path, first: int, pid: str, codec: str, *, ticks: list[int], **more: Any) -> bytes:
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    options = {"mpegts_start_pid": pid}
    made.write_video(path, ticks, first=first, codec=codec, options=quiet, container_options=options, **more)
    return path.read_bytes()


def test_the_size_changes_where_recordings_meet(tmp_path: Path) -> None:
    path = tmp_path / "size.ts"
    path.write_bytes(_part(tmp_path / "a.ts") + _part(tmp_path / "b.ts", 30, size=(256, 96)))
    _check(path, 60, said="Its clock starts anew")


def test_two_programmes_beside_each_other_are_not_joined(tmp_path: Path, ffmpeg: Callable[..., str]) -> None:
    """Each by itself, and each joined with itself: the other programme's frames never come in."""
    _part(tmp_path / "a.ts"), _part(tmp_path / "b.ts", 100)
    both = tmp_path / "both.ts"
    programmes = ("-program", "title=a:st=0", "-program", "title=b:st=1")
    inputs = ("-i", tmp_path / "a.ts", "-i", tmp_path / "b.ts", "-map", "0:v", "-map", "1:v", "-c", "copy")
    ffmpeg(*inputs, *programmes, both)
    samples, seen = made.collect(both)
    assert [made.number_of(s.pixels) for s in samples] == list(range(30))
    assert seen.notes == ("The file has 2 video streams; stream 0 was read.",)
    other = tmp_path / "other.ts"
    ffmpeg(*inputs, *programmes, "-mpegts_start_pid", "0x300", other)
    for second in (both, other):
        joined = tmp_path / f"joined-{second.name}"
        joined.write_bytes(both.read_bytes() + second.read_bytes())
        samples, _ = made.collect(joined)
        assert [made.number_of(s.pixels) for s in samples] == [*range(30)] * 2
        assert [s.t_s for s in samples] == pytest.approx([i / 25 for i in range(60)], abs=0.0011)


LONG_SOUND = ("-f", "lavfi", "-i", "sine=d=130:r=48000", "-ac", 2, "-c:a", "mp2", "-b:a", "384k")


def test_a_list_of_streams_that_grows_is_no_failure(tmp_path: Path, ffmpeg: Callable[..., str]) -> None:
    """In the middle, out of sight of FFmpeg's looks at both ends, a second sound comes in."""
    _part(tmp_path / "a.ts"), _part(tmp_path / "b.ts", 30), _part(tmp_path / "c.ts", 60)
    for name in "ac":
        ffmpeg("-i", tmp_path / f"{name}.ts", *LONG_SOUND, "-c:v", "copy", tmp_path / f"{name}-long.ts")
    second = tmp_path / "b-sounds.ts"
    sounds = ("-f", "lavfi", "-i", "sine=d=1", "-f", "lavfi", "-i", "sine=d=1")
    each = ("-map", "0:v", "-map", "1:a", "-map", "2:a", "-c:v", "copy", "-c:a", "mp2")
    ffmpeg("-i", tmp_path / "b.ts", *sounds, *each, second)
    path = tmp_path / "grows.ts"
    parts = [tmp_path / "a-long.ts", second, tmp_path / "c-long.ts"]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with av.open(str(path)) as container:
        assert len(container.streams) == 2
    samples, _ = made.collect(path)
    assert [made.number_of(s.pixels) for s in samples] == list(range(90))


def test_a_video_that_starts_late(tmp_path: Path, ffmpeg: Callable[..., str]) -> None:
    """Sound alone first, and the table that names the video only behind it, in FFmpeg's sight and out."""
    sound, late, path = tmp_path / "sound.ts", tmp_path / "late.ts", tmp_path / "film.ts"
    ffmpeg(*LONG_SOUND, "-mpegts_start_pid", "0x300", sound)
    for seconds, is_long in ((3, False), (130, True)):
        ffmpeg("-i", sound, "-t", seconds, "-c", "copy", "-mpegts_start_pid", "0x300", late)
        video = _part(tmp_path / "b.ts", late_ms=1000 * seconds)
        path.write_bytes(late.read_bytes() + video + (sound.read_bytes() if is_long else b""))
        samples, seen = made.collect(path)
        assert [made.number_of(s.pixels) for s in samples] == list(range(30))
        # The ffmpeg command starts the sound's clock at 1.4 s.
        assert samples[0].t_s == pytest.approx(seconds - 1.4, abs=0.03)
        assert ("Its video stream starts late" in " ".join(seen.notes)) == is_long
    ffmpeg("-itsoffset", 9, "-i", tmp_path / "b.ts", *LONG_SOUND, "-t", 14, "-c:v", "copy", late)
    samples, _ = made.collect(late)
    assert [made.number_of(s.pixels) for s in samples] == list(range(30))
    assert samples[0].t_s > 8.9


def test_a_flash_video_whose_timestamps_start_anew(tmp_path: Path) -> None:
    """A recorder that goes on after a lost connection writes no second header."""
    path = tmp_path / "restarts.flv"
    path.write_bytes(_part(tmp_path / "a.flv") + _part(tmp_path / "b.flv", 30)[13:])
    _check(path, 60, said="Its clock starts anew at 1.20 s")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_id_that_is_a_videos_and_then_a_sounds(
    order: tuple[int, int], tmp_path: Path, ffmpeg: Callable[..., str]
) -> None:
    parts = []
    for place, which in enumerate(order):
        _part(tmp_path / "film.ts", 30 * place)
        inputs = ("-i", tmp_path / "film.ts", "-f", "lavfi", "-i", "sine=d=1.2")
        maps = (("-map", "0:v", "-map", "1:a"), ("-map", "1:a", "-map", "0:v"))[which]
        ffmpeg(*inputs, *maps, "-c:v", "copy", "-c:a", "mp2", tmp_path / "part.ts")
        parts.append((tmp_path / "part.ts").read_bytes())
    path = tmp_path / "swapped.ts"
    path.write_bytes(b"".join(parts))
    samples, seen = made.collect(path)
    assert [made.number_of(s.pixels) for s in samples] == list(range(60))
    assert [b.t_s - a.t_s for a, b in pairwise(samples)] == pytest.approx([0.04] * 59, abs=0.0011)
    assert seen.problems == ()


@pytest.mark.parametrize("name", ["joined.mkv", "joined.mp4"])
def test_decoding_in_part_gives_way_at_a_join(name: str, tmp_path: Path) -> None:
    """One frame a second out of two recordings in one file: those that decoding in full gives."""
    options = {"container_options": {"movflags": "frag_keyframe+empty_moov"}} if name[-1] == "4" else {}
    ticks = [40 * i for i in range(100)]
    parts = []
    for first in (0, 100):
        part = made.write_video(
            tmp_path / f"part{name[-4:]}", ticks, first=first, rate=Fraction(25), **options
        )
        parts.append(part.read_bytes())
    path = tmp_path / name
    path.write_bytes(b"".join(parts))
    fast = PixelSpec(64, 128, decode="fast")
    rows, _ = made.collect(path, ViewRequest(Sampling("every", None, every=1), fast))
    some, _ = made.collect(path, ViewRequest(Sampling(fps=1), fast))
    assert [made.number_of(s.pixels) for s in rows] == list(range(len(rows)))
    assert len(rows) == (200 if name == "joined.mkv" else 100)
    assert [made.number_of(s.pixels) for s in some] == list(range(0, len(rows), 25))
    assert [s.t_s for s in some] == [rows[s.frame_index].t_s for s in some]


@pytest.mark.parametrize("coder", ["libtheora", "libvpx"])
def test_chained_ogg_films(coder: str, tmp_path: Path, ffmpeg: Callable[..., str]) -> None:
    """Headers of the next film are no frames, and no damage."""
    parts = []
    for first in (0, 30):
        _part(tmp_path / "part.mkv", first)
        ffmpeg("-i", tmp_path / "part.mkv", "-c:v", coder, "-q:v", "9", "-b:v", "1M", tmp_path / "part.ogv")
        parts.append((tmp_path / "part.ogv").read_bytes())
    path = tmp_path / "chained.ogv"
    path.write_bytes(b"".join(parts))
    _check(path, 60, said="Its clock starts anew at 1.20 s")


@pytest.mark.parametrize("suffix", [".flv", ".mov", ".mp4"])
def test_a_second_recording_that_ffmpeg_does_not_read_is_said(tmp_path: Path, suffix: str) -> None:
    first = _part(tmp_path / f"a{suffix}")
    path = tmp_path / f"both{suffix}"
    path.write_bytes(first + _part(tmp_path / f"b{suffix}", 30))
    samples, seen = made.collect(path)
    assert [made.number_of(s.pixels) for s in samples] == list(range(30))
    assert "Another recording begins at byte" in " ".join(seen.problems)


def test_a_cut_recording_before_the_join_costs_its_own_end_alone(tmp_path: Path) -> None:
    """A file whose copy broke off in the middle of a packet: the packets behind it are found again."""
    path = tmp_path / "cut.ts"
    for pid in ("0x100", "0x200"):
        first = _part(tmp_path / "a.ts")
        path.write_bytes(first[: len(first) - 300] + _part(tmp_path / "b.ts", 30, pid))
        samples, seen = made.collect(path)
        numbers = [made.number_of(s.pixels) for s in samples]
        assert numbers[:28] == list(range(28))
        assert numbers[-30:] == list(range(30, 60))
        times = [s.t_s for s in samples]
        assert times == sorted(set(times))
        assert "at 1.1" in seen.notes[0]  # where it goes on, the lost frames' time left out


@pytest.mark.parametrize(
    ("suffix", "how"),
    [
        ("ts", "0x100"),
        ("ts", "0x200"),
        ("ts", "alone"),
        ("mpg", "joined"),
        ("mpg", "alone"),
        ("mkv", "alone"),
    ],
)
def test_sound_goes_on_where_the_images_do(
    suffix: str, how: str, tmp_path: Path, ffmpeg: Callable[..., str]
) -> None:
    """Two recordings, each with a tone of its own: at every time the tone of the frame that is shown then."""
    parts = []
    for number, (tone, pid) in enumerate(((440, "0x100"), (880, how))):
        part = tmp_path / f"{number}.{suffix}"
        start = ("-mpegts_start_pid", pid) if pid[:2] == "0x" and suffix == "ts" else ()
        rest = ("-map", "0:a") if how == "alone" else ()
        film = () if how == "alone" else ("-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=3")
        ffmpeg(*film, "-f", "lavfi", "-i", f"sine=f={tone}:d=3:r=48000", *rest, "-c:a", "mp2", *start, part)
        parts.append(part.read_bytes())
    path = tmp_path / f"film.{suffix}"
    path.write_bytes(b"".join(parts))
    samples, seen = made.collect(path, ViewRequest(Sampling(), NO_PIXELS, audio=AudioSpec(16_000, 0.5, 0.5)))
    spectra = [np.abs(np.fft.rfft(s.pixels)) for s in samples]
    assert [round(np.argmax(f) * 2) for f in spectra][:12] == [440] * 6 + [880] * 6
    assert [s.t_s for s in samples][:12] == [i / 2 for i in range(12)]
    assert "overlapped in time" not in " ".join(seen.notes)
    said = "sound continues from where it ended" if how == "alone" else "sound was moved"
    assert said in " ".join(seen.notes)


NAMES = [
    "anew-clip-hevc.ts",
    "hour-on.ts",
    "pid-codec.ts",
    "anew-h264.mpg",
    "hevc.vob",
    "raw-of-stills.mjpeg",
]


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_joined_clips_are_the_ffmpeg_commands(
    name: str, shared_media: Path, tmp_path: Path, ffmpeg: Callable[..., str]
) -> None:
    """Six of the streams of docs/joined-streams.md: every decoded frame's MD5, and times."""
    recipe = next(recipe for recipe in joins.RECIPES if recipe.name == name)
    outcome = joins.compare(recipe, joins.make(recipe, shared_media / "good", tmp_path))
    assert outcome.ffmpeg_frames > 40
    assert outcome.is_right, outcome
