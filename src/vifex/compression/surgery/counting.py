"""Multiplications of a network for one input, in all and for each convolution and linear layer."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["applications", "multiplications"]


def multiplications(module: nn.Module, example: Tensor) -> int:
    """Count the multiplications of convolutions, matrix products and attention for one input.

    Args:
        module: In evaluation mode.
        example: A batch of its input, `[N, ...]`.

    Returns:
        Multiplications divided by N; element-wise operations are not counted.
    """
    # The counter does not know the fused attention of CPUs; in the open it is two matrix products.
    in_the_open = sdpa_kernel(SDPBackend.MATH)
    with torch.no_grad(), in_the_open, FlopCounterMode(display=False) as counter:
        module(example)
    return int(counter.get_total_flops()) // 2 // len(example)


def applications(module: nn.Module, example: Tensor) -> dict[str, int]:
    """Count how often the weights of each `nn.Conv2d` and `nn.Linear` are applied to one input.

    A convolution is applied once for each position of its output, a linear layer once for each vector. With
    `n` applications a layer costs `n * weight.numel()` multiplications. Layers that are never called, because
    other code reads their weights, are left out; so are subclasses, which may compute something else.

    Args:
        module: In evaluation mode.
        example: A batch of its input, `[N, ...]`.

    Returns:
        Dotted name of the layer to its applications, in the order of the modules.
    """
    counts: dict[str, int] = {}

    def count(name: str, layer: nn.Module, _: Any, out: Tensor) -> None:
        size = out.shape[1] if isinstance(layer, nn.Conv2d) else out.shape[-1]
        counts[name] = counts.get(name, 0) + out.numel() // size // len(example)

    layers = [(name, part) for name, part in module.named_modules() if type(part) in (nn.Conv2d, nn.Linear)]
    hooks = [part.register_forward_hook(partial(count, name)) for name, part in layers]
    try:
        with torch.no_grad():
            module(example)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: counts[name] for name, _ in layers if name in counts}
