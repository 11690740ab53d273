"""The images of all splits, decoded, with mean and standard deviation of their channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vifex.training.config import Config
from vifex.training.data.decoding import Problem
from vifex.training.data.examples import Examples
from vifex.training.data.pixels import ImageSource, open_images
from vifex.training.data.splits import Splits, read_splits
from vifex.training.imbalance.sampling import long_tailed
from vifex.values import InputError

__all__ = ["ImageSets", "read_image_sets"]

_MEASURED: Final = 5000
"""Images from which mean and deviation are measured."""


@dataclass(frozen=True, slots=True)
class ImageSets:
    """Examples and images by the name of the split: `train`, `val` and, where there is one, `test`."""

    examples: Splits
    images: dict[str, ImageSource]
    mean: tuple[float, ...]
    """Of each channel, 0 to 1."""
    std: tuple[float, ...]
    decode_px: int
    """Side of the decoded images; the network takes a part of them where it is larger than `size_px`."""
    problems: list[Problem]


def read_image_sets(config: Config, step: Callable[[str], None] = lambda text: None) -> ImageSets:
    """Read and decode the examples of a run.

    Args:
        config: [data], [imbalance] and the seed.
        step: Called with what is being done, for display.

    Raises:
        InputError: If the examples cannot be used.
    """
    data = config.data
    step("listing the examples")
    splits = read_splits(data, seed=config.run.seed)
    if config.imbalance.ratio:
        rows = long_tailed(splits["train"].labels, config.imbalance.ratio, seed=config.run.seed)
        splits["train"] = splits["train"].take(rows)
    decode_px = max(data.decode_px, data.size_px)
    images: dict[str, ImageSource] = {}
    problems: list[Problem] = []
    for name, examples in list(splits.items()):
        splits[name], images[name], found = open_images(
            _labelled(examples, name, problems),
            data,
            size_px=decode_px,
            on_progress=lambda done, count, n=name: step(f"decoding {n} images: {done:,} of {count:,}"),  # type: ignore[misc]
        )
        problems += [*examples.problems, *found]
    mean, std = _statistics(images["train"], len(splits["train"]), data.mean, data.std)
    return ImageSets(splits, images, mean, std, decode_px, problems)


def _labelled(examples: Examples, name: str, problems: list[Problem]) -> Examples:
    """Leave out examples without a label, and say so."""
    has_label = examples.labels >= 0
    if has_label.all() or not has_label.any():
        return examples
    names = examples.column("name")
    problems += [(names[row], "it has no label") for row in np.flatnonzero(~has_label)]
    return examples.take(np.flatnonzero(has_label))


def _statistics(
    images: ImageSource, count: int, mean: Sequence[float], std: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if len(mean) not in (0, 3) or len(mean) != len(std):
        raise InputError("data.mean and data.std need three numbers each, or none.")
    if len(mean) == 3:
        return tuple(mean), tuple(std)
    rows = np.linspace(0, count - 1, min(count, _MEASURED)).astype(np.int64)
    pixels = images.take(np.unique(rows)).reshape(-1, 3)
    average, square = np.zeros(3), np.zeros(3)
    for start in range(0, len(pixels), 1 << 20):
        part = pixels[start : start + (1 << 20)].astype(np.float64) / 255
        average += part.sum(0)
        square += (part**2).sum(0)
    average, square = average / len(pixels), square / len(pixels)
    deviation = np.sqrt(np.maximum(square - average**2, 1e-6))
    return tuple(map(float, average)), tuple(map(float, deviation))
