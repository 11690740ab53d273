"""The torch engine: layers found by hooks, networks run on the best device there is."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import torch
from torch import nn

from vifex.engines.cores import available_cores
from vifex.engines.inputs import input_dtype, noise
from vifex.engines.names import Named, resolve_names
from vifex.engines.options import EngineOptions
from vifex.engines.plan import choose_batch
from vifex.engines.precision import resolve
from vifex.engines.torch.devices import has_bf16, open_device, settings
from vifex.engines.torch.discover import Found, Spot, discover
from vifex.engines.torch.layer_outputs import LayerOutput, Pixels
from vifex.engines.torch.modules import Modules
from vifex.engines.torch.network import TorchNetwork
from vifex.engines.torch.runners import CudaRunner, Network, PlainRunner, Runner, as_network
from vifex.values import Layer, Model, ModelError

__all__ = ["TorchEngine"]

_REQUESTS: Final = {"cpu": 2, "mps": 2, "cuda": 3}
"""Batches in flight: one computes, the others are copied or wait."""
_GPU_TIMES: Final = 8
"""A GPU's batch, as a multiple of a CPU's."""
_TOLERANCE: Final = {"fp32": 1e-4, "bf16": 2e-2}
"""Largest difference that other neighbours may make by the order of the arithmetic, as a part of the largest
value; more means that the network mixes its inputs."""


class TorchEngine:
    """Runs networks that are code (see `base.Engine`)."""

    name = "torch"

    def __init__(self, device: str | None = None, *, compile: bool | None = None) -> None:
        self.device = open_device(device)
        self._options = EngineOptions(compile=compile)
        self._modules = Modules(self.device)
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], Found] = {}

    def layers(self, model: Model) -> list[Layer]:
        """List every module's output worth reading, in the order in which they are computed."""
        return [spot.layer for spot in self._find(model).spots]

    def resolve_layers(self, model: Model, wanted: Sequence[str]) -> list[Layer]:
        """Find layers by name, alias or pattern; without any, the card's defaults or the last vector."""
        spots = self._find(model).spots
        twins = {spot.layer.name: spot.twin for spot in spots if spot.twin is not None}
        return resolve_names(wanted, Named([spot.layer for spot in spots], twins=twins), model.card)

    def resolve_precision(self, wanted: str) -> str:
        """Turn `auto`, `fp32` or `bf16` into what this machine will run."""
        return resolve(wanted, bf16=has_bf16(self.device))

    def compile(
        self,
        model: Model,
        layers: Sequence[Layer],
        *,
        precision: str,
        batch: int | None = None,
        cores: int | None = None,
    ) -> TorchNetwork:
        """Make a network ready to run; see `base.Engine.compile`."""
        if not layers:
            raise ValueError("compile needs at least one layer")
        precision = self.resolve_precision(precision)
        found = self._find(model)
        spots = self.spots(model, layers)
        size = batch or self._choose_batch(found)
        module = self._modules.take(model)
        reader = LayerOutput(self._in_memory_order(module), spots)
        try:
            pixels = Pixels(model.card).to(self.device)
            code: nn.Module = torch.compile(reader, dynamic=False) if self._options.compiles else reader
            network = as_network(pixels, code, self.device, bf16=precision == "bf16")
            step = 1 if found.fixed_batch or not self._apart(network, model, size, precision) else size
            runner = self._runner(network, step, cores or available_cores())
        except BaseException:
            reader.close()
            raise

        def give_back() -> None:
            reader.close()
            self._modules.give_back(model, module)

        return TorchNetwork(
            runner,
            [spot.layer for spot in spots],
            input_shape=model.card.pixels_shape(size),
            requests=_REQUESTS[self.device.type],
            runs_on=str(self.device),
            on_close=give_back,
            dtype=input_dtype(model.card),
        )

    def spots(self, model: Model, layers: Sequence[Layer]) -> list[Spot]:
        """Return where these layers are read.

        Raises:
            ModelError: If a layer is not one of the model's.
        """
        found = self._find(model)
        return [self._spot(found, model, layer.name) for layer in layers]

    @contextmanager
    def borrowed(self, model: Model) -> Iterator[tuple[nn.Module, Found]]:
        """Yield a model's module alone for a while, with what is known of it."""
        found = self._find(model)
        module = self._modules.take(model)
        try:
            yield module, found
        finally:
            self._modules.give_back(model, module)

    def _find(self, model: Model) -> Found:
        key = (model.weights_sha256, repr(model.card))
        with self._lock:
            if key not in self._found:
                module = self._modules.take(model)
                with settings(self.device):
                    self._found[key] = discover(module, model.card)
                self._modules.give_back(model, module)
            return self._found[key]

    def _spot(self, found: Found, model: Model, name: str) -> Spot:
        spot = next((s for s in found.spots if s.layer.name == name), None)
        if spot is None:
            raise ModelError(
                f"the model has no layer {name!r}.",
                of=model.card.name,
                todo=f"vifex layers {model.card.name} lists all {len(found.spots)}.",
            )
        return spot

    def _choose_batch(self, found: Found) -> int:
        return choose_batch(found.macs) * (_GPU_TIMES if self.device.type == "cuda" else 1)

    def _in_memory_order(self, module: nn.Module) -> nn.Module:
        """Lay the weights of convolutions channels last, as ready pixels are."""
        for part in module.modules():
            # By itself: a buffer of four axes beside convolutions over time would be refused.
            if isinstance(part, nn.Conv2d):
                part.to(memory_format=torch.channels_last)
            elif isinstance(part, nn.Conv3d):
                part.to(memory_format=torch.channels_last_3d)
        return module

    def _apart(self, network: Network, model: Model, batch: int, precision: str) -> bool:
        """Return whether inputs stay apart in a batch: one input, first and last among other neighbours."""
        if batch == 1:
            return True
        rng = np.random.default_rng(0)
        shape = model.card.pixels_shape(2)
        first, last = (noise(shape, input_dtype(model.card), rng) for _ in range(2))
        last[-1] = first[0]
        with torch.inference_mode(), settings(self.device):
            a, b = (network(torch.from_numpy(p).to(self.device)) for p in (first, last))
            return all(_near(x[0], y[-1], _TOLERANCE[precision]) for x, y in zip(a, b, strict=True))

    def _runner(self, network: Network, step: int, cores: int) -> Runner:
        if self.device.type == "cuda":
            return CudaRunner(network, self.device, step=step, lanes=_REQUESTS["cuda"])
        return PlainRunner(network, self.device, step=step, cores=cores)


def _near(x: torch.Tensor, y: torch.Tensor, tolerance: float) -> bool:
    # A network that gives no numbers (NaN) gives none among any neighbours.
    largest = max(float(x.nan_to_num().abs().max()), 1e-6)
    return bool(torch.isclose(x, y, rtol=0.0, atol=tolerance * largest, equal_nan=True).all())
