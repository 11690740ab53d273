"""How a network is run: inputs per batch, streams, and requests in flight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Plan", "choose_batch", "choose_plan", "count_macs"]

_BATCH_MACS: Final = 34_000_000_000
"""Multiplications above which the overhead of a batch does not matter."""
_MAX_BATCH: Final = 32
_BATCH_BYTES: Final = 8 * 224 * 224 * 2
"""Pixels of a batch times the bytes of a number, so that maps stay in the caches: ResNet-50 was fastest with
8 images in bf16 and 4 in fp32; twice and half as many were 2 to 6 % slower."""
_LIGHT_MACS: Final = 16_000
"""Multiplications per pixel below which memory limits a network, so that half the batch is faster:
MobileNetV3 by 8 % in bf16 (4 images) and by 17 % in fp32 (2)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the cores are distributed."""

    cores: int
    streams: int
    """Batches computed at the same time."""
    requests: int
    """Batches in flight: one more waits for each stream, so that no stream idles."""


def choose_plan(cores: int) -> Plan:
    """Distribute the cores: one stream per core on small machines, per two cores on large ones."""
    streams = cores if cores <= 8 else cores // 2
    return Plan(cores=cores, streams=streams, requests=2 * streams)


def choose_batch(macs: int, pixels: int = 0, number_bytes: int = 2) -> int:
    """Choose the inputs per batch for a network of so many multiplications and pixels per input.

    Small networks get large batches, which share the cost of each call. Large networks get small batches,
    which need less memory, waiting and padding. The batch does not change the results.

    Args:
        macs: Multiplications for one input.
        pixels: Pixels of one input; 0 if they are not known.
        number_bytes: Bytes of a number at the network's precision.
    """
    most_numbers = _BATCH_BYTES // number_bytes // (2 if macs < _LIGHT_MACS * pixels else 1)
    batch = 1
    while (
        batch < _MAX_BATCH
        and 2 * batch * max(macs, 1) <= _BATCH_MACS
        and 2 * batch * max(pixels, 1) <= most_numbers
    ):
        batch *= 2
    return batch


def count_macs(graph: Any) -> int:
    """Count the multiplications of a graph with fixed sizes in its convolutions and matrix products."""
    total = 0
    for op in graph.get_ordered_ops():
        kind = op.get_type_name()
        if kind in ("Convolution", "GroupConvolution"):
            total += _size(op.get_output_shape(0)) * _size(_per_output(op, kind))
        elif kind == "MatMul":
            transposed = op.get_attributes().get("transpose_a", False)
            inner = op.get_input_shape(0)
            total += _size(op.get_output_shape(0)) * (
                inner[-2] if transposed and len(inner) > 1 else inner[-1]
            )
    return total


def _per_output(op: Any, kind: str) -> list[int]:
    # Weights are [out, in, ...], or [groups, out, in, ...].
    return list(op.get_input_shape(1))[1 if kind == "Convolution" else 2 :]


def _size(shape: Any) -> int:
    size = 1
    for n in shape:
        size *= int(n)
    return size
