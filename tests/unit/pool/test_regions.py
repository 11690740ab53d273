"""Regions by hand; that they are torchvision's is tested where torch is (`tests/torch/regions`)."""

from __future__ import annotations

import numpy as np
import pytest

from vifex.pool.regions import roi_align, roi_pool

RAMP = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
"""Cell (row, column) holds 4 row + column."""


def test_roi_align_of_whole_cells_gives_them_back() -> None:
    """Aligned, one sample per cell in its middle: rows 1 and 2, columns 0 and 1."""
    pooled = roi_align(RAMP, np.array([[0.0, 1.0, 2.0, 3.0]]), spatial_scale=1.0, output_size=2)
    np.testing.assert_allclose(pooled, [[[[4, 5], [8, 9]]]])


def test_without_alignment_a_box_lies_half_a_cell_further() -> None:
    """Samples at 0.5 and 1.5 instead of 0 and 1: the mean of two neighbours each way, + 2.5."""
    pooled = roi_align(
        RAMP, np.array([[0.0, 1.0, 2.0, 3.0]]), spatial_scale=1.0, output_size=2, aligned=False
    )
    np.testing.assert_allclose(pooled, np.array([[[[4, 5], [8, 9]]]]) + 2.5)


def test_the_scale_may_differ_along_the_axes() -> None:
    """The same cells, from an image of 8 x 40 pixels."""
    box = np.array([[0.0, 10.0, 4.0, 30.0]])
    pooled = roi_align(RAMP, box, spatial_scale=(0.5, 0.1), output_size=2)
    np.testing.assert_allclose(pooled, [[[[4, 5], [8, 9]]]], atol=1e-5)


def test_roi_pool_takes_the_largest_of_rounded_cells() -> None:
    """0.4 to 2.6 rounds to cells 0 to 3 in both axes; halves of that are 2 x 2 cells each."""
    pooled = roi_pool(RAMP, np.array([[0.4, 0.4, 2.6, 2.6]]), spatial_scale=1.0, output_size=2)
    np.testing.assert_array_equal(pooled, [[[[5, 7], [13, 15]]]])


def test_outside_the_map_there_is_nothing() -> None:
    far = np.array([[50.0, 50.0, 60.0, 60.0]])
    for pooled in (roi_align(RAMP, far, spatial_scale=1.0), roi_pool(RAMP, far, spatial_scale=1.0)):
        np.testing.assert_array_equal(pooled, np.zeros((1, 1, 7, 7)))


def test_the_mean_over_bins() -> None:
    box = np.array([[0.0, 0.0, 4.0, 4.0]])
    assert roi_align(RAMP, box, spatial_scale=1.0, output_size=4, reduce="mean").tolist() == [[7.5]]
    assert roi_pool(RAMP, box, spatial_scale=1.0, output_size=1, reduce="mean").tolist() == [[15.0]]


def test_boxes_find_their_image_and_are_pooled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little memory there is, a box's numbers are the same."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(3, 5, 6, 7)).astype(np.float32)
    boxes = np.sort(rng.uniform(0, 6, size=(11, 2, 2)), axis=1).reshape(11, 4)
    options = {"spatial_scale": 1.0, "output_size": (2, 3), "image_index": rng.integers(0, 3, size=11)}
    whole = [f(maps, boxes, **options) for f in (roi_align, roi_pool)]
    monkeypatch.setattr("vifex.pool.regions._MOST_BYTES", 1)
    for f, expected in zip((roi_align, roi_pool), whole, strict=True):
        np.testing.assert_allclose(f(maps, boxes, **options), expected, atol=1e-6)
        i = int(options["image_index"][4])
        alone = f(maps[i], boxes[4:5], spatial_scale=1.0, output_size=(2, 3))
        np.testing.assert_allclose(alone[0], expected[4], atol=1e-6)


@pytest.mark.parametrize("pooled", [roi_align, roi_pool])
@pytest.mark.parametrize(
    ("maps", "boxes", "options", "message"),
    [
        (RAMP.astype(np.uint8), [[0, 0, 1, 1]], {}, "float"),
        (RAMP[0], [[0, 0, 1, 1]], {}, "got float32"),
        (RAMP, [[0, 0, 1]], {}, "finite"),
        (RAMP, [[0, 0, np.nan, 1]], {}, "finite"),
        (RAMP, [[0, 0, 1, 1], [2, 0, 1, 1]], {}, "1 of 2 boxes are inverted, first 1"),
        (np.stack([RAMP, RAMP]), [[0, 0, 1, 1]], {}, "image_index"),
        (RAMP, [[0, 0, 1, 1]], {"image_index": np.array([1])}, "numbers from 0 to 0"),
        (RAMP, [[0, 0, 1, 1]], {"output_size": 0}, "at least 1 x 1"),
        (RAMP, [[0, 0, 1, 1]], {"spatial_scale": 0.0}, "> 0"),
    ],
)
def test_what_does_not_fit_is_told(pooled, maps, boxes, options, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        pooled(maps, np.array(boxes, dtype=np.float64), **{"spatial_scale": 1.0, **options})
