"""The rows that can have a place on a map: those whose vector has a direction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vifex.analysis.rows import FeatureRows, FloatMatrix

__all__ = ["usable_rows"]


def usable_rows(rows: FeatureRows) -> tuple[FeatureRows, FloatMatrix, int]:
    """Read the vectors, and leave out those that are all zeros or have NaN or infinity.

    Returns:
        The rows that are left, their vectors `[N, D]`, and the number of rows that were left out.
    """
    vectors = rows.vectors()
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
    usable = np.isfinite(squares) & (squares > 0)
    if usable.all():
        return rows, vectors, 0
    arrays = ("places", "medium", "ordinal", "frame_index", "t_s", "t_start_s", "t_end_s")
    kept = replace(rows, **{name: getattr(rows, name)[usable] for name in arrays})
    return kept, vectors[usable], int(np.count_nonzero(~usable))
