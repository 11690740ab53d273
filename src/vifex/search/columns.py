"""Feature columns of a view: which one is meant, what a row of it holds, and its numbers as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.values import InputError, LayerSpec
from vifex.values.registry import near

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.store import View

__all__ = ["as_matrix", "layer_of", "one_column", "rows_per_batch"]

_BATCH_BYTES = 8 << 20
_MAX_BATCH_ROWS = 16_384


def one_column(view: View, column: str | None) -> str:
    """Settle which feature column is meant; `None` means the only one, a layer's name its column.

    Raises:
        InputError: If there is no such column, or none was named and the view has several.
    """
    known = list(view.columns)
    if column is None:
        if len(known) == 1:
            return known[0]
        raise InputError(
            f"the view has {len(known)} feature columns, so one must be named.",
            of=view.name,
            todo=f"Columns: {', '.join(known)}.",
        )
    if column not in known:
        for spec in view.recipe.layers:
            if spec.layer.name == column:
                return spec.column
        raise InputError(
            f"there is no feature column {column!r}.",
            of=view.name,
            todo=f"{near(column, known)}Columns: {', '.join(known)}.",
        )
    return column


def layer_of(view: View, column: str) -> LayerSpec:
    """The layer that a feature column holds: its shape, its dtype and what was done to it."""
    return next(spec for spec in view.recipe.layers if spec.column == column)


def rows_per_batch(size: int) -> int:
    """How many rows of `size` numbers make a batch that memory and caches like (about 8 MiB)."""
    return max(1, min(_MAX_BATCH_ROWS, _BATCH_BYTES // (4 * max(1, size))))


def as_matrix(vectors: pa.FixedSizeListArray) -> npt.NDArray[Any]:
    """See a column's chunk as a matrix `[n, D]` of its own dtype, without a copy where that is possible.

    A missing vector becomes a row of NaN.
    """
    size = vectors.type.list_size
    values = vectors.values.slice(vectors.offset * size, len(vectors) * size)
    matrix: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False).reshape(len(vectors), size)
    if vectors.null_count:
        missing = vectors.is_null().to_numpy(zero_copy_only=False)
        matrix = np.where(missing[:, None], np.array(np.nan, matrix.dtype), matrix)
    return matrix
