"""Does a compiled network keep the inputs of a batch apart? Tried, where its graph does not show it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["inputs_stay_apart"]

_TOLERANCE: Final = {"fp32": 1e-4, "bf16": 2e-2}
"""Largest difference, as a part of the largest value, that the order of the arithmetic may make."""


def inputs_stay_apart(compiled: Any, shape: tuple[int, ...], *, precision: str) -> bool:
    """Run one input among two sets of neighbours, first and last in its batch, and compare.

    Args:
        compiled: Takes uint8 pixels of `shape`.
        shape: `(B, ..., 3)` with `B` of at least 2.
        precision: That it was compiled for.
    """
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, shape, dtype=np.uint8)
    last = rng.integers(0, 256, shape, dtype=np.uint8)
    last[-1] = first[0]
    request = compiled.create_infer_request()
    a, b = (_run(request, pixels) for pixels in (first, last))
    return all(_near(x[0], y[-1], _TOLERANCE[precision]) for x, y in zip(a, b, strict=True))


def _run(request: Any, pixels: npt.NDArray[np.uint8]) -> list[npt.NDArray[Any]]:
    request.infer([pixels])
    return [np.array(tensor.data) for tensor in request.output_tensors]


def _near(x: npt.NDArray[Any], y: npt.NDArray[Any], tolerance: float) -> bool:
    return bool(np.abs(x - y).max() <= tolerance * max(np.abs(x).max(), 1e-6))
