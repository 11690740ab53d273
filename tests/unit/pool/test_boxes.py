"""Boxes on their way to a network's input."""

from __future__ import annotations

import numpy as np
import pytest

from vifex.pool.boxes import map_boxes
from vifex.values import PixelSpec
from vifex.values.pixels import fit


def test_a_stretched_box_keeps_its_part_of_the_image() -> None:
    mapped = map_boxes(np.array([[0, 0, 400, 100], [100, 50, 200, 75]]), 400, 100, PixelSpec(224, 224))
    np.testing.assert_allclose(mapped.boxes, [[0, 0, 224, 224], [56, 112, 112, 168]])
    np.testing.assert_allclose(mapped.inside, [1, 1])


def test_a_crop_shows_a_part_and_says_which() -> None:
    """400 x 200 becomes 200 x 100, and the middle 100 x 100 of that starts at x = 50."""
    spec = PixelSpec(100, 100, resize="shortest", resize_px=100)
    boxes = np.array(
        [[0, 0, 400, 200], [0, 0, 100, 200], [50, 0, 150, 200], [100, 20, 120, 40], [300, 0, 300, 9]]
    )
    mapped = map_boxes(boxes, 400, 200, spec)
    assert mapped.boxes[0].tolist() == [-50, 0, 150, 100]
    np.testing.assert_allclose(mapped.inside, [0.5, 0, 0.5, 1, 0])
    assert mapped.clipped()[0].tolist() == [0, 0, 100, 100]
    assert mapped.clipped()[1].tolist() == [0, 0, 0, 100]


SPECS = [
    PixelSpec(224, 200),
    PixelSpec(224, 224, resize="shortest", resize_px=256),
    PixelSpec(224, 224, resize="shortest", resize_px=256, crop_down=True),
    PixelSpec(112, 112, resize="stretch_crop", resize_hw_px=(128, 171)),
    PixelSpec(112, 112, resize="stretch_crop", resize_hw_px=(128, 171), crop_down=True),
]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("size", [(640, 360), (360, 640), (333, 251), (224, 224), (1, 900), (1001.5, 300)])
def test_boxes_go_where_the_decoder_puts_their_pixels(spec: PixelSpec, size: tuple[float, float]) -> None:
    """The rule stands in two packages; here it is one."""
    to = fit(spec, *size)
    mapped = map_boxes(np.array([[0.0, 0.0, *size]]), *size, spec)
    expected = [-to.left, -to.top, to.width - to.left, to.height - to.top]
    np.testing.assert_allclose(mapped.boxes, [expected], atol=1e-9)


def test_boxes_of_no_image() -> None:
    with pytest.raises(ValueError, match="image with a size"):
        map_boxes(np.zeros((1, 4)), 0, 10, PixelSpec(8, 8))
    with pytest.raises(ValueError, match=r"\[K, 4\]"):
        map_boxes(np.zeros((1, 5)), 10, 10, PixelSpec(8, 8))
