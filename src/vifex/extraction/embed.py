"""Features of a few images at once, in this process: for queries and for `load_model(...).features`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.engines import Network
from vifex.extraction.decoders.protocol import RowFacts
from vifex.extraction.pipeline.vectors import to_vectors
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.values import Box

__all__ = ["compile_plan", "embed", "run_batches"]

Pixels = npt.NDArray[Any]


def compile_plan(plan: ViewPlan, *, batch: int = 1) -> Network:
    """Compile a plan's network for small batches."""
    batch *= plan.window_frames or 1
    return plan.engine.compile(plan.model, plan.layers, precision=plan.recipe.precision, batch=batch)


def run_batches(network: Network, pixels: Sequence[Pixels]) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Run samples through a network, the last batch padded with its first sample.

    Args:
        network: Compiled.
        pixels: Samples, uint8 or of sound float32, each `network.input_shape[1:]`.

    Yields:
        Tap name to float32 `[samples of the batch, *layer.shape]`.
    """
    for start in range(0, len(pixels), network.batch):
        chunk = list(pixels[start : start + network.batch])
        padded = chunk + [chunk[0]] * (network.batch - len(chunk))
        arrays = network.submit(np.ascontiguousarray(np.stack(padded))).result()
        yield {name: array[: len(chunk)] for name, array in arrays.items()}


def embed(plan: ViewPlan, pixels: Pixels) -> dict[str, npt.NDArray[Any]]:
    """Return the vectors that a view's recipe makes of one sample.

    Args:
        plan: The view's.
        pixels: uint8 `[H, W, 3]`; where the recipe takes windows, one frame stands for the whole window.
            Of sound float32 `[S]`.

    Returns:
        Column name to `[*shape]`.
    """
    with compile_plan(plan) as network:
        frames = plan.recipe.sampling.frames_per_sample
        if frames is not None and pixels.ndim == 3:
            pixels = np.repeat(pixels[None], frames, axis=0)
        batch = np.ascontiguousarray(pixels.reshape(network.input_shape))
        arrays = network.submit(batch).result()
    _, vectors = to_vectors(arrays, plan).rows(0, [_whole(plan)])
    return {name: v[0] for name, v in vectors.items()}


def _whole(plan: ViewPlan) -> RowFacts:
    """The facts of a query: where a view's rows are boxes on maps, the query is the box of all of it."""
    size = (plan.recipe.pixels.width_px, plan.recipe.pixels.height_px)
    box = Box(0, 0, *size)
    return RowFacts(0, None, None, None, None, None, None, None, boxes=(box,), size_px=size)
