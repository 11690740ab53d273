"""One network read at several of its modules, and a fusion of their outputs.

`families/composed/fuse.py` knows names and files.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

__all__ = ["MultiScale", "as_vector", "outputs_at"]


class MultiScale(nn.Module):
    """A batch through `backbone`, read at `layers`, then `head`: one vector for each input.

    State: `backbone.*` and `head.*`. Layers: those of the backbone, and `head`, vector `[D]`.

    Args:
        backbone: Takes a batch; its own output is not used.
        layers: Its modules that are read.
        head: Takes a list with a tensor for each layer.
        pooled: Whether the head takes vectors: of a map or a volume the mean over its cells, of tokens or
            a sequence the mean of them. Else it takes what the modules give.
        unit: Scale each of these vectors to length 1.
    """

    def __init__(
        self,
        backbone: nn.Module,
        layers: Sequence[str],
        head: nn.Module,
        *,
        pooled: bool = True,
        unit: bool = True,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.layers = tuple(layers)
        self.head = head
        self.pooled = pooled
        self.unit = unit

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch of inputs to vectors `[N, D]`."""
        outputs = outputs_at(self.backbone, self.layers, x)
        if self.pooled:
            outputs = [as_vector(output) for output in outputs]
            if self.unit:
                outputs = [F.normalize(vector, dim=1) for vector in outputs]
        fused: Tensor = self.head(outputs)
        return fused


def outputs_at(backbone: nn.Module, layers: Sequence[str], x: Tensor) -> list[Tensor]:
    """Run a network and return the outputs of some of its modules.

    Args:
        backbone: The network.
        layers: Names of modules in it.
        x: A batch of inputs.

    Raises:
        ValueError: If a module was not run, or gives no vector, map, volume or tokens.
    """
    seen: dict[str, Any] = {}
    mine = get_ident()

    def holder(name: str) -> Any:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            if get_ident() == mine:  # another thread may run the same network at the same time
                seen[name] = output

        return keep

    hooks = [backbone.get_submodule(layer).register_forward_hook(holder(layer)) for layer in layers]
    try:
        backbone(x)
    finally:
        for hook in hooks:
            hook.remove()
    return [_tensor(layer, seen) for layer in layers]


def as_vector(output: Tensor) -> Tensor:
    """Average a map `[N, D, H, W]` or a volume over its cells, tokens `[N, L, D]` over their number."""
    if output.dim() == 3:
        return output.mean(dim=1)
    return output if output.dim() == 2 else output.flatten(2).mean(dim=2)


def _tensor(layer: str, seen: dict[str, Any]) -> Tensor:
    if layer not in seen:
        raise ValueError(f"the network does not run its module {layer!r}")
    output = seen[layer][0] if isinstance(seen[layer], tuple) else seen[layer]
    if not isinstance(output, torch.Tensor) or output.dim() not in (2, 3, 4, 5):
        raise ValueError(f"the module {layer!r} gives no vector, map, volume or tokens")
    return output
