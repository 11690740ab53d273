"""`max_frames`: of what a sampler takes so many are left, spread evenly, and the report says so."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vifex.values import AudioSpec, PixelSpec, Sample, Sampling, ViewRequest
from vifex.values.pixels import NO_PIXELS

HERE = Path(__file__).parent
made: Any = SimpleNamespace(**runpy.run_path(str(HERE / "made.py")))
sounds: Any = SimpleNamespace(**runpy.run_path(str(HERE / "sounds.py")))

PIXELS = PixelSpec(32, 64)
SAMPLINGS = {
    "fps": Sampling(fps=10.0),
    "every": Sampling("every", every=3),
    "uniform": Sampling("uniform", uniform=25),
    "times": Sampling("times", times_s=tuple(n / 10 for n in range(18))),
    "frames": Sampling("frames", frames=tuple(range(5, 50, 2))),
    "keyframes": Sampling("keyframes", fps=None),
    "clip": Sampling("clip", clip_length=4, frame_step=2, hop=2),
    "centred": Sampling("clip", clip_length=3, frame_step=1, hop=5, centre=True, tail="pad"),
    "a part": Sampling(fps=20.0, t_start_s=0.31, t_end_s=1.4),
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a video of 60 frames at irregular times, by its suffix."""
    folder = tmp_path_factory.mktemp("videos")
    pts = [n * 33 + n * 7 % 20 for n in range(60)]
    paths: dict[str, Path] = {}

    def of(suffix: str) -> Path:
        if suffix not in paths:
            more = (
                {"codec": "mpeg4", "options": {"g": "4"}}
                if suffix == ".avi"
                else {"b_frames": 2, "options": {"g": "4"}}
            )
            times = list(range(0, 60 * 40, 40)) if suffix == ".avi" else pts
            paths[suffix] = made.write_video(folder / f"v{suffix}", times, **more)
        return paths[suffix]

    return of


def _middles(count: int, most: int) -> list[int]:
    """The middles of `most` equal parts of `[0, count)`, by their definition: written apart from the code."""
    return [int(np.floor((i + 0.5) * count / most)) for i in range(most)]


def _facts(sample: Sample) -> tuple[object, ...]:
    return (
        sample.frame_index,
        sample.pts,
        sample.t_s,
        sample.t_start_s,
        sample.t_end_s,
        sample.pixels.tobytes(),
    )


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".avi"])
@pytest.mark.parametrize("name", SAMPLINGS)
def test_what_is_left_is_spread_evenly(name: str, suffix: str, videos: Callable[[str], Path]) -> None:
    """Numbers, times and pixels are those of the same samples without the limit."""
    sampling, path = SAMPLINGS[name], videos(suffix)
    whole, before = made.collect(path, ViewRequest(sampling, PIXELS))
    assert len(whole) > 7
    found, report = made.collect(path, ViewRequest(replace(sampling, max_frames=7), PIXELS))
    chosen = [whole[i] for i in _middles(len(whole), 7)]
    assert [_facts(s) for s in found] == [_facts(s) for s in chosen]
    assert [s.ordinal for s in found] == list(range(7))
    what = "clips" if sampling.sampler == "clip" else "frames"
    said = f"Of {len(whole)} sampled {what} 7 were taken, spread evenly (`max_frames=7`)."
    assert report.taken == ((0, said),)
    assert report.problems == before.problems == ()


@pytest.mark.parametrize("most", [18, 19, 1000])
def test_a_limit_that_is_not_reached_changes_nothing(most: int, videos: Callable[[str], Path]) -> None:
    sampling = SAMPLINGS["times"]
    whole, _ = made.collect(videos(".mp4"), ViewRequest(sampling, PIXELS))
    assert len(whole) == 18
    found, report = made.collect(videos(".mp4"), ViewRequest(replace(sampling, max_frames=most), PIXELS))
    assert [_facts(s) for s in found] == [_facts(s) for s in whole]
    assert not report.taken


def test_each_request_has_its_own_limit(videos: Callable[[str], Path]) -> None:
    few, one, all_of_them = (
        ViewRequest(Sampling("every", every=2, max_frames=most), PIXELS) for most in (4, 1, None)
    )
    found, report = made.collect(videos(".mp4"), few, one, all_of_them)
    numbers = {r: [s.frame_index for s in found if s.request == r] for r in range(3)}
    assert numbers == {0: [6, 22, 36, 52], 1: [30], 2: list(range(0, 60, 2))}
    assert [number for number, _ in report.taken] == [0, 1]


