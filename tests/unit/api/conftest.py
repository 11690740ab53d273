"""A small folder of images and a short video, and stores made of them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import vifex


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images `a.png`, `b.png`, `c.png`, and `clip.mp4` of 24 frames at 8 per second."""
    folder = tmp_path_factory.mktemp("api") / "media"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in "abc":
        pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    with av.open(str(folder / "clip.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        stream.time_base = Fraction(1, 8)
        for i in range(24):
            pixels = np.full((96, 96, 3), 10 * i, np.uint8)
            pixels[: 4 * i] = 255
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return folder


@pytest.fixture(scope="session")
def store_path(media: Path) -> Path:
    """A store with one view `main` of the layer `embedding`, two samples per second of video."""
    path = media.parent / "one.vifex"
    vifex.extract(media, path, fps=2, workers=1)
    return path


@pytest.fixture
def store(store_path: Path) -> Iterator[vifex.Store]:
    with vifex.open(store_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def two_views(media: Path) -> Path:
    """A store with the views `first` and `second`, and `fused` made of both."""
    path = media.parent / "two.vifex"
    views: dict[str, vifex.ViewOptions] = {"first": {"fps": 1}, "second": {"fps": 1, "layers": ["stages.3"]}}
    vifex.extract(media, path, views=views, workers=1)
    vifex.fuse(path, ["first", "second"])
    return path
