"""Made images against real ones, in the features of the embedded network."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from vifex.extraction.embed import compile_plan, run_batches
from vifex.extraction.planning.view_plan import plan_view
from vifex.media.decode.images.resize import ready_pixels
from vifex.models import load_model
from vifex.training.judging.frechet import frechet_distance

__all__ = ["FrechetJudge", "embedded_features"]

Pixels = npt.NDArray[np.uint8]
_BATCH: Final = 64
_MOST: Final = 2000


def embedded_features(images: Pixels) -> npt.NDArray[np.float32]:
    """Return the embedded network's features of images.

    Args:
        images: `[N, H, W, 3]`, sRGB.

    Returns:
        `[N, D]`, as `vifex extract` gives them.
    """
    plan = plan_view("query", load_model("default"))
    layer = plan.layers[0].name
    with compile_plan(plan, batch=_BATCH) as network:
        pixels = (ready_pixels(Image.fromarray(image), plan.recipe.pixels, None) for image in images)
        return np.concatenate([found[layer] for found in run_batches(network, pixels)])


class FrechetJudge:
    """Fréchet distances from held-out real images.

    All sets have the same number of images, because the distance depends on it.

    Args:
        real: Held-out images `[N, H, W, 3]`; at most 2,000 of them are taken.
    """

    def __init__(self, real: Pixels) -> None:
        self.count = min(len(real), _MOST)
        self._shape = real.shape[1:]
        self._real = embedded_features(real[: self.count])

    def distance(self, images: Pixels) -> float:
        """Return the distance of as many images; further ones are not read."""
        if len(images) < self.count:
            raise ValueError(f"{self.count} images are needed, got {len(images)}")
        return frechet_distance(self._real, embedded_features(images[: self.count]))

    def noise(self) -> float:
        """Return the distance of images whose every value is drawn evenly from 0 to 255."""
        rng: Any = np.random.default_rng(0)
        return self.distance(rng.integers(0, 256, (self.count, *self._shape), dtype=np.uint8))
