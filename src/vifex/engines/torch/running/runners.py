"""How a batch goes through a device: at once on a CPU, overlapped with its copies on a GPU."""

from __future__ import annotations

import ctypes
import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vifex.engines.torch.devices import settings
from vifex.engines.torch.running.pinning import PinnedBlocks
from vifex.engines.torch.running.steps import Network, Steps

__all__ = ["CudaRunner", "PlainRunner", "Runner", "as_network"]

Pixels = npt.NDArray[Any]
Outputs = list[npt.NDArray[np.float32]]

_TYPES: Final = {"uint8": torch.uint8, "float32": torch.float32}


class Runner(Protocol):
    """Runs batches. One thread calls `launch`, another calls what it returns, in the same order."""

    def launch(self, pixels: Pixels) -> Callable[[], Outputs]:
        """Start a batch.

        Args:
            pixels: It is read until the returned function has returned.

        Returns:
            A function that waits for the batch and returns arrays of their own memory.
        """

    def close(self) -> None:
        """Free what the runner holds; nothing is launched afterwards."""


class PlainRunner:
    """Runs each batch at once, on a CPU or MPS.

    Args:
        network: From pixels on the device to float32 per layer.
        device: Where it is.
        step: Inputs of a batch that are run together.
        cores: Threads to compute with.
    """

    def __init__(self, network: Network, device: torch.device, *, step: int, cores: int | None) -> None:
        self._steps = Steps(network, step)
        self._device = device
        self._cores = cores

    def launch(self, pixels: Pixels) -> Callable[[], Outputs]:
        """Compute a batch."""
        with torch.inference_mode(), settings(self._device, self._cores):
            outs = [out.cpu().numpy() for out in self._steps(_borrow(pixels).to(self._device))]
        return lambda: outs

    def close(self) -> None:
        """Do nothing: it holds nothing."""


@dataclass(slots=True)
class _Lane:
    """Pinned memory of one batch in flight."""

    staging: Tensor | None = None
    """For pixels whose own memory cannot be pinned."""
    outs: list[Tensor] = field(default_factory=list)
    pixels: Pixels | None = None
    """The batch that is being copied: its memory must live so long."""


class CudaRunner:
    """Runs batches on a GPU. Copies run on streams of their own, beside the arithmetic.

    Pixels in shared memory are copied from where the decoder processes wrote them: the runner pins that
    memory when it first sees it. Other pixels go through pinned memory of the runner. Each batch in flight
    has a lane, which is used again when its batch has been fetched.

    Args:
        network: From pixels on the device to float32 per layer.
        device: Where it is.
        step: Inputs of a batch that are run together.
        lanes: Batches in flight.
    """

    def __init__(self, network: Network, device: torch.device, *, step: int, lanes: int) -> None:
        self._device = device
        self._steps = Steps(network, step, free=torch.cuda.empty_cache)
        self._pinned = PinnedBlocks(device)
        self._copy_in, self._arithmetic, self._copy_out = (torch.cuda.Stream(device) for _ in range(3))
        # What made the network ran on another stream.
        self._arithmetic.wait_stream(torch.cuda.current_stream(device))
        self._slots: dict[tuple[int, tuple[int, ...]], Tensor] = {}
        """Tensors over the slots of pinned memory, by address and shape."""
        self._lanes: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        for _ in range(lanes):
            self._lanes.put(_Lane())

    def launch(self, pixels: Pixels) -> Callable[[], Outputs]:
        """Queue a batch's copy, its arithmetic and the copy of its results."""
        lane = self._lanes.get()
        try:
            done = self._queue(pixels, lane)
        except BaseException:
            self._lanes.put(lane)
            raise

        def fetch() -> Outputs:
            try:
                done.synchronize()
                return [np.array(out.numpy()) for out in lane.outs]
            finally:
                lane.pixels = None
                self._lanes.put(lane)

        return fetch

    def close(self) -> None:
        """Unpin the memory of the decoder processes."""
        self._slots.clear()
        self._pinned.close()

    def _queue(self, pixels: Pixels, lane: _Lane) -> torch.cuda.Event:
        source = self._source(pixels, lane)
        with torch.inference_mode(), settings(self._device):
            with torch.cuda.stream(self._copy_in):
                given = source.to(self._device, non_blocking=True)
            self._arithmetic.wait_stream(self._copy_in)
            with torch.cuda.stream(self._arithmetic):
                given.record_stream(self._arithmetic)
                outs = self._steps(given)
            self._copy_out.wait_stream(self._arithmetic)
            with torch.cuda.stream(self._copy_out):
                if not lane.outs:
                    lane.outs = [torch.empty(o.shape, dtype=o.dtype, pin_memory=True) for o in outs]
                for pinned, out in zip(lane.outs, outs, strict=True):
                    pinned.copy_(out, non_blocking=True)
                    out.record_stream(self._copy_out)
                done = torch.cuda.Event(blocking=True)  # who waits for it sleeps
                done.record(self._copy_out)
        return done

    def _source(self, pixels: Pixels, lane: _Lane) -> Tensor:
        """Return pinned memory with the pixels, theirs where it can be pinned."""
        if self._pinned.holds(pixels):
            lane.pixels = pixels
            place = (pixels.ctypes.data, pixels.shape)
            if place not in self._slots:
                self._slots[place] = _borrow(pixels)
            return self._slots[place]
        if lane.staging is None:
            lane.staging = torch.empty(pixels.shape, dtype=_TYPES[pixels.dtype.name], pin_memory=True)
        lane.staging.numpy()[...] = pixels
        return lane.staging


def _borrow(pixels: Pixels) -> Tensor:
    """Return a tensor over an array's memory. The array may be read-only: nothing writes to the tensor."""
    raw = (ctypes.c_uint8 * pixels.nbytes).from_address(pixels.ctypes.data)
    return torch.frombuffer(raw, dtype=_TYPES[pixels.dtype.name]).view(pixels.shape)


def as_network(pixels: nn.Module, reader: nn.Module, device: torch.device, *, bf16: bool) -> Network:
    """Join normalisation, which is always in float32, and network.

    Args:
        pixels: From ready pixels to the network's input.
        reader: From there to the layers.
        device: Where both are.
        bf16: Whether the network computes in bf16 where autocast does.
    """

    def run(given: Tensor) -> Sequence[Tensor]:
        x = pixels(given)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            outs: Sequence[Tensor] = reader(x)
        return outs

    return run
