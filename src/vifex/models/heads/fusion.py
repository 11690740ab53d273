"""Fusion heads: several vectors of one item, `[B, D_1], ..., [B, D_k]`, become one, `[B, D]`.

A head takes a list of tensors and has a size `out_features`. `vifex.pool.fusion` computes the same without
torch, from the same keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["AttentionFusion", "ConcatFusion", "GatedFusion", "WeightedFusion"]


class ConcatFusion(nn.Module):
    """Concatenate the inputs.

    Args:
        sizes: D of each input.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.out_features = sum(sizes)

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """Join `[B, D_i]` to `[B, sum D_i]`."""
        return torch.cat(inputs, dim=1)


class WeightedFusion(nn.Module):
    """Concatenate the inputs, each times the root of its share; the shares are a softmax, so they sum to 1.

    Between inputs of length 1 the cosine of the results is the mean of the inputs' cosines, weighted by
    their shares. State: `logits` `[k]`, zeros at first: equal shares.

    Args:
        sizes: D of each input.
        weights: Initial shares above 0, such as `2/1/1`; they need not sum to 1.
    """

    def __init__(self, sizes: Sequence[int], weights: str | Sequence[float] | None = None) -> None:
        super().__init__()
        if isinstance(weights, str):
            weights = [float(w) for w in weights.split("/")]
        weights = [1.0] * len(sizes) if weights is None else list(weights)
        if len(weights) != len(sizes) or min(weights) <= 0:
            raise ValueError(f"{len(sizes)} inputs need as many weights above 0, got {weights}")
        self.logits = nn.Parameter(torch.tensor(weights, dtype=torch.float32).log())
        self.out_features = sum(sizes)

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """Join `[B, D_i]` to `[B, sum D_i]`."""
        roots = self.logits.softmax(dim=0).sqrt()
        return torch.cat([x * roots[i] for i, x in enumerate(inputs)], dim=1)


class GatedFusion(nn.Module):
    """The gated multimodal unit: `h = sum_i z_i * tanh(W_i x_i)` with `z_i = sigmoid(U_i [x_1, ..., x_k])`.

    Two inputs share one gate: `h = z * h_1 + (1 - z) * h_2`. State: `hidden.I.weight` (W) `[D, D_i]`,
    `gate.I.weight` (U) `[D, sum D_i]`, one gate for two inputs, else one each; no biases.

    Args:
        sizes: D of each input.
        hidden: Numbers in the fused vector.

    Source: Arevalo et al., Gated Multimodal Units for Information Fusion, 2017, arXiv:1702.01992, figure 2.
    """

    def __init__(self, sizes: Sequence[int], hidden: int = 256) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(size, hidden, bias=False) for size in sizes)
        gates = 1 if len(sizes) == 2 else len(sizes)
        self.gate = nn.ModuleList(nn.Linear(sum(sizes), hidden, bias=False) for _ in range(gates))
        self.out_features = hidden

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """Fuse `[B, D_i]` to `[B, hidden]`."""
        hidden = torch.stack([torch.tanh(w(x)) for w, x in zip(self.hidden, inputs, strict=True)])
        together = torch.cat(inputs, dim=1)
        gates = torch.stack([torch.sigmoid(gate(together)) for gate in self.gate])
        if len(inputs) == 2:
            gates = torch.cat([gates, 1 - gates])
        return (gates * hidden).sum(dim=0)


class AttentionFusion(nn.Module):
    """A mean of `h_i = tanh(W_i x_i)` with the weights `softmax_i(w . tanh(V h_i))`.

    State: `hidden.I.weight` (W) `[D, D_i]`, `attend.weight` (V) `[D, D]`, `score.weight` (w) `[1, D]`, and
    no biases.

    Args:
        sizes: D of each input.
        hidden: Numbers in the fused vector.

    Source: the pooling of Ilse, Tomczak and Welling, ICML 2018, arXiv:1802.04712, equation 8, over inputs.
    """

    def __init__(self, sizes: Sequence[int], hidden: int = 256) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(size, hidden, bias=False) for size in sizes)
        self.attend = nn.Linear(hidden, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)
        self.out_features = hidden

    def forward(self, inputs: list[Tensor]) -> Tensor:
        """Fuse `[B, D_i]` to `[B, hidden]`."""
        hidden = torch.stack([torch.tanh(w(x)) for w, x in zip(self.hidden, inputs, strict=True)], dim=1)
        weights = self.score(torch.tanh(self.attend(hidden))).softmax(dim=1)
        return (weights * hidden).sum(dim=1)
