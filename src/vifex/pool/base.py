"""What a pooling is: which kinds of layers it fits, the shape it gives, and how it computes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vifex.values import LayerKind

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[Any]

__all__ = ["Pooling", "cells_last", "channels"]

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pooling:
    """One way to make fewer numbers of a layer's."""

    name: str
    """In the registry."""
    kinds: frozenset[LayerKind]
    """What it fits."""
    shape: Callable[[LayerKind, Shape], Shape]
    """Shape of one pooled row from the kind and the shape of a layer."""
    apply: Callable[[LayerKind, FloatArray], FloatArray]
    """Pools float32 `[N, *layer.shape]` to float32 `[N, *shape]`; rows do not touch each other."""


def channels(kind: LayerKind, shape: Shape) -> Shape:
    """Return the shape of one number per channel: `C` of a map or volume, `D` of tokens or a sequence."""
    return (shape[0],) if kind in ("map", "volume") else (shape[-1],)


def cells_last(kind: LayerKind, array: FloatArray) -> FloatArray:
    """Lay places last: `[N, C, cells]` from a map or a volume, `[N, D, cells]` from tokens or a sequence.

    Contiguous, so that a sum along the cells goes in the same order however many rows there are.
    """
    import numpy as np

    if kind in ("map", "volume"):
        return np.ascontiguousarray(array).reshape(*array.shape[:2], math.prod(array.shape[2:]))
    return np.ascontiguousarray(array.swapaxes(1, 2))
