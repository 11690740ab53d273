"""Sketches: a short vector of each medium and layer, enough to rank the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.analysis.rows import FloatMatrix

__all__ = ["SKETCH", "Sketches"]

SKETCH: Final = 256
"""Numbers of a sketch, at most."""


class Sketches:
    """Collects the mean vector of each medium, layer by layer, in at most 256 numbers.

    A longer vector is projected by a Gaussian matrix, which keeps distances and products to a few percent.

    Source: Johnson and Lindenstrauss, 1984; Indyk and Motwani, STOC 1998, for the Gaussian matrix.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._matrices: dict[int, FloatMatrix] = {}
        self._sums: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
        self._counts: dict[str, int] = {}

    def add(self, features: Mapping[str, npt.NDArray[Any]], media: Sequence[str]) -> None:
        """Add rows.

        Args:
            features: For each layer `[N, ...]`.
            media: `[N]`: the `medium_id` of each row.
        """
        for medium in media:
            self._counts[medium] = self._counts.get(medium, 0) + 1
        for layer, values in features.items():
            sums = self._sums.setdefault(layer, {})
            for medium, sketch in zip(media, self._projected(values), strict=True):
                known = sums.get(medium)
                sums[medium] = sketch if known is None else known + sketch

    def drop(self, medium: str) -> None:
        """Forget a medium that failed after some of its rows."""
        self._counts.pop(medium, None)

    @property
    def media(self) -> list[str]:
        """The media that have rows, in the order in which they came."""
        return list(self._counts)

    @property
    def layers(self) -> list[str]:
        """The layers, without those whose vectors are the same as of a layer before."""
        kept: dict[bytes, str] = {}
        for layer, sums in self._sums.items():
            kept.setdefault(b"".join(sums[medium].tobytes() for medium in self._counts), layer)
        return list(kept.values())

    def matrix(self, layer: str, media: Sequence[str]) -> FloatMatrix:
        """Return the sketches of media, float32 `[N, at most 256]`."""
        sums = self._sums[layer]
        rows = np.stack([sums[medium] / self._counts[medium] for medium in media])
        sketches: FloatMatrix = rows.astype(np.float32)
        return sketches

    def _projected(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        flat = np.asarray(values, np.float32).reshape(len(values), -1)
        size = flat.shape[1]
        if size > SKETCH:
            if size not in self._matrices:
                rng = np.random.default_rng([self._seed, size])
                self._matrices[size] = (rng.standard_normal((size, SKETCH)) / np.sqrt(SKETCH)).astype(
                    np.float32
                )
            flat = flat @ self._matrices[size]
        return flat.astype(np.float64)
