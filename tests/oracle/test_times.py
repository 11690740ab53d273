"""Times and identity of frames: against PyAV's own pts, FFmpeg's record of them, and videos made here."""

from __future__ import annotations

import json
import runpy
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from vifex.values import PixelSpec, Sampling, ViewRequest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "media" / "made.py")))

VARIABLE = [0, 40, 50, 130, 300, 310, 500, 900, 1000, 1001, 1400]
STEADY = [33 * i for i in range(40)]


def _own(path: Path) -> tuple[list[int], Fraction, int]:
    """Decode as a plain user of PyAV does: pts, time base and start in ticks."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "NONE"  # type: ignore[assignment]
        pts = [frame.pts for frame in container.decode(stream) if frame.pts is not None]
        assert stream.time_base is not None
        start = round(Fraction(container.start_time or 0, 1_000_000) / stream.time_base)
        return pts, stream.time_base, start


@pytest.fixture(scope="module")
def good_times(shared_media: Path) -> dict[str, Any]:
    """Every frame of every good video, at a size that costs little."""
    return {
        path.name: made.collect(path, made.every(height=8, width=8, decode="fast"))
        for path in sorted((shared_media / "good").glob("clip-*"))
    }


@pytest.mark.shared
def test_times_are_pyavs_own_on_every_good_video(good_times: dict[str, Any], shared_media: Path) -> None:
    """AVI keeps no pts: there the packets' own, in rising order (docs/adr/0022)."""
    for name, (samples, seen) in good_times.items():
        path = shared_media / "good" / name
        own, time_base, start = _own(path)
        if path.name == "clip-h264-in-avi.avi":
            assert own != sorted(own)
            own = sorted(own)
        assert [s.pts for s in samples] == own, path.name
        assert [s.frame_index for s in samples] == list(range(len(own))), path.name
        assert {s.time_base for s in samples} == {f"{time_base.numerator}/{time_base.denominator}"}
        assert [s.t_s for s in samples] == [float((p - start) * time_base) for p in own], path.name
        assert seen.frames_seen == len(own)
        assert (seen.problems, seen.frames_lost) == ((), 0), path.name


@pytest.mark.shared
def test_times_are_those_that_ffprobe_reported(good_times: dict[str, Any], shared_media: Path) -> None:
    record = json.loads((shared_media / "reference" / "pts.json").read_text())["videos"]
    assert {Path(name).name for name in record} == set(good_times)
    for name, told in record.items():
        pts = [s.pts for s in good_times[Path(name).name][0]]
        if told["pts"] is not None and None not in told["pts"]:
            assert pts == told["pts"], name
        elif told["pts"] is not None:  # the last frames of clip-mpeg2.mxf have none in FFmpeg 5
            known = [i for i, p in enumerate(told["pts"]) if p is not None]
            assert [pts[i] for i in known] == [told["pts"][i] for i in known], name
        else:
            assert len(pts) == told["frames"], name


