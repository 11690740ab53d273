"""A network as a CUDA graph: the GPU gets all kernels of a batch by one call, not by one call for each.

Without it Python starts some hundred kernels for each batch, which takes longer than the GPU needs for
them and holds the interpreter lock meanwhile.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from vifex.engines.torch.running.likeness import near
from vifex.engines.torch.running.steps import Network

__all__ = ["captured"]


class _Captured:
    """A captured network. It computes batches of the captured size; other sizes go through the network."""

    def __init__(
        self, network: Network, graph: torch.cuda.CUDAGraph, given: Tensor, outs: Sequence[Tensor]
    ) -> None:
        self._network = network
        self._graph = graph
        self._given = given
        self._outs = outs

    def __call__(self, given: Tensor) -> Sequence[Tensor]:
        if given.shape != self._given.shape:
            return self._network(given)
        self._given.copy_(given)
        self._graph.replay()
        # The next batch overwrites the graph's own memory.
        return [out.clone() for out in self._outs]


def captured(network: Network, examples: tuple[Tensor, Tensor], *, tolerance: float) -> Network | None:
    """Capture a network as a CUDA graph.

    Args:
        network: On a GPU.
        examples: Two batches with different values `[N, ...]`: the graph must give for both what the
            network gives. A network whose Python decides by values, or changes from call to call, does not.
        tolerance: Largest difference, as a part of the largest value.

    Returns:
        The network as a graph for batches of N; `None` where it cannot be captured or comes out differently.

    Raises:
        torch.OutOfMemoryError: If the GPU's memory does not suffice for a batch.
    """
    first, second = examples
    device = first.device
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    try:
        with torch.inference_mode(), torch.cuda.stream(stream):
            expected = network(first)  # what is made at the first call is made now
            with _no_waiting():
                network(second)
            given = first.clone()
            graph = torch.cuda.CUDAGraph()
            torch.cuda.synchronize(device)
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                outs = network(given)
            finally:
                graph.capture_end()
            made = _Captured(network, graph, given, outs)
            pairs = [(expected, made(first)), (network(second), made(second))]
            alike = all(near(x, y, tolerance) for a, b in pairs for x, y in zip(a, b, strict=True))
            stream.synchronize()
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:
        return None
    return made if alike else None


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Raise where the processor waits for the GPU: a graph has no place for that."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls the mode a prototype
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)
