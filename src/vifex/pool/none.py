"""No pooling: the output of a layer is kept unchanged."""

from __future__ import annotations

from vifex.pool.base import Pooling
from vifex.values.models import AXES

__all__ = ["NONE"]

NONE = Pooling("none", frozenset(AXES), lambda kind, shape: shape, lambda kind, array: array)
