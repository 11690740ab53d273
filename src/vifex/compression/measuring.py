"""Measures two networks side by side: speed in alternating rounds, features and accuracy on the same images.

Both run in OpenVINO from their files, as `vifex extract` runs them.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.compression.figures import Side
from vifex.compression.images import Images
from vifex.engines import Network, load_engine
from vifex.engines.cores import available_cores
from vifex.extraction.bench.fidelity import Fidelity, compare
from vifex.extraction.bench.measured import Rate
from vifex.extraction.bench.rates import inference_rate
from vifex.extraction.embed import run_batches
from vifex.models.files import weights_files
from vifex.values import Layer, Model
from vifex.values.steps import step

__all__ = ["Contender", "Judged", "judge"]

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Contender:
    """A network from a file, and what is known of it."""

    model: Model
    parameters: int | None
    multiplications: int | None


@dataclass(frozen=True, slots=True)
class Judged:
    """The figures of both networks."""

    before: Side
    after: Side
    fidelity: tuple[Fidelity, ...]


def judge(
    before: Contender,
    after: Contender,
    *,
    features: Sequence[str],
    output: str | None,
    images: Images | None,
    seconds: float,
    rounds: int,
) -> Judged:
    """Measure a network before and after its compression.

    Args:
        before: The uncompressed network, as a graph file.
        after: The compressed one, likewise.
        features: Names of the layers that are extracted; both networks have them.
        output: Name of the layer with a number for each class, for the accuracy.
        images: On which features and accuracy are compared; without any, only the speed is measured, on
            noise.
        seconds: For the speed of each network, over all rounds.
        rounds: How many; one more, which is not counted, warms up.
    """
    engine = load_engine("openvino")
    precision = engine.resolve_precision("auto")
    card = before.model.card
    pixels = images.pixels if images is not None else _noise((64, card.height_px, card.width_px, 3))
    cores = available_cores()
    with contextlib.ExitStack() as stack:
        networks: list[Network] = []
        for contender in (before, after):
            layers = engine.resolve_layers(contender.model, features)
            network = engine.compile(contender.model, layers, precision=precision, cores=cores)
            stack.callback(network.close)
            networks.append(network)
        rates = _rates(networks, pixels[:512], seconds, rounds)
        found: list[Arrays] = []
        if images is not None:
            step("comparing features")
            for contender, network in zip((before, after), networks, strict=True):
                found.append(_run(contender.model, network, output, images, precision))
    sides = [
        Side(
            contender.parameters,
            contender.multiplications,
            sum(part.stat().st_size for part in weights_files(contender.model.file)),
            precision,
            rate,
            _accuracy(arrays.get(output or ""), images),
        )
        for contender, rate, arrays in zip((before, after), rates, found or [{}, {}], strict=True)
    ]
    fidelity = tuple(compare(name, found[0][name], found[1][name]) for name in features) if found else ()
    return Judged(sides[0], sides[1], fidelity)


def _noise(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _rates(
    networks: Sequence[Network], pixels: npt.NDArray[np.uint8], seconds: float, rounds: int
) -> list[Rate]:
    values: list[list[float]] = [[] for _ in networks]
    for number in range(rounds + 1):
        step(f"measuring the speed, round {number} of {rounds}" if number else "measuring the speed")
        for network, list_of_values in zip(networks, values, strict=True):
            rate = inference_rate(network, pixels, seconds / rounds / (1 if number else 4))
            if number:
                list_of_values.append(rate)
    quarters = [statistics.quantiles(v, n=4) if len(v) > 1 else [v[0]] * 3 for v in values]
    return [Rate(*(round(q, 2) for q in three)) for three in quarters]


def _run(model: Model, network: Network, output: str | None, images: Images, precision: str) -> Arrays:
    """Return features and output for all images, pooled to one vector per image."""
    engine = load_engine("openvino")
    layers: list[Layer] = list(network.layers)
    if output is None or any(layer.name == output for layer in layers):
        return _gathered(network, images)
    layers += engine.resolve_layers(model, [output])
    with engine.compile(model, layers, precision=precision) as both:
        return _gathered(both, images)


def _gathered(network: Network, images: Images) -> Arrays:
    parts = list(run_batches(network, images.pixels))
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    kinds = {layer.name: layer.kind for layer in network.layers}
    return {name: _pooled(values, kinds[name]) for name, values in whole.items()}


def _pooled(values: npt.NDArray[Any], kind: str) -> npt.NDArray[Any]:
    """Average a map over space and tokens over their number, as extraction does by default."""
    if kind == "map":
        mean: npt.NDArray[Any] = values.mean(axis=(2, 3))
        return mean
    return values.mean(axis=1) if kind in ("tokens", "sequence") else values.reshape(len(values), -1)


def _accuracy(outputs: npt.NDArray[Any] | None, images: Images | None) -> float | None:
    if outputs is None or images is None or images.labels is None:
        return None
    if outputs.ndim != 2 or outputs.shape[1] != len(images.classes):
        return None
    return float((outputs.argmax(axis=1) == images.labels).mean())
