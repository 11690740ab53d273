"""Fast resizing against Pillow's own, over random images, boxes and sizes."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vifex.media.decode.images import resample
from vifex.media.decode.images.resample import RESAMPLING, resize_part

SIDES = st.integers(1, 90)
STEPS = {"bilinear": 3, "bicubic": 4, "lanczos": 6}
"""By how much a pixel may differ: two roundings, the more the more layers overshoot."""


def by_pillow(image: Image.Image, size: tuple[int, int], how: str, box: tuple[float, ...]) -> np.ndarray:
    return np.asarray(image.resize(size, RESAMPLING[how], box=box), dtype=np.int16)


def smooth(width: int, height: int, seed: int, mode: str = "RGB") -> Image.Image:
    """Noise of few waves, as photographs are: what overshoots in the first pass is cut there by Pillow."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    rng = np.random.default_rng(seed)
    noise = rng.integers(40, 216, (max(2, height // 8), max(2, width // 8), bands), dtype=np.uint8)
    small = Image.fromarray(noise[..., 0] if bands == 1 else noise, mode if bands == 4 else None)
    return small.resize((width, height), Image.Resampling.BICUBIC)


@given(
    width=SIDES,
    height=SIDES,
    to=st.tuples(SIDES, SIDES),
    sides=st.tuples(*[st.floats(0, 1)] * 4),
    how=st.sampled_from(sorted(STEPS)),
    mode=st.sampled_from(["L", "RGB", "CMYK"]),
    seed=st.integers(0, 99),
)
def test_a_part_is_resized_as_pillow_does(
    width: int,
    height: int,
    to: tuple[int, int],
    sides: tuple[float, float, float, float],
    how: str,
    mode: str,
    seed: int,
) -> None:
    if not resample._is_trusted():
        pytest.skip("cykooz-resizer has no build for this machine")
    (x0, x1), (y0, y1) = sorted((sides[0], sides[1])), sorted((sides[2], sides[3]))
    box = (x0 * (width - 1), y0 * (height - 1), x1 * (width - 1) + 1, y1 * (height - 1) + 1)
    image = smooth(width, height, seed, mode)
    got = resize_part(image, to, how, box)  # type: ignore[arg-type]
    assert (got.mode, got.size) == (mode, to)
    wanted = by_pillow(image, to, how, box)
    assert np.abs(np.asarray(got, dtype=np.int16) - wanted).max() <= STEPS[how]


def test_what_is_nearest_and_what_is_not_there_is_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    image, box = smooth(60, 50, 1), (1.5, 2.25, 55.0, 48.5)
    got = np.asarray(resize_part(image, (9, 8), "nearest", box), dtype=np.int16)
    np.testing.assert_array_equal(got, by_pillow(image, (9, 8), "nearest", box))
    monkeypatch.setitem(sys.modules, "cykooz_resizer", None)  # makes its import fail
    resample._is_trusted.cache_clear()
    try:
        got = np.asarray(resize_part(image, (30, 25), "bilinear", box), dtype=np.int16)
        assert not resample._is_trusted()
    finally:
        resample._is_trusted.cache_clear()
    np.testing.assert_array_equal(got, by_pillow(image, (30, 25), "bilinear", box))


def test_one_that_resizes_otherwise_than_pillow_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    resample._is_trusted.cache_clear()
    monkeypatch.setattr(resample, "_by_vectors", lambda image, size, *_: Image.new("RGB", size, "red"))
    try:
        assert not resample._is_trusted()
    finally:
        resample._is_trusted.cache_clear()
