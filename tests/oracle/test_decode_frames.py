"""Pixels in exact mode against PNGs that the ffmpeg command wrote, and against Pillow's own transforms."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vifex.values import Box, PixelSpec, Sampling, ViewRequest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "media" / "made.py")))

# What the issue asks: of 255, mean and 99.9th percentile of the absolute difference.
MEAN, HIGH = 1.0, 4.0

# Images that differ from the ffmpeg command's by more, and why that is right.
EXCEPTIONS = {
    "photo-nature-polemonium-reptans.jpg": "libjpeg spreads chroma smoothly, ffmpeg repeats it: colour edges",
    "photo-progressive.jpg": "as above",
    "photo-lossy.webp": "libwebp spreads chroma smoothly, ffmpeg repeats it",
    "photo-gray.jpg": "its gray profile is applied here; ffmpeg takes no notice of it",
    "image-alpha.png": "its alpha lies over white here; ffmpeg drops it",
}


def _difference(mine: Any, reference: Path) -> tuple[float, float]:
    with Image.open(reference) as image:
        theirs = np.asarray(image.convert("RGB")).astype(int)
    apart = np.abs(np.asarray(mine).astype(int) - theirs)
    return float(apart.mean()), float(np.percentile(apart, 99.9))


def _references(shared_media: Path, kind: str) -> dict[str, list[dict[str, Any]]]:
    record = json.loads((shared_media / "reference" / "frames.json").read_text())["frames"]
    by_file: dict[str, list[dict[str, Any]]] = {}
    for entry in record:
        if (entry["kind"] == "video") == (kind == "video"):
            by_file.setdefault(entry["file"], []).append(entry)
    return by_file


@pytest.mark.shared
def test_video_frames_are_those_of_the_ffmpeg_command(shared_media: Path) -> None:
    """10 bits, full range, BT.709 and BT.601, odd sizes, interlaced, turned: no exceptions."""
    n = 0
    for file, entries in _references(shared_media, "video").items():
        width, height = entries[0]["png_size"]
        samples, _ = made.collect(shared_media / file, made.every(height=height, width=width))
        for entry in entries:
            sample = samples[entry["frame_index"]]
            assert sample.pts == entry["pts"], file
            mean, high = _difference(sample.pixels, shared_media / entry["png"])
            assert mean <= MEAN, (file, mean)
            assert high <= HIGH, (file, high)
            n += 1
    assert n == 30


@pytest.mark.shared
def test_images_are_those_of_the_ffmpeg_command_or_named(shared_media: Path) -> None:
    apart = set()
    for file, entries in _references(shared_media, "image").items():
        width, height = entries[0]["png_size"]
        (sample,), _ = made.collect(shared_media / file, made.every(height=height, width=width))
        mean, high = _difference(sample.pixels, shared_media / entries[0]["png"])
        if mean > MEAN or high > HIGH:
            apart.add(Path(file).name)
    assert apart == set(EXCEPTIONS)


@pytest.mark.shared
def test_exact_images_are_pillows_transform(shared_media: Path) -> None:
    """Shorter side to 128, then the centre: what torchvision's Resize and CenterCrop do on Pillow images."""
    path = shared_media / "good" / "photo-nature-tanners-ridge.jpg"
    spec = PixelSpec(112, 112, resize="shortest", resize_px=128, interpolation="bicubic", decode="exact")
    (sample,), _ = made.collect(path, ViewRequest(Sampling(), spec))
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    resized = rgb.resize((int(128 * rgb.width / rgb.height), 128), Image.Resampling.BICUBIC)
    left, top = round((resized.width - 112) / 2), 8
    np.testing.assert_array_equal(sample.pixels, np.asarray(resized.crop((left, top, left + 112, top + 112))))


@pytest.mark.shared
def test_boxes_are_cropped_from_the_upright_image(shared_media: Path) -> None:
    path = shared_media / "good" / "photo-exif-6.jpg"
    spec = PixelSpec(60, 80, decode="exact")
    box = Box(1500, 100, 1740, 280)
    (sample,), _ = made.collect(made.medium_of(path, boxes=(box,)), ViewRequest(Sampling(), spec))
    with Image.open(path) as image:
        upright = image.transpose(Image.Transpose.ROTATE_270).convert("RGB")
    expected = upright.crop((1500, 100, 1740, 280)).resize((80, 60), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(sample.pixels, np.asarray(expected))
    assert sample.box == box


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [
        "clip-h264-rot-90.mov",
        "clip-h264-rot-180.mov",
        "clip-h264-bpyramid.mp4",
        "clip-h264-10bit.mp4",
        "clip-mpeg2-interlaced.ts",
        "clip-hevc-phone-rot.mov",
        "photo-exif-7.jpg",
        "photo-display-p3.jpg",
        "photo-cmyk.jpg",
        "photo-alpha.webp",
        "photo-palette.tif",
        "photo-12mp-progressive.jpg",
    ],
)
@pytest.mark.parametrize("resize", ["stretch", "shortest"])
def test_fast_looks_like_exact(shared_media: Path, name: str, resize: Any) -> None:
    """Fast promises no equal pixels, but the same image: turned, cropped and coloured alike."""
    more = {"resize": resize, "resize_px": 110 if resize == "shortest" else None}
    requests = [
        ViewRequest(Sampling(sampler="every", every=50), PixelSpec(96, 72, decode=decode, **more))
        for decode in ("fast", "exact")
    ]
    boxes = (Box(20, 10, 180, 170),) if "10bit" in name else ()
    samples, _ = made.collect(made.medium_of(shared_media / "good" / name, boxes=boxes), *requests)
    fast = [s.pixels for s in samples if s.request == 0]
    exact = [s.pixels for s in samples if s.request == 1]
    assert len(fast) == len(exact) >= 1
    for a, b in zip(fast, exact, strict=True):
        # Edges move by up to half a pixel of a draft or crop, most in the 10-bit test card, which has
        # little else; a wrong turn or matrix gives 20 and more.
        assert np.abs(a.astype(int) - b.astype(int)).mean() < 8, name
