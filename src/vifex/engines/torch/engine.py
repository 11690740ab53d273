"""The torch engine: finds layers by hooks, and runs networks on the best device there is."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator, Sequence
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
from vifex.engines.torch.running.fitting import fit_to_gpu
from vifex.engines.torch.running.likeness import TOLERANCE, near
from vifex.engines.torch.running.network import TorchNetwork, out_of_memory
from vifex.engines.torch.running.runners import CudaRunner, PlainRunner, Runner, as_network
from vifex.engines.torch.running.steps import Network
from vifex.engines.torch.running.weights import cast_weights
from vifex.values import Layer, Model, ModelError

__all__ = ["TorchEngine"]

_REQUESTS: Final = {"cpu": 2, "mps": 2, "cuda": 4}
"""Batches in flight: one computes, the others are copied or wait."""


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
        """List the outputs of modules that are layers, in the order in which they are computed."""
        return [spot.layer for spot in self._find(model).spots]

    def resolve_layers(self, model: Model, wanted: Sequence[str]) -> list[Layer]:
        """Find layers by name, alias or pattern; by default the card's own choice or the last vector."""
        spots = self._find(model).spots
        twins = {spot.layer.name: spot.twin for spot in spots if spot.twin is not None}
        return resolve_names(wanted, Named([spot.layer for spot in spots], twins=twins), model.card)

    def resolve_precision(self, wanted: str) -> str:
        """Turn `auto`, `fp32` or `bf16` into what this device computes in."""
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
        module = self._modules.take(model)
        with contextlib.ExitStack() as undo:
            undo.callback(self._modules.give_back, model, module)
            reader = LayerOutput(self._in_memory_order(module), spots)
            undo.callback(reader.close)
            try:
                network, compiled = self._network(reader, model, precision, undo)
                runner, size = self._runner(
                    network, compiled, model, found, precision, batch, cores or available_cores()
                )
            except torch.OutOfMemoryError as exc:
                raise out_of_memory(str(self.device)) from exc
            on_close = undo.pop_all().close
        return TorchNetwork(
            runner,
            [spot.layer for spot in spots],
            input_shape=model.card.pixels_shape(size),
            requests=_REQUESTS[self.device.type],
            runs_on=str(self.device),
            on_close=on_close,
            dtype=input_dtype(model.card),
        )

    def spots(self, model: Model, layers: Sequence[Layer]) -> list[Spot]:
        """Return where these layers are read.

        Raises:
            ModelError: If a layer is not one of the model's.
        """
        found = self._find(model)
        return [self._spot(found, model, layer.name) for layer in layers]

    @contextlib.contextmanager
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

    def _network(
        self, reader: LayerOutput, model: Model, precision: str, undo: contextlib.ExitStack
    ) -> tuple[Network, Network | None]:
        """Join normalisation and network, its weights in bf16 where that changes no number.

        Returns:
            The network, and the same through `torch.compile` if the user asks for that.
        """
        pixels, bf16 = Pixels(model.card).to(self.device), precision == "bf16"
        network = as_network(pixels, reader, self.device, bf16=bf16)
        if bf16:
            expected = self._tried(network, model)
            put_back = cast_weights(reader.network)
            if all(torch.equal(x, y) for x, y in zip(expected, self._tried(network, model), strict=True)):
                undo.callback(put_back)
            else:
                put_back()
        if not self._options.compiles:
            return network, None
        return network, as_network(pixels, torch.compile(reader, dynamic=False), self.device, bf16=bf16)

    def _tried(self, network: Network, model: Model) -> Sequence[torch.Tensor]:
        """Run a network for one input of noise."""
        pixels = noise(model.card.pixels_shape(1), input_dtype(model.card), np.random.default_rng(0))
        with torch.inference_mode(), settings(self.device):
            return network(torch.from_numpy(pixels).to(self.device))

    def _runner(
        self,
        network: Network,
        compiled: Network | None,
        model: Model,
        found: Found,
        precision: str,
        batch: int | None,
        cores: int,
    ) -> tuple[Runner, int]:
        """Make what runs batches, and return it with its inputs per batch."""
        alone = found.fixed_batch or batch == 1
        together = not alone and self._apart(network, model, precision)
        if self.device.type != "cuda":
            size = batch or choose_batch(found.macs)
            step = size if together else 1
            return PlainRunner(compiled or network, self.device, step=step, cores=cores), size
        fit = functools.partial(
            fit_to_gpu,
            shape=model.card.pixels_shape(1)[1:],
            dtype=input_dtype(model.card),
            device=self.device,
            together=together,
            tolerance=TOLERANCE[precision],
        )
        fitted = fit(network, batch=batch)
        if compiled is not None:
            # Compiling takes a minute for each batch, so the batch is chosen before.
            fitted = fit(compiled, batch=fitted.batch)
        lanes = _REQUESTS["cuda"]
        return CudaRunner(fitted.network, self.device, step=fitted.step, lanes=lanes), fitted.batch

    def _in_memory_order(self, module: nn.Module) -> nn.Module:
        """Store the weights of convolutions channels last, as ready pixels are."""
        for part in module.modules():
            # Each by itself: `module.to` refuses a buffer of four axes beside convolutions over time.
            if isinstance(part, nn.Conv2d):
                part.to(memory_format=torch.channels_last)
            elif isinstance(part, nn.Conv3d):
                part.to(memory_format=torch.channels_last_3d)
        return module

    def _apart(self, network: Network, model: Model, precision: str) -> bool:
        """Return whether inputs stay apart in a batch: one input, first and last among other neighbours."""
        rng = np.random.default_rng(0)
        shape = model.card.pixels_shape(2)
        first, last = (noise(shape, input_dtype(model.card), rng) for _ in range(2))
        last[-1] = first[0]
        with torch.inference_mode(), settings(self.device):
            a, b = (network(torch.from_numpy(p).to(self.device)) for p in (first, last))
            return all(near(x[0], y[-1], TOLERANCE[precision]) for x, y in zip(a, b, strict=True))
