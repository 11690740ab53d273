"""Clips that are cut from sources: their frames are those of the source, from the frame that is told."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from vifex import InputError, Moment
from vifex.media.read import thumbnail
from vifex.search.hits import Hit
from vifex.search.timelines.cutting import cut_moments
from vifex.search.timelines.export import export_moments
from vifex.values.media import path_to_uri


def moment(path: Path, start_s: float | None, end_s: float | None, rank: int = 1) -> Moment:
    uri, times = path_to_uri(path), (start_s, start_s, end_s)
    best = Hit(rank, 0.9, "a:1", "a", uri, path.name, 1, None, None, None, *times, None, None, None)
    return Moment(rank, 0.9, start_s, end_s, 2, best)


def frames(path: Path, until_s: float = 1e9) -> tuple[np.ndarray, list[float]]:
    """All frames up to a time, and their times from the start of the file."""
    with av.open(str(path)) as container:
        start = (container.start_time or 0) / 1_000_000
        shown = itertools.takewhile(lambda f: f.time - start < until_s, container.decode(video=0))
        found = [(f.to_ndarray(format="gray"), float(f.time) - start) for f in shown]
    return np.stack([f for f, _ in found]), [t for _, t in found]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of noise at 25 frames a second with a keyframe each 30 frames, B-frames and sound."""
    path = tmp_path_factory.mktemp("cut") / "a film.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"g": "30", "bf": "2", "sc_threshold": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=16000)
        for number in range(150):
            pixels = rng.integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            tone = np.sin(np.arange(640) * (0.05 + number / 1000)).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
            frame.sample_rate, frame.pts = 16000, number * 640
            container.mux(sound.encode(frame))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path


def test_a_copied_clip_begins_at_the_keyframe_before(source: Path, tmp_path: Path) -> None:
    """Keyframes are at 0, 1.2, 2.4, 3.6 and 4.8 s. The frames are those of the source, to the bit."""
    (cut,), problems = cut_moments(tmp_path / "clips", [moment(source, 3.0, 4.0)])
    assert (cut.start_s, cut.asked_start_s, cut.is_exact, problems) == (2.4, 3.0, False, [])
    assert cut.path.name == "001-a-film-00m03.00s.mp4"
    clip, times = frames(cut.path)
    wanted, _ = frames(source)
    assert np.array_equal(clip[:40], wanted[60:100])
    assert 4.0 <= cut.end_s <= 4.0 + 3 / 25
    assert len(clip) == round((cut.end_s - cut.start_s) * 25)
    assert times[0] == pytest.approx(0, abs=0.05)
    with av.open(str(cut.path)) as container:
        assert container.streams.audio[0].duration * container.streams.audio[0].time_base > 1.5


def test_an_exact_clip_has_the_frames_of_its_moment(source: Path, tmp_path: Path) -> None:
    (cut,), problems = cut_moments(tmp_path, [moment(source, 3.0, 4.0)], exact=True)
    assert (cut.start_s, cut.end_s, cut.is_exact, problems) == (3.0, 4.0, True, [])
    clip, _ = frames(cut.path)
    wanted = frames(source)[0][75:100]
    assert clip.shape == wanted.shape
    errors = np.abs(clip.astype(float) - wanted).mean(axis=(1, 2))
    shifted = np.abs(clip.astype(float) - frames(source)[0][76:101]).mean(axis=(1, 2))
    assert errors.max() < 4 < 20 < shifted.min()
    with av.open(str(cut.path)) as container:
        sound = container.streams.audio[0]
        assert float(sound.duration * sound.time_base) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("name", "start_s"),
    [
        ("clip-h264-bframes.mp4", 4.0),
        ("clip-h264-hls-start-10s.ts", 5.0),
        ("clip-hevc.ts", 0.3),
        ("clip-h263.3gp", 2.0),
        ("clip-h264-in-avi.avi", 3.0),
        ("clip-vp9-opus.webm", 0.5),
        ("clip-mpeg2.mxf", 0.2),
        ("clip-h264-start-10s.mp4", 1.5),
        ("clip-av1.mkv", 2.0),
        ("clip-prores.mov", 0.1),
    ],
)
def test_clips_of_real_files_have_their_frames(
    shared_media: Path, tmp_path: Path, name: str, start_s: float
) -> None:
    path = shared_media / "good" / name
    (cut,), problems = cut_moments(tmp_path, [moment(path, start_s, start_s + 0.5)])
    assert problems == []
    assert cut.start_s <= start_s + 0.001
    clip, _ = frames(cut.path)
    wanted, times = frames(path, cut.start_s + 0.2)
    first = int(np.argmin(np.abs(np.array(times) - cut.start_s)))
    assert len(clip) >= 2
    assert np.array_equal(clip[0], wanted[first])
    assert np.array_equal(clip[1], wanted[first + 1])


@pytest.mark.parametrize("degrees", ["90", "180"])
def test_an_exact_clip_is_upright(shared_media: Path, tmp_path: Path, degrees: str) -> None:
    """A copied clip keeps the display matrix of its stream; frames that are encoded are turned."""
    path = shared_media / "good" / f"clip-h264-rot-{degrees}.mov"
    for exact in (False, True):
        (one,), _ = cut_moments(tmp_path, [moment(path, 0.0, 0.1)], exact=exact, overwrite=True)
        shown = [thumbnail(path_to_uri(p), 0.0, None, 10_000).convert("L") for p in (path, one.path)]
        assert shown[0].size == shown[1].size
        errors = np.abs(np.asarray(shown[0], float) - np.asarray(shown[1], float))
        assert errors.mean() < 3


def test_images_and_media_that_are_gone_are_told(source: Path, tmp_path: Path) -> None:
    gone, image = moment(tmp_path / "gone.mp4", 1.0, 2.0), moment(tmp_path / "a.jpg", None, None)
    cuts, problems = cut_moments(tmp_path / "clips", [gone, image, moment(source, 0.0, 0.5, rank=3)])
    assert [cut.rank for cut in cuts] == [3]
    assert cuts[0].path.name.startswith("003-")
    assert len(problems) == 2
    assert problems[0].startswith("gone.mp4: ")
    assert "no times" in problems[1]
    for suffix in ("edl", "otio"):
        notes = export_moments(tmp_path / f"a.{suffix}", [gone, image, moment(source, 0, 1)], title="x")
        assert len(notes) == 2
    assert export_moments(tmp_path / "a.csv", [gone, image], title="x") == []
    assert (tmp_path / "a.csv").read_text().splitlines()[1].startswith("1,0.9,gone.mp4,file:///")


def test_files_are_not_replaced_and_stores_not_touched(
    source: Path, plain_store: Path, tmp_path: Path
) -> None:
    one = [moment(source, 1.0, 1.5)]
    cut_moments(tmp_path, one)
    with pytest.raises(InputError, match="exists already"):
        cut_moments(tmp_path, one)
    cut_moments(tmp_path, one, overwrite=True)
    with pytest.raises(InputError, match="inside a store"):
        cut_moments(plain_store / "clips", one)
    with pytest.raises(InputError, match="this is a file"):
        cut_moments(source, one)
    with pytest.raises(InputError, match="names no format"):
        export_moments(tmp_path / "a.xml", one, title="x")
