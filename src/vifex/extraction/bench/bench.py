"""What a precision gains and costs, measured: speed, and how near its features are to those of fp32."""

from __future__ import annotations

import contextlib
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.engines import EngineOptions, Network
from vifex.engines.cores import available_cores
from vifex.engines.int8.int8 import require_nncf
from vifex.engines.precision import is_int8
from vifex.engines.scratch import scratch_folder
from vifex.extraction.bench.fidelity import Fidelity, compare
from vifex.extraction.bench.measured import Bench, Measured, Rate
from vifex.extraction.bench.rates import inference_rate, pipeline_rate
from vifex.extraction.calibration.calibrate import SAMPLES, learn, network_samples
from vifex.extraction.calibration.gather import Spread, choose_media, gather, sparse
from vifex.extraction.embed import run_batches
from vifex.extraction.pipeline.vectors import to_vectors
from vifex.extraction.planning.view_plan import ViewPlan, plan_view
from vifex.media.sources import find
from vifex.values import EngineError, InputError, Limits, MissingExtraError, Model
from vifex.values.registry import near as near_names

__all__ = ["PRECISIONS", "ROUNDS", "run_bench"]

PRECISIONS: Final = ("fp32", "bf16", "int8")
ROUNDS: Final = 5

_MADE: Final = 64
"""Images that are made up where no media are given."""
_APART: Final = 100
"""From so many samples on, int8 learns from one half of them and is judged by the other."""
_BYTES: Final = 512 << 20

Pixels = npt.NDArray[np.uint8]
Vectors = dict[str, npt.NDArray[Any]]
Measure = Callable[[ViewPlan, Network, float], float]


def run_bench(
    model: Model,
    media: Sequence[str | os.PathLike[str]] = (),
    *,
    precisions: Sequence[str] = PRECISIONS,
    layers: Sequence[str] = (),
    seconds: float = 5.0,
    rounds: int = ROUNDS,
    options: EngineOptions | None = None,
    workers: int | None = None,
    limits: Limits | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Bench:
    """Measure a model's precisions, in rounds that alternate between them.

    Args:
        model: What is measured.
        media: Sources; a spread of at most 600 samples of them is decoded. Without any, made-up images
            give the speed of the network alone, and nothing else.
        precisions: What is compared.
        layers: Names, aliases or patterns of layers; by default the model's own choice.
        seconds: For each measurement, all its rounds together.
        rounds: How many; a first one that only warms is not counted.
        options: Which engine runs the network, and on which device.
        workers: Decoder processes; by default one for each core.
        limits: What one file may cost.
        on_step: Told what is being done.

    Raises:
        InputError: If a precision is unknown or named twice, or no medium gives a sample.
        ModelError: If a layer is unknown.
    """
    if not precisions or len(set(precisions)) < len(precisions):
        raise InputError("each precision is named once.", todo=f"For example {','.join(PRECISIONS)}.")
    known = ["auto", *PRECISIONS]
    for precision in precisions:
        if precision not in known:
            raise InputError(
                f"there is no precision {precision!r}.",
                todo=f"{near_names(precision, known)}Known: {', '.join(known)}.",
            )
    if seconds <= 0:
        raise InputError(f"a bench of {seconds:g} s measures nothing.", todo="Give a positive number.")
    tell = on_step or (lambda _: None)
    cores = available_cores()
    workers, limits = workers or cores, limits or Limits()
    base = plan_view("bench", model, layers=layers, precision="fp32", options=options)
    if base.recipe.audio is not None:
        raise InputError("a bench is for networks of images and clips.", of=model.card.name)
    tell("decoding a sample of the media" if media else "making up images")
    material = _decoded(base, media, workers, limits) if media else _made_up(base)
    with contextlib.ExitStack() as stack:
        bench = _Running(base, material, cores, rounds, stack, tell)
        for precision in precisions:
            bench.prepare(precision)
        inference = bench.alternate("the network alone", bench.alone, seconds)
        pipeline: dict[str, Rate] = {}
        near: dict[str, tuple[Fidelity, ...]] = {}
        fast: tuple[Fidelity, ...] = ()
        if material.spread is not None:
            chosen = material.spread.media

            def through(plan: ViewPlan, network: Network, s: float) -> float:
                return pipeline_rate(plan, network, chosen, s, workers=workers, limits=limits)

            pipeline = bench.alternate("decoding and network", through, seconds)
            near, fast = bench.fidelity()
        found = tuple(
            replace(
                bench.measured(p),
                inference=inference.get(p),
                pipeline=pipeline.get(p),
                fidelity=near.get(p, ()),
            )
            for p in precisions
        )
    return Bench(
        model=model.card.name,
        cores=cores,
        rounds=rounds,
        seconds=seconds,
        media=material.media,
        samples=0 if material.spread is None else len(material.judge),
        held_out=material.held_out,
        precisions=found,
        fast_decode=fast,
    )


# -- what is run through the networks ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Material:
    """Samples, uint8 `[N, *sample shape]` each."""

    learn: Pixels
    """From which int8 learns its ranges."""
    judge: Pixels
    """On which fidelity is measured."""
    exact: Pixels | None = None
    """Those of `judge`, decoded exactly."""
    media: int = 0
    held_out: bool = False
    spread: Spread | None = None
    """The media that they are of; `None` where they are made up."""


def _made_up(plan: ViewPlan) -> _Material:
    """Make images: smooth ones, so that no range is learned from noise alone."""
    spec, frames = plan.recipe.pixels, plan.recipe.sampling.frames_per_sample
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (_MADE, *((frames,) if frames else ()), 8, 8, 3), dtype=np.uint8)
    rows = np.arange(spec.height_px) * 8 // spec.height_px
    columns = np.arange(spec.width_px) * 8 // spec.width_px
    pixels = np.ascontiguousarray(coarse[..., rows[:, None], columns[None, :], :])
    return _Material(pixels, pixels)


