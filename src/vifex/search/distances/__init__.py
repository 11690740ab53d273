"""Distances between vectors: one file per distance, one line each in `vifex.search.registry`."""

from vifex.search.distances.base import Distance, FloatArray

__all__ = ["Distance", "FloatArray"]
