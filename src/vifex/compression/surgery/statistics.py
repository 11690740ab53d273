"""Statistics of batch normalisation, estimated again after a network was changed."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["reestimate"]


def reestimate(module: nn.Module, batches: Iterable[Tensor]) -> int:
    """Replace the running means and variances of batch normalisations by those over some batches.

    Everything else stays in evaluation mode. A network without batch normalisation stays as it is.

    Args:
        module: The network, changed in place.
        batches: Its inputs, `[N, ...]` each with N of at least 2; all count alike.

    Returns:
        How many layers have new statistics.
    """
    layers = [part for part in module.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    if not layers:
        return 0
    momenta = [layer.momentum for layer in layers]
    module.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over all batches
        layer.train()
    with torch.no_grad():
        for batch in batches:
            module(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    module.eval()
    return len(layers)
