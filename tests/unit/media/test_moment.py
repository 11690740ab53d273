"""`frame_at` and `thumbnail`: the frame that a player shows, found fast and exactly."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vifex.media.read import Skip, frame_at, thumbnail, thumbnails
from vifex.values import Box, Limits, MediaError, PixelSpec
from vifex.values.media import path_to_uri

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "made.py")))

SPEC = PixelSpec(64, 128, decode="exact")
TICKS = [5000 + 100 * i for i in range(200)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("moments")
    for name in ("v.mp4", "v.mkv", "v.ts"):
        made.write_video(path / name, TICKS, b_frames=2)
    made.write_video(path / "v.avi", list(range(200)), time_base=made.Fraction(1, 10), b_frames=2)
    return path


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts"])
@pytest.mark.parametrize("t_s", [0.0, 0.35, 3.0, 4.0, 9.99, 10.0, 12.05, 17.9, 19.9])
def test_the_frame_on_screen_is_given(folder: Path, name: str, t_s: float) -> None:
    sample = frame_at(folder / name, t_s, SPEC, Limits())
    assert made.number_of(sample.pixels) == int(t_s * 10 + 1e-9)
    assert sample.t_s is not None
    assert sample.t_end_s is not None
    assert sample.t_s <= t_s < sample.t_end_s


def test_avi_is_counted_from_the_start(folder: Path) -> None:
    """Its pts begin at tick 1 after the reordering, so that 12.05 s is frame 119."""
    sample = frame_at(folder / "v.avi", 12.05, SPEC, Limits())
    assert made.number_of(sample.pixels) == sample.frame_index == 119


def test_a_sought_frame_is_the_same_as_a_counted_one(folder: Path) -> None:
    samples, _ = made.collect(folder / "v.mp4")
    sought = frame_at(path_to_uri(folder / "v.mp4"), 15.55, SPEC, Limits())
    counted = samples[155]
    assert (sought.pts, sought.t_s, sought.t_end_s) == (counted.pts, counted.t_s, counted.t_end_s)
    np.testing.assert_array_equal(sought.pixels, counted.pixels)


@pytest.mark.shared
def test_sought_frames_are_the_counted_ones_in_real_videos(shared_media: Path) -> None:
    for name in ("clip-h264-bframes.mp4", "clip-h264-hls-start-10s.ts", "clip-msmpeg4.asf", "clip-mpeg2.mxf"):
        path = shared_media / "good" / name
        samples, seen = made.collect(path, made.every(height=32, width=32))
        for wanted in samples[len(samples) // 2 :: 37]:
            middle = (wanted.t_s + wanted.t_end_s) / 2
            found = frame_at(path, middle, PixelSpec(32, 32, decode="exact"), Limits())
            assert found.pts == wanted.pts, (name, wanted.t_s)
            np.testing.assert_array_equal(found.pixels, wanted.pixels)
        assert seen.problems == ()


def test_a_time_behind_the_end_is_said(folder: Path) -> None:
    with pytest.raises(MediaError, match=r"no frame at 25 s: the video ends at (19|20)\.\d+ s"):
        frame_at(folder / "v.mkv", 25.0, SPEC, Limits())


def test_images_have_no_time(tmp_path: Path) -> None:
    Image.fromarray(made.numbered(9)).save(tmp_path / "p.png")
    sample = frame_at(tmp_path / "p.png", 12.0, SPEC, Limits())
    assert made.number_of(sample.pixels) == 9
    assert sample.t_s is sample.pts is sample.frame_index is None


@pytest.mark.shared
@pytest.mark.parametrize("decode", ["fast", "exact"])
def test_a_query_has_the_pixels_of_the_stored_row(shared_media: Path, decode: Any) -> None:
    """A JPEG scaled in the DCT domain for one and not for the other would make two features of one file."""
    for name in ("photo-display-p3.jpg", "photo-exif-6.jpg", "image-alpha.png", "clip-h264-rot-90.mov"):
        path = shared_media / "good" / name
        request = made.every(1, height=96, width=96, decode=decode)
        (stored, *_), _ = made.collect(path, request)
        np.testing.assert_array_equal(frame_at(path, 0.0, request.pixels, Limits()).pixels, stored.pixels)


@pytest.mark.shared
def test_animations_and_sounds(shared_media: Path) -> None:
    good = shared_media / "good"
    sample = frame_at(good / "anim-iss634.webp", 1.0, PixelSpec(8, 8), Limits())
    assert sample.frame_index is not None
    with pytest.raises(Skip) as caught:
        frame_at(good / "sound-mp3.mp3", 1.0, PixelSpec(8, 8), Limits())
    assert caught.value.reason == "no video stream"


def test_thumbnails_keep_aspect_and_are_not_enlarged(folder: Path, tmp_path: Path) -> None:
    small = thumbnail(path_to_uri(folder / "v.mp4"), 3.3, None, 64)
    assert (small.mode, small.size) == ("RGB", (64, 32))
    assert made.number_of(np.asarray(small)) == 33
    assert thumbnail(folder / "v.mp4", None, None, 1000).size == (128, 64)
    assert thumbnail(folder / "v.mp4", 1.0, Box(0, 0, 32, 64), 32).size == (16, 32)
    Image.new("RGBA", (50, 100), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    clear = thumbnail(tmp_path / "clear.png", None, None, 10)
    assert clear.size == (5, 10)
    assert clear.getpixel((2, 2)) == (255, 255, 255)


def test_a_thumbnail_of_a_box_outside_is_refused(folder: Path) -> None:
    with pytest.raises(MediaError, match="lies outside"):
        thumbnail(folder / "v.mp4", 0.0, Box(500, 0, 600, 50), 32)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts", "v.avi"])
def test_several_thumbnails_are_those_of_single_ones(folder: Path, name: str) -> None:
    """Two near the start, a run after a gap, one time twice, a box, a box outside, and one behind the end."""
    times = [0.0, 0.35, 12.05, 12.05, 13.0, 17.9, 18.0, 500.0]
    boxes = [None, None, None, Box(0, 0, 40, 40), None, None, Box(900, 900, 950, 950), None]
    found = list(thumbnails(folder / name, list(zip(times, boxes, strict=True)), 64))
    assert [image is None for image in found] == [False] * 6 + [True] * 2
    for image, t_s, box in zip(found[:6], times, boxes, strict=False):
        np.testing.assert_array_equal(image, thumbnail(folder / name, t_s, box, 64))  # type: ignore[arg-type]


@pytest.mark.shared
def test_several_thumbnails_of_real_media(shared_media: Path) -> None:
    names = ("clip-h264-bframes.mp4", "clip-h264-hls-start-10s.ts", "clip-msmpeg4.asf", "anim-iss634.gif")
    for name in names:
        times = [0.1, 0.5, 1.0, 1.5]
        found = list(thumbnails(shared_media / "good" / name, [(t, None) for t in times], 96))
        for image, t_s in zip(found, times, strict=True):
            alone = thumbnail(shared_media / "good" / name, t_s, None, 96)
            np.testing.assert_array_equal(image, alone)  # type: ignore[arg-type]
