"""The last steps before a row is stored: length 1, and the dtype of the store."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal

from vifex.values import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["FLOAT16_MAX", "l2_normalize", "rows_that_fit", "to_dtype"]

FLOAT16_MAX: Final = 65504.0

Dtype = Literal["float32", "float16"]


def l2_normalize(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Divide each row by its Euclidean length, taken over all that the row holds.

    Args:
        array: float32 `[N, ...]`.

    Returns:
        float32 of the same shape. A row of zeros stays zeros; a row with an infinite or undefined
        number is kept, so that `rows_that_fit` finds it.
    """
    import numpy as np

    # Squares of float32 fit float64: no row overflows or vanishes on the way.
    rows = array.reshape(array.shape[0], math.prod(array.shape[1:])).astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    lengths[(lengths == 0) | ~np.isfinite(lengths)] = 1.0
    unit: npt.NDArray[Any] = (rows / lengths[:, None]).astype(np.float32).reshape(array.shape)
    return unit


def rows_that_fit(array: npt.NDArray[Any], dtype: Dtype) -> npt.NDArray[np.bool_]:
    """Return which rows a store of this dtype can hold: those whose numbers are all finite in it.

    Args:
        array: float32 `[N, ...]`.
        dtype: `float32`, or `float16`, which ends at 65,504.

    Returns:
        bool `[N]`.
    """
    import numpy as np

    rows = array.reshape(array.shape[0], math.prod(array.shape[1:]))
    with np.errstate(over="ignore"):
        fits: npt.NDArray[np.bool_] = np.isfinite(rows.astype(dtype, copy=False)).all(axis=1)
    return fits


def to_dtype(array: npt.NDArray[Any], dtype: Dtype) -> npt.NDArray[Any]:
    """Convert rows to the dtype of the store; a number too large for it is an error, never infinity.

    Args:
        array: float32 `[N, ...]`.
        dtype: `float32` or `float16`.

    Returns:
        The same shape in that dtype.

    Raises:
        InputError: If a row holds what the dtype cannot; `rows_that_fit` tells which.
    """
    import numpy as np

    fits = rows_that_fit(array, dtype)
    if not fits.all():
        row = array[int(np.argmin(fits))]
        if np.isfinite(row).all():
            what = f"{np.abs(row).max():.6g} is too large for {dtype}, which ends at {FLOAT16_MAX:,.0f}."
            raise InputError(what, todo="Store float32, or normalise the rows.")
        raise InputError(
            f"the network gave {'NaN' if np.isnan(row).any() else 'infinity'}.",
            todo='Use `precision="fp32"`; if it stays, the weights or this layer are broken.',
        )
    return array.astype(dtype, copy=False)
