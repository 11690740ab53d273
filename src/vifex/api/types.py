"""Types of what users give: images, clips, queries and transforms."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from vifex.search.combined.values import AllOf, AnyOf, MeanOf, Then, Without

__all__ = ["Images", "OneImage", "OneQuery", "Precision", "Query", "TensorLike", "Transform"]


class TensorLike(Protocol):
    """A tensor of torch, which need not be installed."""

    def detach(self) -> Any:
        """Give the tensor without its gradients."""


OneImage: TypeAlias = str | os.PathLike[str] | Image.Image | npt.NDArray[Any] | TensorLike
"""A path, a Pillow image, a uint8 RGB array `[H, W, 3]`, or a uint8 tensor `[3, H, W]` or `[H, W, 3]`."""
Images: TypeAlias = OneImage | Iterable[OneImage | Iterable[OneImage]]
"""One input, or several in a list, an iterator or an array with one more axis."""
OneQuery: TypeAlias = OneImage | Sequence[float] | Sequence[np.floating[Any]]
"""An image's path, `VIDEO@TIME`, `row:KEY`, words, a Pillow image, a uint8 array `[H, W, 3]`, or a vector."""
Query: TypeAlias = OneQuery | Then | Without | MeanOf | AnyOf | AllOf
"""One query, or several combined."""
Transform: TypeAlias = Callable[[Image.Image], Any]
"""From a Pillow image in RGB to a float32 array or tensor `[3, H, W]`, always of the same size."""
Precision: TypeAlias = Literal["auto", "fp32", "bf16"]
"""The number format of the arithmetic; `auto` is `bf16` where the hardware has it."""
