"""Positions in time: fixed sines that a head adds to the frames, because attention alone ignores order."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["add_positions"]

_LONGEST = 10_000.0


def add_positions(x: Tensor) -> Tensor:
    """Add `sin(t / 10000^(2i/D))` to number 2i of frame t, and the cosine to number 2i + 1.

    Args:
        x: Features of frames `[B, T, D]`, floating point.

    Returns:
        `[B, T, D]`, dtype of `x`.

    Source: Vaswani et al., Attention Is All You Need, NeurIPS 2017, arXiv:1706.03762, section 3.5.
    """
    time = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)[:, None]
    number = torch.arange(x.shape[2], device=x.device)
    angle = time / _LONGEST ** ((number - number % 2) / x.shape[2])
    # The cosine is the sine a quarter of a turn later, so that one formula serves even and odd numbers.
    return x + torch.sin(angle + (number % 2) * (torch.pi / 2)).to(x.dtype)