def test_a_medium_of_a_manifest_may_say_it(videos: Callable[[str], Path]) -> None:
    """Its sampling replaces that of the request; of clips and sound the limit alone."""
    path = videos(".mp4")
    request = ViewRequest(Sampling(fps=1.0), PIXELS)
    found, _ = made.collect(made.medium_of(path, sample_every=20, max_frames=2), request)
    assert [s.frame_index for s in found] == [0, 40]
    found, _ = made.collect(made.medium_of(path, sample_fps=10.0), request)
    direct, _ = made.collect(path, ViewRequest(SAMPLINGS["fps"], PIXELS))
    assert [_facts(s) for s in found] == [_facts(s) for s in direct]
    clips = ViewRequest(SAMPLINGS["clip"], PIXELS)
    found, _ = made.collect(made.medium_of(path, sample_every=20, max_frames=3), clips)
    whole, _ = made.collect(path, clips)
    assert [_facts(s) for s in found] == [_facts(whole[i]) for i in _middles(len(whole), 3)]


def test_animations_and_pages(tmp_path: Path) -> None:
    images = [Image.new("RGB", (40, 30), (n * 20, 90, 40)) for n in range(10)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=100)
    images[0].save(tmp_path / "p.tif", save_all=True, append_images=images[1:])
    request = ViewRequest(Sampling("every", every=1, max_frames=3), PIXELS)
    found, report = made.collect(tmp_path / "a.gif", request)
    assert [s.frame_index for s in found] == _middles(10, 3) == [1, 5, 8]
    assert report.taken
    pages = ViewRequest(Sampling(pages="all", max_frames=3), PIXELS)
    found, report = made.collect(tmp_path / "p.tif", pages, ViewRequest(Sampling(max_frames=3), PIXELS))
    assert [s.frame_index for s in found if s.request == 0] == [1, 5, 8]
    assert [s.frame_index for s in found if s.request == 1] == [None]
    assert report.taken == ((0, "Of 10 sampled pages 3 were taken, spread evenly (`max_frames=3`)."),)
    assert report.frames_lost == 0


@pytest.mark.parametrize("tail", ["drop", "pad"])
def test_windows_of_sound(tail: str, tmp_path: Path) -> None:
    path = sounds.write_sound(tmp_path / "s.wav", sounds.tone(440, 5.3))
    spec = AudioSpec(16_000, 0.5, 0.25, tail=tail)  # type: ignore[arg-type]
    whole, _ = made.collect(path, ViewRequest(Sampling(), NO_PIXELS, audio=spec))
    limited = ViewRequest(Sampling(), NO_PIXELS, audio=replace(spec, max_windows=6))
    found, report = made.collect(path, limited)
    assert [_facts(s) for s in found] == [_facts(whole[i]) for i in _middles(len(whole), 6)]
    assert report.taken == (
        (0, f"Of {len(whole)} sampled windows 6 were taken, spread evenly (`max_frames=6`)."),
    )


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    ["clip-h264-1080i.mts", "clip-vp9-10bit.webm", "clip-h264-in-avi.avi", "../odd/first-frame-not-key.ts"],
)
def test_packets_that_are_no_frames_are_not_counted(name: str, shared_media: Path) -> None:
    """Fields, hidden images and what cannot be decoded at the start are packets of their own."""
    path = shared_media / "good" / name
    sampling = Sampling("every", every=2)
    whole, _ = made.collect(path, ViewRequest(sampling, PIXELS))
    found, report = made.collect(path, ViewRequest(replace(sampling, max_frames=3), PIXELS))
    assert [_facts(s) for s in found] == [_facts(whole[i]) for i in _middles(len(whole), 3)]
    assert report.taken[0][1].startswith(f"Of {len(whole)} sampled frames 3 were taken")


def test_a_damaged_video_keeps_to_the_limit(videos: Callable[[str], Path], tmp_path: Path) -> None:
    """Half of the file is missing: fewer samples than the limit at most, never more."""
    data = videos(".ts").read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(data[: len(data) // 2])
    found, _ = made.collect(cut, ViewRequest(Sampling("every", every=1, max_frames=5), PIXELS))
    assert 3 <= len(found) <= 5


def test_recipes_of_before_keep_their_hash() -> None:
    assert "max_frames" not in Sampling().to_dict()
    assert "max_windows" not in AudioSpec(16_000, 1.0, 1.0).to_dict()
    assert Sampling(**Sampling(max_frames=3).to_dict()).max_frames == 3  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_frames must be at least 1"):
        Sampling(max_frames=0)
