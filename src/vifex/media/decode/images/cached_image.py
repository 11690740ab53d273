"""An image whose ready pixels are computed once for all requests that want the same size and box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from vifex.media.decode.video.sample_builder import DecodedImage
from vifex.values import Box, PixelSpec, ViewRequest

__all__ = ["CachedImage", "share_pixels"]


def share_pixels(requests: Sequence[ViewRequest]) -> bool:
    """Return whether two requests want the same ready pixels of a frame."""
    return len({request.pixels for request in requests}) < len(requests)


class CachedImage:
    """Computes pixels once for each size and box, and returns the same read-only array again."""

    def __init__(self, image: DecodedImage) -> None:
        self._image = image
        self._made: dict[tuple[PixelSpec, Box | None], npt.NDArray[np.uint8]] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright, in square pixels."""
        return self._image.size

    def ready(self, spec: PixelSpec, box: Box | None) -> npt.NDArray[np.uint8]:
        """Return ready pixels of the whole, or of a box that lies in the image."""
        made = self._made.get((spec, box))
        if made is None:
            made = self._made[spec, box] = self._image.ready(spec, box)
            made.flags.writeable = False
        return made

    def luma(self, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """Return the luma of the image, small."""
        return self._image.luma(size)

    def upright(self, background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
        """Return the whole image, upright, in square pixels."""
        return self._image.upright(background)
