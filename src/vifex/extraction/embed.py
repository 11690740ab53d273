"""Features of a few images at once, in this process: for queries and for `load_model(...).features`."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.engines import Engine, Network
from vifex.engines.precision import is_int8
from vifex.extraction.pipeline.vectors import to_vectors
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.values import Box, EngineError, Sample
from vifex.values.sample_facts import FactsBuilder, SampleFacts

__all__ = ["best_precision", "compile_plan", "embed", "run_batches"]

Pixels = npt.NDArray[Any]


def compile_plan(plan: ViewPlan, *, batch: int = 1, precision: str | None = None) -> Network:
    """Compile a plan's network for small batches.

    Args:
        plan: The view's.
        batch: Samples in a batch.
        precision: Another one than the recipe's, as `best_precision` gives it.
    """
    batch *= plan.window_frames or 1
    precision = precision or plan.recipe.precision
    return plan.engine.compile(plan.model, plan.layers, precision=precision, batch=batch)


def best_precision(engine: Engine, wanted: str) -> str:
    """Return a precision that this machine has: the one wanted, else the one that is more exact.

    Args:
        engine: That runs the network.
        wanted: `fp32`, `bf16`, `int8+fp32` or `int8+bf16`, as a recipe says.

    Raises:
        EngineError: If the engine has neither.
    """
    try:
        return engine.resolve_precision(wanted)
    except EngineError:
        return engine.resolve_precision("int8+fp32" if is_int8(wanted) else "fp32")


def run_batches(network: Network, pixels: Iterable[Pixels]) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Run samples through a network, the last batch padded with its first sample.

    While a batch is computed, the next samples are taken. Memory is bounded by the batches in flight.

    Args:
        network: Compiled.
        pixels: Samples, uint8 or of sound float32, each `network.input_shape[1:]`.

    Yields:
        Layer name to float32 `[samples of the batch, *layer.shape]`, in the order of the samples.
    """
    running: deque[tuple[Future[dict[str, npt.NDArray[Any]]], int]] = deque()
    samples = iter(pixels)
    while chunk := list(itertools.islice(samples, network.batch)):
        padded = chunk + [chunk[0]] * (network.batch - len(chunk))
        running.append((network.submit(np.ascontiguousarray(np.stack(padded))), len(chunk)))
        if len(running) >= network.requests:
            yield _finished(*running.popleft())
    while running:
        yield _finished(*running.popleft())


def _finished(result: Future[dict[str, npt.NDArray[Any]]], count: int) -> dict[str, npt.NDArray[Any]]:
    return {name: array[:count] for name, array in result.result().items()}


def embed(plan: ViewPlan, network: Network, pixels: Pixels) -> dict[str, npt.NDArray[Any]]:
    """Return the vectors that a view's recipe makes of one sample.

    Args:
        plan: The view's.
        network: Of the plan, compiled for one sample.
        pixels: uint8 `[H, W, 3]`; where the recipe takes windows, one frame stands for the whole window.
            Of sound float32 `[S]`.

    Returns:
        Column name to `[*shape]`.
    """
    frames = plan.recipe.sampling.frames_per_sample
    if frames is not None and pixels.ndim == 3:
        pixels = np.repeat(pixels[None], frames, axis=0)
    batch = np.ascontiguousarray(pixels.reshape(network.input_shape))
    arrays = network.submit(batch).result()
    rows = to_vectors(arrays, plan).rows(_whole(plan))
    rows.check(0, 1)
    return {name: v[0] for name, v in rows.chunk.vectors.items()}


def _whole(plan: ViewPlan) -> SampleFacts:
    """Facts of a query: where a view's rows are boxes on maps, the query is the box of all of it."""
    size = (plan.recipe.pixels.width_px, plan.recipe.pixels.height_px)
    facts = FactsBuilder()
    facts.add(Sample(0, 0, np.empty(0, np.uint8), boxes=(Box(0, 0, *size),), size_px=size))
    return facts.take()
