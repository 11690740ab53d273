"""`read`: limits, boxes, requests that find nothing, files that change, and names that FFmpeg could read."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from vifex.media.read import read
from vifex.values import Box, Limits, MediaError, Medium, PixelSpec, Sampling, Span, ViewRequest
from vifex.values.media import path_to_uri

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "made.py")))

SPEC = PixelSpec(64, 128, decode="exact")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path: Path = made.write_video(tmp_path / "v.mp4", [100 * i for i in range(40)], b_frames=2)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "p.png"
    Image.fromarray(made.numbered(77)).save(path)
    return path


def _numbers(samples: list[Any]) -> list[int]:
    return [made.number_of(s.pixels) for s in samples]


def test_an_image_answers_every_request_once(image: Path) -> None:
    requests = [
        ViewRequest(Sampling(), SPEC),
        ViewRequest(Sampling(sampler="uniform", uniform=9), PixelSpec(20, 40)),
    ]
    samples, seen = made.collect(image, *requests)
    assert [(s.request, s.ordinal, s.pixels.shape) for s in samples] == [
        (0, 0, (64, 128, 3)),
        (1, 0, (20, 40, 3)),
    ]
    assert _numbers(samples) == [77, 77]
    assert (seen.kind, seen.problems, seen.notes) == ("image", (), ())


def test_one_decoding_serves_every_request(video: Path) -> None:
    requests = [ViewRequest(Sampling(), SPEC), made.every(10), made.every(10, decode="fast")]
    samples, _ = made.collect(video, *requests)
    by_request = [[s for s in samples if s.request == w] for w in range(3)]
    assert [_numbers(s) for s in by_request] == [[0, 10, 20, 30]] * 3
    assert all([s.ordinal for s in each] == [0, 1, 2, 3] for each in by_request)
    assert [s.t_s for s in samples] == sorted(s.t_s for s in samples)


def test_spans_of_the_manifest_and_of_the_command_line_are_shared_parts(video: Path) -> None:
    medium = made.medium_of(video, span=Span(1.0, 3.0))
    request = ViewRequest(Sampling(fps=2, t_start_s=1.5), SPEC)
    samples, _ = made.collect(medium, request)
    assert _numbers(samples) == [15, 20, 25]


def test_decoding_stops_where_nobody_looks_any_more(video: Path) -> None:
    _, seen = made.collect(made.medium_of(video, span=Span(0.0, 0.5)))
    assert seen.frames_seen < 10


def test_boxes_give_a_sample_each(video: Path) -> None:
    left, right = Box(0, 0, 64, 64), Box(64, 0, 200, 64)
    medium = made.medium_of(video, boxes=(left, right))
    samples, seen = made.collect(medium, ViewRequest(Sampling(), PixelSpec(8, 8, decode="exact")))
    assert [(s.ordinal, s.frame_index, s.box) for s in samples[:3]] == [
        (0, 0, left),
        (1, 0, Box(64, 0, 128, 64)),
        (2, 10, left),
    ]
    assert len(samples) == 8
    assert seen.problems == ()


def test_a_box_outside_is_said_and_the_others_are_taken(image: Path) -> None:
    medium = made.medium_of(image, boxes=(Box(0, 0, 10, 10), Box(500, 0, 600, 10)))
    samples, seen = made.collect(medium)
    assert len(samples) == 1
    assert seen.problems == ("The box 500,0,600,10 lies outside the image of 128 x 64 pixels.",)
    with pytest.raises(MediaError, match="the box 500,0,600,10 lies outside"):
        made.collect(made.medium_of(image, boxes=(Box(500, 0, 600, 10),)))


@pytest.mark.parametrize("decode", ["fast", "exact"])
def test_pixels_are_fresh_contiguous_and_of_the_requests_size(video: Path, decode: str) -> None:
    samples, _ = made.collect(video, made.every(20, height=30, width=50, decode=decode))
    for sample in samples:
        assert sample.pixels.dtype == np.uint8
        assert sample.pixels.shape == (30, 50, 3)
        assert sample.pixels.flags.c_contiguous
    before = samples[0].pixels.copy()
    samples[1].pixels[:] = 0
    np.testing.assert_array_equal(samples[0].pixels, before)


def test_a_clip_that_does_not_fit_ends_in_words(video: Path) -> None:
    clip = ViewRequest(Sampling(sampler="clip", clip_length=64, frame_step=1), SPEC)
    with pytest.raises(MediaError, match=r"40 frames do not fill one clip of 64 frames.*`tail=\"pad\"`"):
        made.collect(video, clip)
    samples, seen = made.collect(video, made.every(10), clip)
    assert {s.request for s in samples} == {0}
    assert [number for number, _ in seen.empty] == [1]
    assert "40 frames do not fill" in seen.empty[0][1]


def test_a_part_behind_the_end_ends_in_words(video: Path) -> None:
    with pytest.raises(MediaError, match=r"no frame from 60 s to its end; the video ends at 4\.0"):
        made.collect(video, ViewRequest(Sampling(t_start_s=60.0), SPEC))


def test_a_limit_of_frames_makes_it_partial(video: Path) -> None:
    samples, seen = made.collect(video, limits=Limits(decoded_frames=7))
    assert len(samples) == 7
    assert seen.problems == ("Only the first 7 frames were decoded, as the limit says.",)


def test_a_limit_of_pixels_is_kept_for_videos_and_images(video: Path, image: Path) -> None:
    for path in (video, image):
        with pytest.raises(MediaError, match=r"pixels.* limit .*8,000 pixels.*Raise the limit"):
            made.collect(path, limits=Limits(max_pixels=8000))


def test_progress_is_shown_often(video: Path) -> None:
    calls = 0

    def progress() -> None:
        nonlocal calls
        calls += 1

    list(read(made.medium_of(video), [made.every(40)], Limits(), progress=progress))
    assert calls >= 40


def test_a_file_that_changed_since_it_was_found_is_refused(image: Path) -> None:
    medium = made.medium_of(image)
    image.write_bytes(image.read_bytes() + b"more")
    with pytest.raises(MediaError, match="the file changed since it was found"):
        made.collect(medium)


def test_a_file_that_changes_while_it_is_read_is_refused_at_the_end(video: Path) -> None:
    reading = read(made.medium_of(video), [made.every(1)], Limits())
    next(reading)
    with video.open("ab") as file:
        file.write(b"more")
    with pytest.raises(MediaError, match="the file changed while it was read"):
        list(reading)


def test_a_file_that_is_replaced_while_it_is_read_is_refused(video: Path, tmp_path: Path) -> None:
    reading = read(made.medium_of(video), [made.every(1)], Limits())
    next(reading)
    copy = tmp_path / "copy"
    copy.write_bytes(video.read_bytes())
    copy.replace(video)
    with pytest.raises(MediaError, match="the file changed while it was read"):
        list(reading)


def test_absent_empty_and_odd_files_are_named(tmp_path: Path) -> None:
    absent = Medium(path_to_uri(tmp_path / "no.mp4"), "no.mp4", "video", 5, 5)
    with pytest.raises(MediaError, match=r"no\.mp4: the file cannot be opened: No such file"):
        made.collect(absent)
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(MediaError, match="empty \\(0 bytes\\)"):
        made.collect(tmp_path / "empty.jpg")
    with pytest.raises(MediaError, match="addresses of this kind cannot be read"):
        made.collect(Medium("rtmp://host/v.mp4", "v.mp4", "video", 5, 5))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.mp4")
    with pytest.raises(MediaError, match="not a regular file"):
        made.collect(tmp_path / "f.mp4")


@pytest.mark.skipif(sys.platform != "linux", reason="such names are not possible everywhere")
@pytest.mark.parametrize(
    "name",
    [
        b"concat:a|b.mp4",
        b"file:x.mp4",
        b"pipe:0",
        b"http:__host.mp4",
        b"%03d.mp4",
        b"new\nline.mp4",
        b"back\\slash.mp4",
        b"-dash.mp4",
        b"dot.mp4. ",
        b"bytes-\xff\xfe.mp4",
        "e\u0301.mp4".encode(),
        b"glob*[a]?.mp4",
    ],
)
def test_a_name_means_nothing(tmp_path: Path, video: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118 - bytes
    Path(os.fsdecode(path)).write_bytes(video.read_bytes())
    samples, _ = made.collect(made.medium_of(os.fsdecode(path)), made.every(20))
    assert _numbers(samples) == [0, 20]


def test_the_settings_of_libraries_are_put_back(image: Path, video: Path) -> None:
    import av.logging

    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, av.logging.get_level()
    made.collect(image)
    made.collect(video)
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, av.logging.get_level()) == before


def test_a_reader_that_is_dropped_lets_go_of_the_file(video: Path) -> None:
    def open_files() -> Iterator[str]:
        for entry in Path("/proc/self/fd").iterdir():
            try:
                yield str(entry.readlink())
            except OSError:  # the listing's own
                continue

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("open files cannot be listed here")
    reading = read(made.medium_of(video), [made.every(1)], Limits())
    next(reading)
    assert str(video) in set(open_files())
    reading.close()
    assert str(video) not in set(open_files())


def test_pixel_aspect_makes_the_image_wider(tmp_path: Path) -> None:
    from fractions import Fraction

    path = made.write_video(tmp_path / "wide.mkv", [0, 40, 80], pixel_aspect=Fraction(3, 2))
    samples, seen = made.collect(path, made.every(1, height=64, width=192))
    assert (seen.width_px, seen.height_px) == (192, 64)
    assert _numbers(samples) == [0, 1, 2]
    square = ViewRequest(Sampling(), PixelSpec(64, 64, resize="shortest", resize_px=64, decode="exact"))
    (cropped,), _ = made.collect(path, square)
    assert cropped.pixels.shape == (64, 64, 3)
