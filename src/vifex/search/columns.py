"""Feature columns of a view: the layer that a column holds, its rows as a matrix, the size of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vifex.store.files.memory import release_freed_memory
from vifex.store.reading.columns import one_column
from vifex.values import LayerSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from vifex.store import View

__all__ = ["as_matrix", "layer_of", "one_column", "rows_per_batch", "thrifty"]

_BATCH_BYTES = 2 << 20
_RELEASED_BYTES = 128 << 20
_MAX_BATCH_ROWS = 16_384


def layer_of(view: View, column: str) -> LayerSpec:
    """Return the layer of a feature column: its shape, its dtype, its pooling."""
    return next(spec for spec in view.recipe.layers if spec.column == column)


def rows_per_batch(size: int) -> int:
    """Return the number of rows of `size` float32 numbers that make a batch of about 2 MiB."""
    return max(1, min(_MAX_BATCH_ROWS, _BATCH_BYTES // (4 * max(1, size))))


def thrifty(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches, and give freed memory back to the system now and then.

    What a long scan frees in pieces stays with glibc: some hundred MB over 5 GiB.
    """
    read = 0
    for batch in batches:
        yield batch
        read += batch.nbytes
        if read >= _RELEASED_BYTES:
            read = 0
            release_freed_memory()


def as_matrix(vectors: pa.FixedSizeListArray) -> npt.NDArray[Any]:
    """View a chunk of a column as a matrix `[n, D]` of its own dtype, without a copy where possible.

    A null becomes a row of NaN.
    """
    size = vectors.type.list_size
    values = vectors.values.slice(vectors.offset * size, len(vectors) * size)
    matrix: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False).reshape(len(vectors), size)
    if vectors.null_count:
        missing = vectors.is_null().to_numpy(zero_copy_only=False)
        matrix = np.where(missing[:, None], np.array(np.nan, matrix.dtype), matrix)
    return matrix
