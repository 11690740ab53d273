"""A test whether a compiled network keeps the inputs of a batch apart, if its graph does not show it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.engines.inputs import noise

__all__ = ["inputs_stay_apart"]

_TOLERANCE: Final = {"fp32": 1e-4, "bf16": 2e-2, "int8+fp32": 5e-2, "int8+bf16": 5e-2}
"""Largest difference, as a share of the largest value, that the order of the arithmetic may cause; in int8
it may move a value to the next step."""


def inputs_stay_apart(
    compiled: Any, shape: tuple[int, ...], *, precision: str, dtype: npt.DTypeLike = np.uint8
) -> bool:
    """Run one input among two sets of neighbours, first and last in its batch, and compare.

    Args:
        compiled: Takes a batch of `shape`.
        shape: `(B, ..., 3)` with `B` of at least 2, or `(B, S)` of sound.
        precision: The precision that it was compiled for.
        dtype: The dtype of the batch.
    """
    rng = np.random.default_rng(0)
    first, last = (noise(shape, np.dtype(dtype), rng) for _ in range(2))
    last[-1] = first[0]
    request = compiled.create_infer_request()
    a, b = (_run(request, pixels) for pixels in (first, last))
    return all(_near(x[0], y[-1], _TOLERANCE[precision]) for x, y in zip(a, b, strict=True))


def _run(request: Any, pixels: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    request.infer([pixels])
    return [np.array(tensor.data) for tensor in request.output_tensors]


def _near(x: npt.NDArray[Any], y: npt.NDArray[Any], tolerance: float) -> bool:
    return bool(np.abs(x - y).max() <= tolerance * max(np.abs(x).max(), 1e-6))
