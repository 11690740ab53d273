"""How a batch goes through a device: at once on a CPU, overlapped with its copies on CUDA."""

from __future__ import annotations

import ctypes
import queue
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vifex.engines.torch.devices import settings

__all__ = ["CudaRunner", "PlainRunner", "Runner", "as_network"]

Pixels = npt.NDArray[Any]
Outputs = list[npt.NDArray[np.float32]]
Network = Callable[[Tensor], Sequence[Tensor]]

_TYPES: Final = {"uint8": torch.uint8, "float32": torch.float32}


class Runner(Protocol):
    """Runs batches; `launch` is called by one thread, what it gives by another, in the same order."""

    def launch(self, pixels: Pixels) -> Callable[[], Outputs]:
        """Start a batch; the function that comes back waits for it and gives arrays of their own memory."""


class PlainRunner:
    """Runs a batch where it stands, on a CPU or MPS.

    Args:
        network: From pixels on the device to float32 per layer.
        device: Where it is.
        step: Inputs of a batch that are run at once.
        cores: Threads to compute with.
    """

    def __init__(self, network: Network, device: torch.device, *, step: int, cores: int | None) -> None:
        self._network = network
        self._device = device
        self._step = step
        self._cores = cores

    def launch(self, pixels: Pixels) -> Callable[[], Outputs]:
        """Compute a batch."""
        with torch.inference_mode(), settings(self._device, self._cores):
            parts = []
            for start in range(0, len(pixels), self._step):
                given = _borrow(pixels[start : start + self._step]).to(self._device)
                parts.append([out.cpu().numpy() for out in self._network(given)])
        joined = parts[0] if len(parts) == 1 else [np.concatenate(p) for p in zip(*parts, strict=True)]
        return lambda: joined


class CudaRunner:
    """Runs batches on a GPU: pinned memory, copies on streams of their own beside the arithmetic.

    Each batch in flight has a lane: pinned memory for what goes in and what comes out. A lane is used
    again only when its batch has been fetched.
    """

    def __init__(self, network: Network, device: torch.device, *, step: int, lanes: int) -> None:
        self._network = network
        self._device = device
        self._step = step
        self._going_in = torch.cuda.Stream(device)
        self._coming_out = torch.cuda.Stream(device)
        self._lanes: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        for _ in range(lanes):
            self._lanes.put({"in": None, "out": None})

    def launch(self, pixels: Pixels) -> Callable[[], Outputs]:
        """Queue a batch's copy, its arithmetic and the copy of what it gives."""
        lane = self._lanes.get()
        try:
            done = self._queue(pixels, lane)
        except BaseException:
            self._lanes.put(lane)
            raise

        def fetch() -> Outputs:
            try:
                done.synchronize()
                return [np.array(room.numpy()) for room in lane["out"]]
            finally:
                self._lanes.put(lane)

        return fetch

    def _queue(self, pixels: Pixels, lane: dict[str, Any]) -> torch.cuda.Event:
        arithmetic = torch.cuda.current_stream(self._device)
        if lane["in"] is None:
            lane["in"] = torch.empty(pixels.shape, dtype=_TYPES[pixels.dtype.name], pin_memory=True)
        lane["in"].numpy()[...] = pixels
        with torch.inference_mode(), settings(self._device):
            with torch.cuda.stream(self._going_in):
                given = lane["in"].to(self._device, non_blocking=True)
            arithmetic.wait_stream(self._going_in)
            given.record_stream(arithmetic)
            parts = [list(self._network(part)) for part in given.split(self._step)]
            outs = [torch.cat(p) if len(p) > 1 else p[0] for p in zip(*parts, strict=True)]
            self._coming_out.wait_stream(arithmetic)
            with torch.cuda.stream(self._coming_out):
                if lane["out"] is None:
                    lane["out"] = [torch.empty(o.shape, dtype=o.dtype, pin_memory=True) for o in outs]
                for room, out in zip(lane["out"], outs, strict=True):
                    room.copy_(out, non_blocking=True)
                    out.record_stream(self._coming_out)
                done = torch.cuda.Event()
                done.record(self._coming_out)
        return done


def _borrow(pixels: Pixels) -> Tensor:
    """Look at an array as a tensor, without a copy and whether or not it may be written to: nobody does."""
    raw = (ctypes.c_uint8 * pixels.nbytes).from_address(pixels.ctypes.data)
    return torch.frombuffer(raw, dtype=_TYPES[pixels.dtype.name]).view(pixels.shape)


def as_network(pixels: nn.Module, reader: nn.Module, device: torch.device, *, bf16: bool) -> Network:
    """Join normalisation and network; arithmetic in bf16 where that is asked for, normalisation never."""

    def run(given: Tensor) -> Sequence[Tensor]:
        x = pixels(given)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            outs: Sequence[Tensor] = reader(x)
        return outs

    return run
