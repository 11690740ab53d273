"""Boxes carried from an image to a network's input.

Coordinates are pixels, x to the right, y down; pixel i covers `[i, i + 1)`, so a whole image is the box
`0, 0, width, height`. What is read of a box is `pool/regions.py`'s matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vifex.values import PixelSpec
from vifex.values.pixels import fit

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["MappedBoxes", "map_boxes"]


@dataclass(frozen=True, slots=True)
class MappedBoxes:
    """Boxes of an image as they lie in a network's input."""

    boxes: Array
    """float64 `[K, 4]`, pixels of the input; not cut at its edges."""
    inside: Array
    """float64 `[K]`: part of each box's area that the input shows; the rest fell outside the crop, or the
    image. 0 for a box without an area."""
    width_px: int
    height_px: int

    def clipped(self) -> Array:
        """Return the boxes cut at the input's edges; one wholly outside has no area then."""
        import numpy as np

        limits = np.array([self.width_px, self.height_px, self.width_px, self.height_px], dtype=np.float64)
        return np.clip(self.boxes, 0.0, limits)


def map_boxes(boxes: Array, width: float, height: float, spec: PixelSpec) -> MappedBoxes:
    """Carry boxes from an image to the network's input, as its pixels are carried.

    Args:
        boxes: `[K, 4]`: x0, y0, x1, y1 in pixels of the upright image, square ones.
        width: Of that image, pixels.
        height: Of that image, pixels.
        spec: How the image becomes the input. `stretch` scales the axes by themselves; `shortest` and
            `stretch_crop` scale to the whole size that the resize gives, and take the crop's corner off.

    Raises:
        ValueError: If the boxes are not `[K, 4]`, or the image is empty.
    """
    import numpy as np

    boxes = np.asarray(boxes, dtype=np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or width <= 0 or height <= 0:
        raise ValueError(f"boxes must be [K, 4] of an image with a size, got {list(boxes.shape)}")
    to = fit(spec, width, height)
    scale = np.array([to.width / width, to.height / height] * 2)
    mapped = boxes * scale - np.array([to.left, to.top] * 2)
    result = MappedBoxes(mapped, np.zeros(len(boxes)), spec.width_px, spec.height_px)
    whole, shown = _areas(mapped), _areas(result.clipped())
    inside = np.divide(shown, whole, out=np.zeros(len(boxes)), where=whole > 0)
    return MappedBoxes(mapped, inside, spec.width_px, spec.height_px)


def _areas(boxes: Array) -> Array:
    import numpy as np

    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    areas: Array = sides[:, 0] * sides[:, 1]
    return areas
