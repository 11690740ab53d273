"""Heads without weights: the mean or the largest value over time."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["MaxHead", "MeanHead"]


class MeanHead(nn.Module):
    """The mean over time: `[B, T, D]` to `[B, D]`."""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.out_features = in_features

    def forward(self, x: Tensor) -> Tensor:
        """Average over the frames."""
        return x.mean(dim=1)


class MaxHead(nn.Module):
    """The largest value of each number over time: `[B, T, D]` to `[B, D]`."""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.out_features = in_features

    def forward(self, x: Tensor) -> Tensor:
        """Take the maximum over the frames."""
        return x.amax(dim=1)
