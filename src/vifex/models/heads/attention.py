"""Attention pooling: a weighted mean over time, with weights computed from the features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vifex.models.heads.positions import add_positions
from vifex.models.heads.states import States

__all__ = ["AttentionHead"]


class AttentionHead(nn.Module):
    """`z = sum_t a_t x_t` with `a = softmax_t(w . tanh(V x_t))`: `[B, T, D]` to `[B, D]`.

    State: `hidden.weight` (V) `[hidden, D]`, `score.weight` (w) `[1, hidden]`; neither has a bias. Layer
    `weights`: the sequence of `a`, `[T, 1]`.

    Args:
        in_features: D.
        hidden: Rows of V.
        positions: Whether positions (sines) are added to the frames first. Without them the order of the
            frames changes nothing.

    Source: Ilse, Tomczak and Welling, Attention-based Deep Multiple Instance Learning, ICML 2018,
    arXiv:1802.04712, equations 7 and 8.
    """

    def __init__(self, in_features: int, hidden: int = 128, *, positions: bool = False) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_features, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)
        self.weights = States()
        self.positions = positions
        self.out_features = in_features

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the frames and add them."""
        x = add_positions(x) if self.positions else x
        weights: Tensor = self.weights(self.score(torch.tanh(self.hidden(x))).softmax(dim=1))
        return (weights * x).sum(dim=1)
