"""Weights in bf16 where autocast would cast them for every batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import nn

__all__ = ["cast_weights"]

_CAST: Final = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d)
"""Modules whose weights reach only functions that autocast computes in bf16. Subclasses may do otherwise."""


def cast_weights(module: nn.Module) -> Callable[[], None]:
    """Cast weights to bf16, in place, where autocast gives the same numbers then.

    Autocast casts a layer's weights at each call; with the weights cast before, it computes the same on
    fewer bytes. Weights that are shared with another kind of module, or that a hook makes, are left alone.

    Returns:
        A function that puts the weights back as they were.
    """
    holders: dict[int, list[tuple[nn.Module, str]]] = {}
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                holders.setdefault(id(parameter), []).append((part, name))
    before = []
    for places in holders.values():
        part, name = places[0]
        parameter = part._parameters[name]
        if parameter is None or parameter.dtype != torch.float32 or not all(_is_plain(p) for p, _ in places):
            continue
        cast = nn.Parameter(parameter.detach().to(torch.bfloat16), requires_grad=False)
        for place, own in places:
            before.append((place, own, parameter))
            place._parameters[own] = cast

    def put_back() -> None:
        for place, own, parameter in before:
            place._parameters[own] = parameter

    return put_back


def _is_plain(part: nn.Module) -> bool:
    return type(part) in _CAST and not part._forward_pre_hooks
