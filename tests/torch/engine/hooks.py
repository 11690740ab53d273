"""The oracle: plain forward hooks on a module's own forward pass, written without the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def prepared(card: Any, pixels: Any) -> torch.Tensor:
    """Pixels as a loop of one's own would prepare them."""
    x = pixels.astype(np.float32) / np.float32(card.scale)
    x = (x - np.array(card.mean, np.float32)) / np.array(card.std, np.float32)
    given = "NHWC" if card.frames is None else "NTHWC"
    return torch.from_numpy(np.ascontiguousarray(x.transpose([given.index(a) for a in card.layout])))


def hooked(module: torch.nn.Module, x: torch.Tensor) -> dict[str, list[Any]]:
    """What each module gave at each of its calls, copied at once, by name."""
    seen: dict[str, list[Any]] = {}

    def copy(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.detach().clone().numpy()
        if isinstance(value, dict):
            return copy(next(iter(value.values())))
        return copy(value[0]) if isinstance(value, (tuple, list)) and value else None

    handles = [
        part.register_forward_hook(lambda _m, _i, out, n=name: seen.setdefault(n, []).append(copy(out)))
        for name, part in module.named_modules()
    ]
    with torch.no_grad():
        module(x)
    for handle in handles:
        handle.remove()
    return seen
