"""What one view stores does not depend on which other views are made in the same run."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from vifex.media.read import read
from vifex.values import Limits, Medium, PixelSpec, Sample, Sampling, ViewRequest
from vifex.values.media import path_to_uri

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "made.py")))

REQUESTS = (
    ViewRequest(Sampling(), PixelSpec(96, 96)),
    ViewRequest(Sampling(fps=3.0), PixelSpec(224, 224, "shortest", 256, "bicubic")),
    ViewRequest(Sampling("clip", fps=None, clip_length=4, frame_step=2), PixelSpec(64, 48)),
    ViewRequest(Sampling(), PixelSpec(112, 112, decode="exact")),
    ViewRequest(Sampling("every", fps=None, every=3), PixelSpec(96, 96)),
    ViewRequest(Sampling(), PixelSpec(112, 112, decode="exact", background=(0, 0, 0))),
)
FILES = (
    "photo-12mp-exif-6-srgb.jpg",
    "photo-nature-tanners-ridge.jpg",
    "photo-cmyk.jpg",
    "photo-alpha.webp",
    "anim-iss634.gif",
    "clip-vp9.webm",
    "clip-hevc-phone-rot.mov",
    "clip-h264-in-avi.avi",
    "clip-h264-start-10s.mp4",
)


def samples(path: Path, requests: Sequence[ViewRequest]) -> list[list[Sample]]:
    status = path.stat()
    medium = Medium(path_to_uri(path), path.name, "unknown", status.st_size, status.st_mtime_ns)
    found: list[list[Sample]] = [[] for _ in requests]
    for sample in read(medium, requests, Limits()):
        found[sample.request].append(sample)
    return found


@pytest.mark.shared
@pytest.mark.parametrize("name", FILES)
def test_requests_are_met_as_if_each_were_alone(name: str, shared_media: Path) -> None:
    check_apart(shared_media / "good" / name)


def test_a_film_with_alpha_lies_over_each_requests_own_background(tmp_path: Path) -> None:
    path = tmp_path / "alpha.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=10, width=32, height=24, pix_fmt="rgba")
        for level in range(0, 240, 12):
            rgba = np.full((24, 32, 4), level, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, "rgba")))
        container.mux(stream.encode(None))
    check_apart(path)
    over_white, over_black = (samples(path, [REQUESTS[n]])[0][0].pixels for n in (3, 5))
    assert over_white.min() == 255
    assert over_black.max() == 0


def test_requests_for_the_same_pixels_of_a_frame_share_them(tmp_path: Path) -> None:
    film = made.write_video(tmp_path / "film.mp4", range(0, 1000, 100))
    image = tmp_path / "image.png"
    Image.new("RGB", (40, 30), "teal").save(image)
    for path in (film, image):
        first, *others = samples(path, [ViewRequest(Sampling(), PixelSpec(16, 16))] * 2 + [REQUESTS[0]])
        assert first[0].pixels is others[0][0].pixels
        assert not first[0].pixels.flags.writeable
        assert others[1][0].pixels.shape == (96, 96, 3)


def check_apart(path: Path) -> None:
    """Compare what all requests get together with what each gets by itself."""
    name = path.name
    together = samples(path, REQUESTS)
    for number, request in enumerate(REQUESTS):
        if name.startswith("photo") and request.sampling.sampler == "clip":
            continue  # an image has no clip
        (alone,) = samples(path, [request])
        assert len(alone) == len(together[number]) > 0
        for one, other in zip(alone, together[number], strict=True):
            assert (one.ordinal, one.pts, one.t_s, one.t_end_s) == (
                other.ordinal,
                other.pts,
                other.t_s,
                other.t_end_s,
            )
            np.testing.assert_array_equal(one.pixels, other.pixels)