def _decoded(
    plan: ViewPlan, media: Sequence[str | os.PathLike[str]], workers: int, limits: Limits
) -> _Material:
    fast = plan.request
    size = 6 * fast.pixels.height_px * fast.pixels.width_px * (fast.sampling.frames_per_sample or 1)
    most = max(32, min(2 * SAMPLES, _BYTES // size))
    spread = choose_media(find(media), most)
    fast = replace(fast, sampling=sparse(fast.sampling, spread.per_medium))
    exact = replace(fast, pixels=replace(fast.pixels, decode="exact"))
    found = gather(spread, [fast, exact], most=most, workers=workers, limits=limits)
    if found is None:
        raise InputError("no medium gave a sample.", todo="vifex extract says what is wrong with each.")
    held_out = len(found.pixels[0]) >= _APART
    start, step = (1, 2) if held_out else (0, 1)
    return _Material(
        learn=found.pixels[0][::step],
        judge=found.pixels[0][start::step],
        exact=found.pixels[1][start::step],
        media=found.media,
        held_out=held_out,
        spread=spread,
    )


# -- measuring --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Running:
    """The precisions that can run, compiled."""

    base: ViewPlan
    material: _Material
    cores: int
    rounds: int
    stack: contextlib.ExitStack
    tell: Callable[[str], None]
    ready: dict[str, tuple[ViewPlan, Network]] = field(default_factory=dict)
    why_not: dict[str, str] = field(default_factory=dict)

    def prepare(self, precision: str) -> None:
        """Compile a precision, or keep the sentence that says why it cannot run."""
        self.tell(f"preparing {precision}")
        try:
            plan = self._plan(precision)
            self.ready[precision] = plan, self._compiled(plan)
        except (EngineError, MissingExtraError) as exc:
            self.why_not[precision] = exc.sentences

    def _plan(self, precision: str) -> ViewPlan:
        engine = self.base.engine
        plan = replace(
            self.base, recipe=replace(self.base.recipe, precision=engine.resolve_precision(precision))
        )
        if not is_int8(plan.recipe.precision):
            return plan
        require_nncf()
        samples = network_samples(plan, self.material.learn, SAMPLES)
        return learn(plan, samples, self.stack.enter_context(scratch_folder()))

    def _compiled(self, plan: ViewPlan) -> Network:
        network = plan.engine.compile(
            plan.model,
            plan.layers,
            precision=plan.recipe.precision,
            batch=plan.network_batch,
            cores=self.cores,
        )
        self.stack.callback(network.close)
        return network

    def measured(self, precision: str) -> Measured:
        """Describe how a precision runs, or why it cannot."""
        if precision not in self.ready:
            return Measured(precision, why_not=self.why_not[precision])
        plan, network = self.ready[precision]
        return Measured(precision, plan.recipe.precision, batch=network.batch, requests=network.requests)

    def alone(self, plan: ViewPlan, network: Network, seconds: float) -> float:
        """Samples per second of a network alone."""
        inputs = network_samples(plan, self.material.judge, SAMPLES)
        return inference_rate(network, inputs, seconds) / (plan.window_frames or 1)

    def alternate(self, what: str, measure: Measure, seconds: float) -> dict[str, Rate]:
        """Measure every precision in each of some rounds, after a short one that only warms them."""
        values: dict[str, list[float]] = {p: [] for p in self.ready}
        for number in range(self.rounds + 1):
            self.tell(f"{what}, round {number} of {self.rounds}" if number else f"{what}, warming up")
            for precision, (plan, network) in self.ready.items():
                rate = measure(plan, network, seconds / self.rounds / (1 if number else 4))
                if number:
                    values[precision].append(rate)
        return {p: _rate(v) for p, v in values.items()}

    def fidelity(self) -> tuple[dict[str, tuple[Fidelity, ...]], tuple[Fidelity, ...]]:
        """Compare every precision with fp32, and in fp32 fast decoding with exact."""
        self.tell("comparing features")
        network = self.ready["fp32"][1] if "fp32" in self.ready else self._compiled(self.base)
        reference = _vectors(self.base, network, self.material.judge)
        assert self.material.exact is not None
        exact = _vectors(self.base, network, self.material.exact)
        near = {
            p: _compared(self.base, reference, _vectors(plan, network, self.material.judge))
            for p, (plan, network) in self.ready.items()
        }
        return near, _compared(self.base, exact, reference)


def _rate(values: Sequence[float]) -> Rate:
    quarters = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return Rate(*(round(v, 2) for v in quarters))


def _vectors(plan: ViewPlan, network: Network, pixels: Pixels) -> Vectors:
    """Return what a run would store: column to `[N, *shape]`."""
    inputs = pixels if plan.window_frames is None else pixels.reshape(-1, *pixels.shape[2:])
    parts = [to_vectors(arrays, plan).columns for arrays in run_batches(network, list(inputs))]
    return {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}


def _compared(plan: ViewPlan, reference: Vectors, other: Vectors) -> tuple[Fidelity, ...]:
    return tuple(
        compare(spec.layer.name, reference[spec.column], other[spec.column]) for spec in plan.recipe.layers
    )
