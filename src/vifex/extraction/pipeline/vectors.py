"""From what the engine gives to what a view stores: pooling, time, normalisation, type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.extraction.decoders.protocol import RowFacts
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.pool import l2_normalize, pool, rows_that_fit, to_dtype
from vifex.pool.boxes import map_boxes
from vifex.pool.regions import roi_align, roi_pool
from vifex.values import InputError, LayerSpec

__all__ = ["Vectors", "read_regions", "to_vectors"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Vectors:
    """What became of one batch, not yet in the dtype of the store."""

    columns: dict[str, Array]
    """Column name to float32 `[B, *shape]`; maps `[B, C, H, W]` where regions are read off them."""
    fit: npt.NDArray[np.bool_]
    """Which of the B samples the store can hold."""
    plan: ViewPlan

    def rows(self, start: int, facts: Sequence[RowFacts]) -> tuple[Sequence[RowFacts], dict[str, Array]]:
        """Copy some rows in the recipe's dtype.

        A copy, so that one late row does not keep its whole batch alive.

        Args:
            start: The first sample's place in the batch.
            facts: One for each sample.

        Returns:
            One fact for each row (a sample with boxes becomes several), and column name to the rows.

        Raises:
            InputError: If a number is not finite, or too large for the dtype; the layer is named.
        """
        regions = self.plan.recipe.regions
        if regions is not None and regions.on_maps:
            facts, columns = self._regions(start, facts)
        else:
            stop = start + len(facts)
            columns = {name: column[start:stop] for name, column in self.columns.items()}
        if not self.fit[start : start + len(facts)].all() or regions is not None:
            self._check(columns)
        return facts, {s.column: columns[s.column].astype(s.dtype) for s in self.plan.recipe.layers}

    def _regions(self, start: int, facts: Sequence[RowFacts]) -> tuple[list[RowFacts], dict[str, Array]]:
        rows = [row for fact in facts for row in _row_of_each_box(fact)]
        parts = [
            {
                s.column: read_regions(self.columns[s.column][start + i], fact, s, self.plan)
                for s in self._layers
            }
            for i, fact in enumerate(facts)
        ]
        return rows, {s.column: np.concatenate([part[s.column] for part in parts]) for s in self._layers}

    @property
    def _layers(self) -> tuple[LayerSpec, ...]:
        return self.plan.recipe.layers

    def _check(self, columns: Mapping[str, Array]) -> None:
        for spec in self._layers:
            try:
                to_dtype(columns[spec.column], spec.dtype)
            except InputError as exc:
                raise InputError(f"Layer {spec.layer.name}: {exc.what}", todo=exc.todo) from exc


def to_vectors(arrays: Mapping[str, Array], plan: ViewPlan) -> Vectors:
    """Apply a recipe's last steps to one batch.

    Args:
        arrays: Tap name to float32 `[B, *layer.shape]`; where a network for images sees windows of T
            frames, B counts frames.
        plan: Whose recipe is applied.

    Returns:
        Rows for each of the B images, or B / T windows.
    """
    recipe = plan.recipe
    if recipe.regions is not None and recipe.regions.on_maps:
        maps = {spec.column: arrays[spec.layer.name] for spec in recipe.layers}
        return Vectors(maps, np.ones(len(next(iter(maps.values()))), dtype=np.bool_), plan)
    columns = {}
    for spec in recipe.layers:
        pooled = pool(spec.pooling, spec.layer.kind, arrays[spec.layer.name])
        if plan.window_frames is not None:
            windows = pooled.reshape(-1, plan.window_frames, *pooled.shape[1:])
            pooled = windows.mean(axis=1, dtype=np.float32)
        columns[spec.column] = l2_normalize(pooled) if spec.normalized else pooled
    fit = [rows_that_fit(columns[s.column], s.dtype) for s in recipe.layers]
    return Vectors(columns, np.logical_and.reduce(fit), plan)


def read_regions(fmap: Array, fact: RowFacts, spec: LayerSpec, plan: ViewPlan) -> Array:
    """Read a sample's boxes off its map.

    Args:
        fmap: float32 `[C, H, W]`.
        fact: Its boxes, in pixels of the upright image, and that image's size.
        spec: How each box's bins `[C, bins, bins]` are pooled.
        plan: Its recipe says the method.

    Returns:
        float32 `[boxes, *spec.shape]`.
    """
    regions = plan.recipe.regions
    assert regions is not None
    assert fact.size_px is not None
    corners = np.array([(b.x0, b.y0, b.x1, b.y1) for b in fact.boxes], dtype=np.float32)
    mapped = map_boxes(corners, *fact.size_px, plan.recipe.pixels)
    scale = (fmap.shape[2] / mapped.width_px, fmap.shape[1] / mapped.height_px)
    boxes = mapped.boxes.astype(np.float32)
    if regions.method == "roi_pool":
        bins = roi_pool(fmap, boxes, spatial_scale=scale, output_size=regions.output_size)
    else:
        bins = roi_align(
            fmap,
            boxes,
            spatial_scale=scale,
            output_size=regions.output_size,
            sampling_ratio=regions.sampling_ratio,
            aligned=regions.aligned,
        )
    pooled = pool(spec.pooling, "map", bins)
    return l2_normalize(pooled) if spec.normalized else pooled


def _row_of_each_box(fact: RowFacts) -> list[RowFacts]:
    return [
        replace(fact, ordinal=fact.ordinal + i, box=box, boxes=(), size_px=None)
        for i, box in enumerate(fact.boxes)
    ]
