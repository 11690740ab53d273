"""What one view stores does not depend on which other views are made in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vifex.media.read import read
from vifex.values import Limits, Medium, PixelSpec, Sample, Sampling, Wish
from vifex.values.media import path_to_uri

WISHES = (
    Wish(Sampling(), PixelSpec(96, 96)),
    Wish(Sampling(fps=3.0), PixelSpec(224, 224, "shortest", 256, "bicubic")),
    Wish(Sampling("clip", fps=None, clip_length=4, frame_step=2), PixelSpec(64, 48)),
    Wish(Sampling(), PixelSpec(112, 112, decode="exact")),
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


def samples(path: Path, wishes: Sequence[Wish]) -> list[list[Sample]]:
    status = path.stat()
    medium = Medium(path_to_uri(path), path.name, "unknown", status.st_size, status.st_mtime_ns)
    found: list[list[Sample]] = [[] for _ in wishes]
    for sample in read(medium, wishes, Limits()):
        found[sample.wish].append(sample)
    return found


@pytest.mark.shared
@pytest.mark.parametrize("name", FILES)
def test_wishes_are_met_as_if_each_were_alone(name: str, shared_media: Path) -> None:
    path = shared_media / "good" / name
    together = samples(path, WISHES)
    for number, wish in enumerate(WISHES):
        if name.startswith("photo") and wish.sampling.sampler == "clip":
            continue  # a picture has no clip
        (alone,) = samples(path, [wish])
        assert len(alone) == len(together[number]) > 0
        for one, other in zip(alone, together[number], strict=True):
            assert (one.ordinal, one.pts, one.t_s, one.t_end_s) == (
                other.ordinal,
                other.pts,
                other.t_s,
                other.t_end_s,
            )
            np.testing.assert_array_equal(one.pixels, other.pixels)
