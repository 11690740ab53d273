"""From what the engine gives to what a view stores: pooling, time, normalisation, type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.extraction.plan import ViewPlan
from vifex.pool import l2_normalize, pool, rows_that_fit, to_dtype
from vifex.values import InputError

__all__ = ["Vectors", "to_vectors"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of one batch, not yet in the dtype of the store."""

    columns: dict[str, Array]
    """Column name to float32 `[B, *shape]`."""
    fit: npt.NDArray[np.bool_]
    """Which of the B rows the store can hold."""
    plan: ViewPlan

    def rows(self, start: int, stop: int) -> dict[str, Array]:
        """Copy some rows in the recipe's dtype.

        A copy, so that one late row does not keep its whole batch alive.

        Raises:
            InputError: If a number is not finite, or too large for the dtype; the layer is named.
        """
        if not self.fit[start:stop].all():
            self._refuse(start, stop)
        specs = self.plan.recipe.taps
        return {s.column: self.columns[s.column][start:stop].astype(s.dtype) for s in specs}

    def _refuse(self, start: int, stop: int) -> None:
        for spec in self.plan.recipe.taps:
            try:
                to_dtype(self.columns[spec.column][start:stop], spec.dtype)
            except InputError as exc:
                raise InputError(f"Layer {spec.tap.name}: {exc.what}", todo=exc.todo) from exc


def to_vectors(arrays: Mapping[str, Array], plan: ViewPlan) -> Vectors:
    """Apply a recipe's last steps to one batch.

    Args:
        arrays: Tap name to float32 `[B, *tap.shape]`; where a network for pictures sees windows of T
            frames, B counts frames.
        plan: Whose recipe is applied.

    Returns:
        Rows for each of the B pictures, or B / T windows.
    """
    columns = {}
    for spec in plan.recipe.taps:
        pooled = pool(spec.pooling, spec.tap.kind, arrays[spec.tap.name])
        if plan.window_frames is not None:
            windows = pooled.reshape(-1, plan.window_frames, *pooled.shape[1:])
            pooled = windows.mean(axis=1, dtype=np.float32)
        columns[spec.column] = l2_normalize(pooled) if spec.normalized else pooled
    fit = [rows_that_fit(columns[s.column], s.dtype) for s in plan.recipe.taps]
    return Vectors(columns, np.logical_and.reduce(fit), plan)
