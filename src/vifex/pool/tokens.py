"""Poolings of transformers' tokens: the class token, the mean, the mean of the patches, or all of them.

Token 0 is taken for the class token by `cls` and `patches`: so it is in ViT, DeiT, DINO and CLIP. A
network without one (Swin, SigLIP) wants `mean`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vifex.pool.avg import average
from vifex.pool.base import Pooling, cells_last, channels
from vifex.values import InputError, LayerKind

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["CLS", "MEAN", "PATCHES", "TOKENS"]

Shape = tuple[int, ...]


def _cls(kind: LayerKind, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array[:, 0].copy()


def _patches(kind: LayerKind, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return average(kind, array[:, 1:])


def _patches_shape(kind: LayerKind, shape: Shape) -> Shape:
    if shape[0] < 2:
        raise InputError(
            "a single token has no patches beside it.", todo='Use `pool="mean"` or `pool="cls"`.'
        )
    return channels(kind, shape)


def _laid_out(kind: LayerKind, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return one vector per place: a map's or a volume's cells become tokens, tokens stay."""
    import numpy as np

    if kind in ("map", "volume"):
        return np.ascontiguousarray(cells_last(kind, array).swapaxes(1, 2))
    return array


def _laid_out_shape(kind: LayerKind, shape: Shape) -> Shape:
    return (math.prod(shape[1:]), shape[0]) if kind in ("map", "volume") else shape


CLS = Pooling("cls", frozenset({"tokens"}), channels, _cls)
MEAN = Pooling("mean", frozenset({"tokens", "sequence"}), channels, average)
PATCHES = Pooling("patches", frozenset({"tokens"}), _patches_shape, _patches)
TOKENS = Pooling("tokens", frozenset({"tokens", "sequence", "map", "volume"}), _laid_out_shape, _laid_out)
