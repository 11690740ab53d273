"""Flatten: all numbers of a layer in one row, the last axis running fastest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vifex.pool.base import Pooling
from vifex.values import LayerKind
from vifex.values.models import AXES

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["FLATTEN"]


def _flat(kind: LayerKind, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.reshape(array.shape[0], math.prod(array.shape[1:]))


FLATTEN = Pooling("flatten", frozenset(AXES), lambda kind, shape: (math.prod(shape),), _flat)
