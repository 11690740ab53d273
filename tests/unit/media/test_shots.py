"""Frames of shots, from files: which frames are taken, with whose times, and by what decoding."""

from __future__ import annotations

import runpy
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from vifex.media.shots.shot import SHOT_RULE
from vifex.values import PixelSpec, Sampling, Span, ViewRequest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("made.py"))))
collect, medium_of = made.collect, made.medium_of

LENGTHS = (40, 25, 60)
FPS = 25
Images = list[npt.NDArray[np.uint8]]


def _images() -> Images:
    """Frames of three scenes, each a window that moves over its own smooth noise."""
    images = []
    for seed, length in enumerate(LENGTHS):
        rng = np.random.default_rng(seed)
        noise = rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)
        scene = Image.fromarray(noise).resize((200, 96), Image.Resampling.BICUBIC)
        images += [np.asarray(scene.crop((i // 3, 0, i // 3 + 128, 96))) for i in range(length)]
    return images


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shots") / "cuts.mp4"
    options = {"preset": "ultrafast", "crf": "20", "g": "30", "bf": "2", "sc_threshold": "0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for image in _images():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")))
        container.mux(stream.encode(None))
    return path


def _shots(per_shot: int = 1, decode: str = "fast", **more: object) -> ViewRequest:
    sampling = Sampling("shots", fps=None, per_shot=per_shot, shot_rule=SHOT_RULE, **more)  # type: ignore[arg-type]
    return ViewRequest(sampling, PixelSpec(48, 64, decode=decode))  # type: ignore[arg-type]


def test_the_middle_frame_of_each_shot_with_the_shots_times(video: Path) -> None:
    samples, report = collect(video, _shots())
    assert [s.frame_index for s in samples] == [20, 52, 95]
    assert [s.t_s for s in samples] == [20 / FPS, 52 / FPS, 95 / FPS]
    assert [(s.t_start_s, s.t_end_s) for s in samples] == [(0, 1.6), (1.6, 2.6), (2.6, 5)]
    assert not report.problems
    by_number = ViewRequest(
        Sampling("frames", fps=None, frames=(20, 52, 95)), PixelSpec(48, 64, decode="fast")
    )
    for one, other in zip(samples, collect(video, by_number)[0], strict=True):
        assert (one.pts, one.time_base) == (other.pts, other.time_base)
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_several_frames_of_each_shot_are_spread_evenly(video: Path) -> None:
    samples, _ = collect(video, _shots(per_shot=2))
    assert [s.frame_index for s in samples] == [10, 30, 46, 58, 80, 110]
    assert [s.t_start_s for s in samples] == [0, 0, 1.6, 1.6, 2.6, 2.6]


def test_at_most_so_many_frames_are_spread_over_the_shots(video: Path) -> None:
    samples, report = collect(video, _shots(per_shot=2, max_frames=3))
    assert [s.frame_index for s in samples] == [30, 58, 110]
    assert [s.t_end_s for s in samples] == [1.6, 2.6, 5]
    assert report.taken


def test_a_full_decode_takes_the_same_frames(video: Path) -> None:
    """With exact pixels, or beside a request that needs every frame."""
    every = ViewRequest(Sampling("every", fps=None, every=1), PixelSpec(48, 64, decode="exact"))
    samples, _ = collect(video, _shots(decode="exact"), every)
    taken = {s.frame_index: s.pixels for s in samples if s.request == 1}
    assert len(taken) == sum(LENGTHS)
    found = [s for s in samples if s.request == 0]
    assert [s.frame_index for s in found] == [20, 52, 95]
    for sample in found:
        np.testing.assert_array_equal(sample.pixels, taken[sample.frame_index])


def test_a_part_of_a_video_has_shots_of_its_own(video: Path) -> None:
    samples, _ = collect(medium_of(video, span=Span(1.0, 4.0)), _shots())
    assert [(s.t_start_s, s.t_end_s) for s in samples] == [(1, 1.6), (1.6, 2.6), (2.6, 4)]
    late, _ = collect(video, _shots(t_start_s=2.0), _shots(t_end_s=2.0))
    assert [(s.request, s.t_start_s, s.t_end_s) for s in sorted(late, key=lambda s: s.request)] == [
        (0, 2.0, 2.6),
        (0, 2.6, 5.0),
        (1, 0.0, 1.6),
        (1, 1.6, 2.0),
    ]


def test_animations_have_shots_and_still_images_one_sample(tmp_path: Path) -> None:
    frames = [Image.fromarray(image) for image in _images()[::10]]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=200)
    samples, _ = collect(tmp_path / "a.gif", _shots())
    assert [(s.t_start_s, s.t_end_s) for s in samples] == [(0, 0.8), (0.8, 1.4), (1.4, 2.6)]
    frames[0].save(tmp_path / "a.png")
    (still,), _ = collect(tmp_path / "a.png", _shots())
    assert still.t_start_s is None


def test_damage_anywhere_in_the_video_is_told(video: Path, tmp_path: Path) -> None:
    """All frames decide where the shots are, so a lost one makes the medium partial, whichever it is."""
    data = bytearray(video.read_bytes())
    with av.open(str(video)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        packet = next(
            p
            for p in packets
            if p.pts and p.pts * Fraction(p.time_base) > Fraction(22, 5) and not p.is_keyframe
        )
        at, size = packet.pos, packet.size
    data[at + 4 : at + size] = bytes(size - 4)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    samples, report = collect(broken, _shots())
    assert samples
    assert report.problems


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("clip-h264-bframes.mp4", [30, 76, 137, 187, 242]),
        ("clip-h264-bpyramid.mp4", [6]),
        ("clip-h264-mp3-film.mp4", []),
    ],
)
def test_the_cuts_of_real_clips_are_those_that_transnetv2_finds(
    shared_media: Path, name: str, cuts: list[int]
) -> None:
    """Street scenes, a drawn film and a silent one, against TransNetV2 at its threshold of 0.5."""
    samples, _ = collect(shared_media / "good" / name, _shots())
    every = ViewRequest(Sampling("every", fps=None, every=1), PixelSpec(8, 8))
    times = [s.t_s for s in collect(shared_media / "good" / name, every)[0]]
    assert [times.index(s.t_start_s) for s in samples[1:]] == cuts


@pytest.mark.parametrize("name", ["bad/truncated.gif", "bad/no-timescale.mp4"])
def test_what_is_lost_is_told_as_without_shots(shared_media: Path, name: str) -> None:
    """Also behind the last frame that is taken, and where times that fall need a survey first."""
    path = shared_media / name
    every = ViewRequest(Sampling("every", fps=None, every=1), PixelSpec(48, 64))
    samples, report = collect(path, _shots())
    assert samples
    _, whole = collect(path, every)
    assert (report.problems, report.frames_lost) == (whole.problems, whole.frames_lost)
