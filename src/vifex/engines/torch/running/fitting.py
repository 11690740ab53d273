"""Fitting a network to a GPU before its first batch: its batch, and one CUDA graph for all its kernels."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vifex.engines.inputs import noise
from vifex.engines.torch.devices import settings
from vifex.engines.torch.running.batches import choose_batch
from vifex.engines.torch.running.capture import captured
from vifex.engines.torch.running.steps import Network

__all__ = ["GpuFit", "fit_to_gpu"]

_LARGEST: Final = 256
"""Inputs of the largest batch."""
_LEAST_BYTES: Final = 20 << 20
"""Pixels of the smallest batch that is tried: smaller ones cost the processor more than they spare memory."""
_MOST_BYTES: Final = 40 << 20
"""Pixels of the largest batch: every decoder process fills one, and some wait."""
_ONE_BY_ONE: Final = 32
"""Inputs of a batch whose inputs are run one by one."""
_TIMED_S: Final = 0.05
"""What the timing of one batch size takes about."""


@dataclass(frozen=True, slots=True)
class GpuFit:
    """A network as a GPU runs it best."""

    network: Network
    batch: int
    step: int
    """Inputs that are run together: the batch, or 1 for a network that takes or keeps apart no more."""


def fit_to_gpu(
    network: Network,
    shape: Sequence[int],
    dtype: np.dtype[Any],
    device: torch.device,
    *,
    batch: int | None,
    together: bool,
    tolerance: float,
) -> GpuFit:
    """Choose a network's batch by measuring, and capture it as a CUDA graph where that gives the same.

    Args:
        network: On the GPU.
        shape: Of one input's ready pixels.
        dtype: Of the pixels.
        device: The GPU.
        batch: Inputs per batch where that is decided already.
        together: Whether inputs may be run together.
        tolerance: Largest difference between the graph and the network, as a part of the largest value.

    Raises:
        torch.OutOfMemoryError: If the GPU's memory does not suffice for one input.
    """
    fitted: dict[int, Network] = {}

    def capture(size: int) -> tuple[Network, Tensor]:
        first, second = (_pixels((size, *shape), dtype, device, seed) for seed in (0, 1))
        fitted[size] = captured(network, (first, second), tolerance=tolerance) or network
        return fitted[size], first

    with torch.cuda.device(device), torch.inference_mode(), settings(device):
        if not together:
            capture(1)
            return GpuFit(fitted[1], batch or _ONE_BY_ONE, 1)
        if batch is None:
            input_bytes = int(np.prod(shape)) * dtype.itemsize
            batch = choose_batch(
                lambda size: _rate(*capture(size), device),
                first=_inputs(_LEAST_BYTES, input_bytes),
                most=_inputs(_MOST_BYTES, input_bytes),
            )
        else:
            try:
                capture(batch)
            except torch.OutOfMemoryError:
                fitted[batch] = network  # it runs in smaller steps
        torch.cuda.empty_cache()
    return GpuFit(fitted[batch], batch, batch)


def _inputs(batch_bytes: int, input_bytes: int) -> int:
    """Return the largest power of two of inputs that takes no more than some bytes; at least 1."""
    return min(_LARGEST, 1 << (max(1, batch_bytes // input_bytes).bit_length() - 1))


def _pixels(shape: tuple[int, ...], dtype: np.dtype[Any], device: torch.device, seed: int) -> Tensor:
    made: npt.NDArray[Any] = noise(shape, dtype, np.random.default_rng(seed))
    return torch.from_numpy(made).to(device)


def _rate(network: Callable[[Tensor], object], given: Tensor, device: torch.device) -> float:
    """Measure inputs per second, the time to start the kernels included."""
    calls, taken_s = 1, 0.0
    while True:
        torch.cuda.synchronize(device)
        began_s = time.perf_counter()
        for _ in range(calls):
            network(given)
        torch.cuda.synchronize(device)
        taken_s = time.perf_counter() - began_s
        if taken_s >= _TIMED_S or calls >= 64:
            return calls * len(given) / taken_s
        calls *= 4
