"""A head over standardised features: each number minus its mean, divided by its deviation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["StandardisedHead"]


class StandardisedHead(nn.Module):
    """`head((x - mean) / deviation)`: `[B, T, D]` to the head's `[B, D']`.

    State: `mean` and `deviation` `[D]`, zeros and ones at first, and `head.*`.

    Args:
        in_features: D.
        head: Takes `[B, T, D]` and has `out_features`.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, in_features: int, head: nn.Module) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("deviation", torch.ones(in_features))
        self.head = head
        self.out_features = head.out_features

    def measure(self, rows: Tensor) -> None:
        """Take mean and deviation of rows `[N, D]`; a number that never changes is not divided."""
        self.mean.copy_(rows.mean(dim=0))
        deviation = rows.std(dim=0, correction=0)
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise the frames, then run the head."""
        out: Tensor = self.head((x - self.mean) / self.deviation)
        return out
