"""Images in videos: found in a small collection that is full of them, and not where nothing shows them."""

from __future__ import annotations

import numpy as np
import pytest

from vifex.analysis.copies.segments.background import measure_background
from vifex.analysis.copies.segments.frames import Frames, make_frames
from vifex.analysis.copies.segments.stills import find_stills

SIZE, LENGTH = 64, 12


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def collection(videos: int, images: int, shown: dict[int, tuple[int, int]]) -> tuple[np.ndarray, Frames]:
    """Make vectors of images and frames, one a second; `shown`: image -> (video, the first of 3 frames)."""
    rng = np.random.default_rng(1)
    common = rng.normal(size=SIZE)
    images = unit(rng.normal(size=(images, SIZE)) + 0.3 * common)
    frames = rng.normal(size=(videos, LENGTH, SIZE)) + 0.3 * common
    for image, (video, first) in shown.items():
        for frame in range(first, first + 3):
            frames[video, frame] = 8 * images[image] + 0.5 * rng.normal(size=SIZE)
    times = np.tile(np.arange(LENGTH, dtype=np.float64), videos)
    owner = np.repeat(np.arange(videos), LENGTH)
    return images, make_frames(unit(frames.reshape(-1, SIZE)), times, owner, media_of_first=None)


@pytest.mark.parametrize(
    ("videos", "images", "shown"),
    [
        # A third of all pairs are copies, as where a folder has photographs and slideshows of them.
        (3, 12, {n: (n // 4, 3 * (n % 4)) for n in range(12)}),
        (40, 60, {0: (3, 0), 7: (3, 6), 30: (39, 9)}),
        (40, 60, {}),
    ],
)
def test_what_a_video_shows_is_found_with_its_span(
    videos: int, images: int, shown: dict[int, tuple[int, int]]
) -> None:
    images, frames = collection(videos, images, shown)
    found = find_stills(images, frames, measure_background(frames))
    assert {still.image: still.medium for still in found.stills} == {i: v for i, (v, _) in shown.items()}
    assert len(found.stills) == len(shown)
    for still in found.stills:
        first = shown[still.image][1]
        assert (still.start_s, still.end_s) == (max(0, first - 0.5), first + 2.5)
        assert still.false_alarms < 0.05