@pytest.mark.parametrize(
    ("name", "pts", "options"),
    [
        ("variable.mkv", VARIABLE, {}),
        ("variable.mp4", VARIABLE, {"b_frames": 2}),
        ("late.mkv", [5000 + p for p in STEADY], {}),
        ("late-edit-list.mp4", [5000 + p for p in STEADY], {"b_frames": 2}),
        ("late.ts", [5000 + p for p in STEADY], {"b_frames": 2}),
        ("b-frames.mp4", STEADY, {"b_frames": 3}),
        ("b-frames.mkv", STEADY, {"b_frames": 3}),
        ("fragments.mp4", STEADY, {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
        ("no-duration.mkv", STEADY, {"seekable": False, "format": "matroska"}),
        ("turned-90.mp4", STEADY[:6], {"rotation": 90}),
        ("turned-180.mp4", STEADY[:6], {"rotation": 180}),
        ("turned-270.mp4", STEADY[:6], {"rotation": 270}),
        ("turned-0.mp4", STEADY[:6], {"rotation": 0}),
        ("mirrored.mp4", STEADY[:6], {"mirrored": True}),
        ("mirrored-and-turned.mp4", STEADY[:6], {"mirrored": True, "rotation": 90}),
    ],
)
def test_made_videos_keep_times_and_order(
    tmp_path: Path, name: str, pts: list[int], options: dict[str, Any]
) -> None:
    path = made.write_video(tmp_path / name, pts, **options)
    samples, seen = made.collect(path)
    own, time_base, start = _own(path)
    assert [s.pts for s in samples] == own
    assert [s.t_s for s in samples] == [float((p - start) * time_base) for p in own]
    # What was written, to a tick: the container's start is the first frame's.
    assert [s.t_s for s in samples] == pytest.approx([(p - pts[0]) / 1000 for p in pts], abs=1e-9)
    assert [made.number_of(s.pixels) for s in samples] == list(range(len(pts)))
    assert (seen.width_px, seen.height_px) == (128, 64)
    assert seen.problems == ()


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_avi_without_pts_gives_frames_in_order(tmp_path: Path, codec: str) -> None:
    path = made.write_video(
        tmp_path / "b.avi", list(range(60)), time_base=Fraction(1, 30), codec=codec, b_frames=3
    )
    samples, seen = made.collect(path)
    assert [made.number_of(s.pixels) for s in samples] == list(range(60))
    assert [s.pts for s in samples] == sorted(_own(path)[0])
    steps = {round((b.t_s - a.t_s) * 30) for a, b in pairwise(samples)}
    assert steps == {1}
    assert seen.problems == ()


def test_a_packet_without_a_frame_moves_no_time(tmp_path: Path) -> None:
    """Each frame ends where the next begins, and the last after its own duration or the median gap."""
    path = made.write_video(tmp_path / "v.mkv", VARIABLE)
    samples, _ = made.collect(path)
    assert [s.t_end_s for s in samples[:-1]] == [s.t_s for s in samples[1:]]
    assert 1.4 < samples[-1].t_end_s < 1.6


def test_samples_are_taken_at_seconds_of_the_videos_own_time(tmp_path: Path) -> None:
    """A start of 5 s is 0 s for the user; at 1 s frame 30 of 30 per second is on screen (0.990 s)."""
    path = made.write_video(tmp_path / "late.ts", [5000 + 33 * i for i in range(90)], b_frames=2)
    samples, _ = made.collect(path, ViewRequest(Sampling(), PixelSpec(64, 128, decode="exact")))
    assert [made.number_of(s.pixels) for s in samples] == [0, 30, 60]
    assert [s.frame_index for s in samples] == [0, 30, 60]


def test_uniform_and_parts_and_windows_on_a_video(tmp_path: Path) -> None:
    path = made.write_video(tmp_path / "v.mp4", [100 * i for i in range(40)], b_frames=2)
    pixels = PixelSpec(64, 128, decode="exact")
    requests = [
        ViewRequest(Sampling(sampler="uniform", uniform=4), pixels),
        ViewRequest(Sampling(fps=2, t_start_s=1.05, t_end_s=2.5), pixels),
        ViewRequest(Sampling(sampler="clip", clip_length=4, frame_step=3, tail="pad"), pixels),
    ]
    samples, seen = made.collect(path, *requests)
    numbers = [[made.number_of(s.pixels) for s in samples if s.request == w] for w in (0, 1)]
    assert numbers == [[5, 15, 25, 35], [10, 15, 20]]
    clips = [s for s in samples if s.request == 2]
    assert [[made.number_of(p) for p in s.pixels] for s in clips] == [
        [0, 3, 6, 9],
        [12, 15, 18, 21],
        [24, 27, 30, 33],
        [36, 39, 39, 39],
    ]
    assert clips[0].pixels.shape == (4, 64, 128, 3)
    assert [(s.t_start_s, s.t_end_s) for s in clips[:2]] == [(0.0, 1.0), (1.2, 2.2)]
    assert clips[-1].t_end_s == pytest.approx(4.0, abs=0.11)
    assert seen.empty == ()


def test_centred_windows_on_a_video_have_their_middle_frames_time(tmp_path: Path) -> None:
    path = made.write_video(tmp_path / "v.mp4", [100 * i for i in range(10)], b_frames=2)
    request = ViewRequest(
        Sampling("clip", None, clip_length=5, frame_step=1, hop=3, tail="zeros", centre=True),
        PixelSpec(64, 128, decode="exact"),
    )
    samples, _ = made.collect(path, request)
    numbers = [[made.number_of(p) if p.any() else None for p in s.pixels] for s in samples]
    assert numbers == [[None, None, 0, 1, 2], [1, 2, 3, 4, 5], [4, 5, 6, 7, 8], [7, 8, 9, None, None]]
    assert [s.frame_index for s in samples] == [0, 3, 6, 9]
    assert [s.t_s for s in samples] == [0.0, 0.3, 0.6, 0.9]
    assert [s.t_start_s for s in samples] == [0.0, 0.1, 0.4, 0.7]
    assert [s.t_end_s for s in samples] == pytest.approx([0.3, 0.6, 0.9, 1.0])


@pytest.mark.shared
def test_a_stream_without_times_takes_them_from_a_rate_only_if_asked(shared_media: Path) -> None:
    path = shared_media / "odd" / "no-pts-raw.h264"
    samples, seen = made.collect(path, made.every(height=8, width=8, assume_fps=25.0))
    assert len(samples) == 173
    assert [s.t_s for s in samples[:3]] == [0.0, 0.04, 0.08]
    assert seen.problems == ()


@pytest.mark.shared
def test_animations_keep_ffmpegs_times_and_webp_pillows(shared_media: Path) -> None:
    good = shared_media / "good"
    for name in ("anim-iss634.gif", "anim-iss634.apng", "anim-ball-apng.png"):
        samples, _ = made.collect(good / name, made.every(height=8, width=8))
        own, time_base, _ = _own(good / name)
        assert [s.pts for s in samples] == own, name
        assert samples[0].time_base == f"{time_base.numerator}/{time_base.denominator}"
    samples, _ = made.collect(good / "anim-iss634.webp", made.every(height=8, width=8))
    assert len(samples) == 42
    assert samples[0].time_base == "1/1000"
    assert samples[1].pts == round(samples[1].t_s * 1000)
