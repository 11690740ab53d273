"""Streams of images, told from single images with something behind them."""

from __future__ import annotations

import io
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vifex.media.decode.files.source import open_uri
from vifex.media.decode.timing.image_stream import image_stream
from vifex.media.read import frame_at
from vifex.values import Limits, PixelSpec

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "made.py")))

SPEC = PixelSpec(64, 128, decode="exact")
FORMATS = {
    "mjpeg": {"format": "JPEG", "quality": 95},
    "progressive": {"format": "JPEG", "quality": 95, "progressive": True},
    "png": {"format": "PNG"},
    "j2k": {"format": "JPEG2000", "no_jp2": True},
    "jp2": {"format": "JPEG2000"},
    "bmp": {"format": "BMP"},
    "ppm": {"format": "PPM"},
    "webp": {"format": "WEBP", "lossless": True},
    "qoi": {"format": "QOI"},
}


def _image(number: int, size: tuple[int, int] = (128, 64), **how: Any) -> bytes:
    target = io.BytesIO()
    Image.fromarray(made.numbered(number, *size)).save(target, **how)
    return target.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("n", [2, 12])
def test_a_stream_of_images_is_a_video(kind: str, n: int, tmp_path: Path) -> None:
    path = tmp_path / "stream.bin"
    path.write_bytes(b"".join(_image(i, **FORMATS[kind]) for i in range(n)))
    samples, seen = made.collect(path, made.every(assume_fps=10.0))
    assert seen.kind == "video"
    assert [made.number_of(s.pixels) for s in samples] == list(range(n))
    assert [s.t_s for s in samples] == pytest.approx([i / 10 for i in range(n)])
    assert samples[-1].t_end_s == pytest.approx(n / 10)
    assert (seen.problems, seen.notes) == ((), ())
    found = frame_at(path, (n - 0.5) / 10, SPEC, Limits(), assume_fps=10.0)
    np.testing.assert_array_equal(found.pixels, samples[-1].pixels)
    samples, seen = made.collect(path)
    assert [s.t_s for s in samples] == pytest.approx([i / 25 for i in range(n)])
    assert "computed at FFmpeg's 25 frames per second" in seen.notes[0]


def test_padding_between_jpegs_as_in_avi(tmp_path: Path) -> None:
    path = tmp_path / "stream.mjpeg"
    path.write_bytes(b"".join(_image(i, **FORMATS["mjpeg"]) + b"\0" * (i % 3) for i in range(9)))
    samples, _ = made.collect(path)
    assert [made.number_of(s.pixels) for s in samples] == list(range(9))


@pytest.mark.parametrize("between", [b"\r\n", b"\n", b"\xff\xff", b"\0\r\n"])
def test_line_ends_between_jpegs_as_cameras_send_them(between: bytes, tmp_path: Path) -> None:
    path = tmp_path / "stream.bin"
    path.write_bytes(between.join(_image(i, **FORMATS["mjpeg"]) for i in range(5)))
    samples, _ = made.collect(path)
    assert [made.number_of(s.pixels) for s in samples] == list(range(5))


@pytest.mark.parametrize("name", ["stream.mjpeg", "STREAM.MJPG"])
@pytest.mark.parametrize("place", [1, 2, 4])
def test_the_size_may_change_in_what_is_named_a_stream(name: str, place: int, tmp_path: Path) -> None:
    """Of other names a smaller second JPEG is a preview; see below."""
    path = tmp_path / name
    sizes = [(64, 32) if i == place else (128, 64) for i in range(5)]
    path.write_bytes(b"".join(_image(i, size, **FORMATS["mjpeg"]) for i, size in enumerate(sizes)))
    samples, seen = made.collect(path)
    assert seen.kind == "video"
    assert [made.number_of(s.pixels) for s in samples] == list(range(5))


@pytest.mark.parametrize(
    ("what", "make"),
    [
        ("alone", lambda jpeg: jpeg(0)),
        ("bytes behind it", lambda jpeg: jpeg(0) + b"SEFT" + bytes(300)),
        ("a film behind it", lambda jpeg: jpeg(0) + b"\0\0\0\x18ftypmp42" + bytes(400)),
        ("a smaller image behind it", lambda jpeg: jpeg(0) + jpeg(1, (64, 32))),
        ("a gap before the second", lambda jpeg: jpeg(0) + b"some words between" + jpeg(1)),
        ("half a JPEG behind it", lambda jpeg: jpeg(0) + jpeg(1)[:80]),
        ("a thumbnail inside", lambda jpeg: _with_segment(jpeg(0), b"Exif\0\0" + jpeg(1))),
        ("marks of a gain map", lambda jpeg: _with_segment(jpeg(0), b"xmp hdrgm:Version='1.0'") + jpeg(1)),
        ("marks of a depth map", lambda jpeg: _with_segment(jpeg(0), b"<Container:Directory>") + jpeg(1)),
        ("marks of an MPO", lambda jpeg: _with_segment(jpeg(0), b"MPF\0", 0xE2) + jpeg(1)),
    ],
)
def test_one_jpeg_with_something_behind_it_is_an_image(
    what: str, make: Callable[[Callable[..., bytes]], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(make(lambda number, size=(128, 64): _image(number, size, **FORMATS["mjpeg"])))
    samples, seen = made.collect(path)
    assert seen.kind == "image", what
    assert [made.number_of(s.pixels) for s in samples] == [0]


def _with_segment(jpeg: bytes, data: bytes, kind: int = 0xE1) -> bytes:
    return jpeg[:2] + bytes([0xFF, kind]) + (len(data) + 2).to_bytes(2, "big") + data + jpeg[2:]


def test_an_mpo_of_pillow_is_an_image(tmp_path: Path) -> None:
    images = [Image.fromarray(made.numbered(i)) for i in range(3)]
    path = tmp_path / "several.mpo"
    images[0].save(path, format="MPO", save_all=True, append_images=images[1:])
    _, seen = made.collect(path)
    assert seen.kind == "image"


@pytest.mark.shared
def test_no_shared_image_is_taken_for_a_stream(shared_media: Path) -> None:
    files = [p for p in shared_media.glob("*/*") if p.is_file() and p.stat().st_size]
    assert len(files) > 200
    for path in files:
        with open_uri(path) as file:
            assert image_stream(file) is None, path.name


@pytest.mark.shared
def test_the_case_of_a_raw_stream(shared_cases: Path) -> None:
    samples, seen = made.collect(shared_cases / "10-stream.mjpeg", made.every(assume_fps=10.0))
    assert len(samples) == 40
    assert samples[-1].t_s == pytest.approx(3.9)
    assert seen.kind == "video"
