"""Turns the outputs of a network into the rows of a view: pooling over space and time, normalisation,
dtype."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.extraction.pipeline.rows import RowChunk
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.pool import l2_normalize, pool, rows_that_fit, to_dtype
from vifex.pool.boxes import map_boxes
from vifex.pool.regions import roi_align, roi_pool
from vifex.values import InputError, LayerSpec
from vifex.values.sample_facts import BOX_NUMBER, Corners, Records, SampleFacts

__all__ = ["BatchRows", "Vectors", "read_regions", "to_vectors"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class BatchRows:
    """The rows of one batch as the store takes them."""

    chunk: RowChunk
    fit: npt.NDArray[np.bool_]
    """Which of the batch's samples the store can hold."""
    all_fit: bool
    places: list[int] | None
    """Where the rows of each sample begin in the chunk, and where the last ones end; `None` where each sample
    is one row."""
    _vectors: Vectors

    def rows_of(self, start: int, stop: int) -> tuple[int, int]:
        """Give where the rows of samples `[start, stop)` begin and end in the chunk."""
        return (start, stop) if self.places is None else (self.places[start], self.places[stop])

    def check(self, start: int, stop: int) -> None:
        """Refuse samples that the store cannot hold.

        Raises:
            InputError: If a number is not finite, or too large for the dtype; the layer is named.
        """
        if not self.all_fit and not self.fit[start:stop].all():
            self._vectors.refuse(*self.rows_of(start, stop))


@dataclass(frozen=True, slots=True)
class Vectors:
    """What became of one batch, not yet in the dtype of the store."""

    columns: dict[str, Array]
    """Column name to float32 `[B, *shape]`; maps `[B, C, H, W]` where regions are read off them."""
    plan: ViewPlan

    def rows(self, facts: SampleFacts) -> BatchRows:
        """Make the rows of the first samples of the batch.

        Args:
            facts: Of N samples; what is behind them in the batch is padding.
        """
        regions = self.plan.recipe.regions
        if regions is not None and regions.on_maps:
            records, vectors, places = self._regions(facts)
        else:
            count = len(facts)
            records, places = facts.records, None
            vectors = Vectors({name: column[:count] for name, column in self.columns.items()}, self.plan)
        fit = vectors.fit()
        if places is not None:
            fit = np.array([fit[a:b].all() for a, b in itertools.pairwise(places)], dtype=np.bool_)
        with np.errstate(over="ignore", invalid="ignore"):  # rows that do not fit are refused
            stored = {s.column: vectors.columns[s.column].astype(s.dtype, copy=False) for s in self._layers}
        return BatchRows(RowChunk(records, stored), fit, bool(fit.all()), places, vectors)

    def fit(self) -> npt.NDArray[np.bool_]:
        """Tell which rows the store can hold."""
        layers = [rows_that_fit(self.columns[s.column], s.dtype) for s in self._layers]
        fit: npt.NDArray[np.bool_] = np.logical_and.reduce(layers)
        return fit

    def refuse(self, start: int, stop: int) -> None:
        """Raise for rows that the store cannot hold."""
        for spec in self._layers:
            try:
                to_dtype(self.columns[spec.column][start:stop], spec.dtype)
            except InputError as exc:
                raise InputError(f"Layer {spec.layer.name}: {exc.what}", todo=exc.todo) from exc

    def _regions(self, facts: SampleFacts) -> tuple[Records, Vectors, list[int]]:
        """Read the boxes of all samples off their maps: a row for each box."""
        parts = {
            s.column: [
                read_regions(self.columns[s.column][i], boxes[:, :4], size_px, s, self.plan)
                for i, (boxes, size_px) in enumerate(zip(facts.boxes, facts.sizes_px, strict=True))
            ]
            for s in self._layers
        }
        counts = [len(boxes) for boxes in facts.boxes]
        records = np.repeat(facts.records, counts)
        corners = np.concatenate(facts.boxes)
        for place, side in enumerate(("x0", "y0", "x1", "y1")):
            records[side] = corners[:, place]
        records[BOX_NUMBER] = corners[:, 4]
        records["ordinal"] += np.concatenate([np.arange(count) for count in counts])
        joined = {column: np.concatenate(arrays) for column, arrays in parts.items()}
        return records, Vectors(joined, self.plan), [0, *itertools.accumulate(counts)]

    @property
    def _layers(self) -> tuple[LayerSpec, ...]:
        return self.plan.recipe.layers


def to_vectors(arrays: Mapping[str, Array], plan: ViewPlan) -> Vectors:
    """Apply a recipe's last steps to one batch.

    Args:
        arrays: Layer name to float32 `[B, *layer.shape]`; where a network for images sees windows of T
            frames, B counts frames.
        plan: Whose recipe is applied.

    Returns:
        Rows for each of the B images, or B / T windows.
    """
    recipe = plan.recipe
    if recipe.regions is not None and recipe.regions.on_maps:
        maps = {spec.column: arrays[spec.layer.name] for spec in recipe.layers}
        return Vectors(maps, plan)
    columns = {}
    for spec in recipe.layers:
        pooled = pool(spec.pooling, spec.layer.kind, arrays[spec.layer.name])
        if plan.window_frames is not None:
            windows = pooled.reshape(-1, plan.window_frames, *pooled.shape[1:])
            pooled = windows.mean(axis=1, dtype=np.float32)
        columns[spec.column] = l2_normalize(pooled) if spec.normalized else pooled
    return Vectors(columns, plan)


def read_regions(
    fmap: Array, corners: Corners, size_px: tuple[int, int], spec: LayerSpec, plan: ViewPlan
) -> Array:
    """Read boxes off a sample's map.

    Args:
        fmap: float32 `[C, H, W]`.
        corners: The boxes `[K, 4]`, x0, y0, x1, y1 in pixels of the upright image.
        size_px: Width and height of that image.
        spec: How each box's bins `[C, bins, bins]` are pooled.
        plan: Its recipe says the method.

    Returns:
        float32 `[K, *spec.shape]`.
    """
    regions = plan.recipe.regions
    assert regions is not None
    mapped = map_boxes(corners.astype(np.float32), *size_px, plan.recipe.pixels)
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
