"""Frames that carry no time of their own, or a neighbour's: every one is kept, with FFmpeg's times."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "media" / "made.py")))

SOURCE = ("-f", "lavfi", "-i", "testsrc=size=192x144:rate=25:duration=2", "-pix_fmt", "yuv420p")
CODERS = {
    "xvid": ("-c:v", "libxvid", "-bf", "2"),
    "h264": ("-c:v", "libx264", "-bf", "3"),
    "h264open": ("-c:v", "libx264", "-bf", "3", "-x264-params", "open-gop=1:keyint=12"),
    "h264intra": ("-c:v", "libx264", "-g", "1"),
    "hevc": ("-c:v", "libx265", "-x265-params", "log-level=none:bframes=4"),
    "mpeg2": ("-c:v", "mpeg2video", "-bf", "2"),
}


def _times_by_ffmpeg(ffmpeg: Callable[..., str], path: Path) -> list[float]:
    as_they_are = ("-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "1:90000")
    text = ffmpeg("-i", path, *as_they_are, "-f", "framecrc", "-")
    return [int(line.split(",")[2]) / 90_000 for line in text.splitlines() if line.startswith("0,")]


def _compare(ffmpeg: Callable[..., str], path: Path) -> str:
    """See that rows are FFmpeg's frames; gives what the ledger says."""
    theirs = _times_by_ffmpeg(ffmpeg, path)
    samples, seen = made.collect(path, made.every(height=8, width=8, decode="fast"))
    times = [s.t_s for s in samples]
    assert len(times) == len(theirs) >= 48
    assert all(b > a for a, b in pairwise(times)), times
    # At the very end the command may give one time twice.
    n = len(times) - 1
    assert times[:n] == pytest.approx(theirs[:n], abs=0.0011)
    assert seen.frames_lost == 0
    return " ".join((*seen.problems, *seen.notes))


@pytest.mark.shared
@pytest.mark.parametrize(
    "name", ["h264.mpg", "h264intra.mpg", "hevc.vob", "mjpeg.mjpeg", "xvid-order.avi", "xvid.avi", "xvid.ts"]
)
def test_the_cases_of_lost_frames(name: str, shared_cases: Path, ffmpeg: Callable[..., str]) -> None:
    _compare(ffmpeg, shared_cases / "faults" / "lost-frames" / name)


@pytest.mark.parametrize("suffix", ["mpg", "vob"])
@pytest.mark.parametrize("coder", ["h264", "h264open", "h264intra", "hevc", "mpeg2"])
def test_programme_streams_keep_every_frame(
    coder: str, suffix: str, tmp_path: Path, ffmpeg: Callable[..., str]
) -> None:
    """A packet there holds a time for the first frame that begins in it alone."""
    path = tmp_path / f"film.{suffix}"
    ffmpeg(*SOURCE, *CODERS[coder], path)
    said = _compare(ffmpeg, path)
    assert ("Frames without a time of their own" in said) == (coder != "mpeg2")


@pytest.mark.parametrize("suffix", ["avi", "ts", "wtv", "m2ts"])
def test_packed_frames_are_all_kept(suffix: str, tmp_path: Path, ffmpeg: Callable[..., str]) -> None:
    """Xvid and DivX put two frames into a packet and an empty one behind it."""
    path = tmp_path / f"film.{suffix}"
    ffmpeg(*SOURCE, *CODERS["xvid"], path)
    _compare(ffmpeg, path)


def test_packed_frames_in_order_by_their_images(tmp_path: Path, ffmpeg: Callable[..., str]) -> None:
    """No frame has its neighbour's place: they show their own numbers."""
    plain, packed = made.write_video(tmp_path / "plain.mkv", [40 * i for i in range(60)]), tmp_path / "p.avi"
    ffmpeg("-i", plain, "-r", 25, "-c:v", "libxvid", "-bf", "2", "-q:v", "2", packed)
    samples, _ = made.collect(packed)
    numbers = [made.number_of(s.pixels) for s in samples]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 57
    assert [s.t_s for s in samples] == pytest.approx(_times_by_ffmpeg(ffmpeg, packed), abs=0.0011)


@pytest.mark.parametrize("rate", [25, 30])
def test_a_stream_of_a_format_without_times_says_whose_times_these_are(
    rate: int, tmp_path: Path, ffmpeg: Callable[..., str]
) -> None:
    path = tmp_path / "film.m2v"
    ffmpeg(*SOURCE, "-r", rate, *CODERS["mpeg2"], path)
    said = _compare(ffmpeg, path)
    assert f"computed at FFmpeg's {rate} frames per second" in said
    samples, seen = made.collect(path, made.every(height=8, width=8, assume_fps=10.0))
    assert [s.t_s for s in samples[:3]] == [0.0, 0.1, 0.2]
    assert samples[-1].t_end_s == pytest.approx(len(samples) / 10)
    assert "assume_fps" not in " ".join(seen.notes)


@pytest.mark.parametrize("cut_bytes", [3000, 6000])
def test_a_programme_stream_cut_at_its_start(
    cut_bytes: int, tmp_path: Path, ffmpeg: Callable[..., str]
) -> None:
    """Its first frames have no time: they are counted back from the first that has one."""
    whole, cut = tmp_path / "whole.mpg", tmp_path / "cut.mpg"
    ffmpeg(*SOURCE, *CODERS["h264open"], whole)
    cut.write_bytes(whole.read_bytes()[cut_bytes:])
    theirs = _times_by_ffmpeg(ffmpeg, cut)
    samples, seen = made.collect(cut, made.every(height=8, width=8, decode="fast"))
    # Where FFmpeg cannot tell where the clock starts, tick 0 is the start here.
    times = [s.t_s - samples[0].t_s for s in samples]
    assert times == pytest.approx([t - theirs[0] for t in theirs], abs=0.0011)
    assert len(theirs) > 5
    assert "Frames before the first that has a time" in " ".join(seen.notes)


@pytest.mark.parametrize("coder", ["dpx", "jpegls", "pgm", "bmp", "mjpeg", "png", "jpeg2000", "libwebp"])
def test_images_as_ffmpeg_pipes_them(coder: str, tmp_path: Path, ffmpeg: Callable[..., str]) -> None:
    path = tmp_path / "images.raw"
    source = ("-f", "lavfi", "-i", "testsrc=size=96x64:rate=25:duration=0.4")
    ffmpeg(*source, "-c:v", coder, "-f", "image2pipe", path)
    samples, seen = made.collect(path, made.every(height=64, width=96))
    assert len(samples) == 10
    assert len({s.pixels.tobytes() for s in samples}) > 5
    assert [s.t_s for s in samples] == pytest.approx([i / 25 for i in range(10)])
    assert "computed at FFmpeg's 25 frames per second" in " ".join(seen.notes)
