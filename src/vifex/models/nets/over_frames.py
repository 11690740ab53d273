"""An image network over the frames of a clip, followed by a temporal head.

`families/composed/seq.py` knows names and files.
"""

from __future__ import annotations

from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn

from vifex.models.heads.states import States

__all__ = ["OverFrames", "image_vector"]


class OverFrames(nn.Module):
    """`[N, T, C, H, W]` to `[N, D']`: each frame through `backbone`, read at a layer, then `head`.

    State: `backbone.*` and `head.*`. Layers: `frames`, the frames' features, sequence `[T, D]`; `head`,
    vector `[D']`; `head.states`, sequence, in heads that have it. Inside `backbone` the frames are
    part of the batch: its modules see `[N * T, C, H, W]`, the frames of one clip after each other.

    Args:
        backbone: Takes `[N, C, H, W]`; its own output is not used.
        layer: The module of the backbone that is read.
        head: Takes `[N, T, D]`.
    """

    def __init__(self, backbone: nn.Module, layer: str, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.layer = layer
        self.frames = States()
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch of clips to vectors."""
        n, t = x.shape[:2]
        vectors = image_vector(self.backbone, self.layer, x.flatten(0, 1))
        return self.head(self.frames(vectors.reshape(n, t, -1)))


def image_vector(backbone: nn.Module, layer: str, images: Tensor) -> Tensor:
    """Run a network and read one vector per image at a module.

    Args:
        backbone: Takes `[N, C, H, W]`.
        layer: Name of a module in it.
        images: `[N, C, H, W]`.

    Returns:
        `[N, D]`: a vector as it is, the mean over the cells of a map `[N, D, H, W]`, the mean over tokens
        `[N, L, D]`.

    Raises:
        ValueError: If the module was not run, or gives none of these.
    """
    seen: list[Any] = []
    mine = get_ident()

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        if get_ident() == mine:  # another thread may run the same network at the same time
            seen.append(output)

    hook = backbone.get_submodule(layer).register_forward_hook(keep)
    try:
        backbone(images)
    finally:
        hook.remove()
    if not seen:
        raise ValueError(f"the network does not run its module {layer!r}")
    output = seen[-1][0] if isinstance(seen[-1], tuple) else seen[-1]
    if not isinstance(output, torch.Tensor) or output.dim() not in (2, 3, 4):
        raise ValueError(f"the module {layer!r} gives no vector, map or tokens")
    if output.dim() == 4:
        return output.mean(dim=(2, 3))
    return output.mean(dim=1) if output.dim() == 3 else output
