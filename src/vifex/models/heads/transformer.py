"""A transformer encoder over the frames of a clip."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from vifex.models.heads.positions import add_positions
from vifex.models.heads.states import States

__all__ = ["TransformerHead"]


class TransformerHead(nn.Module):
    """Self-attention over `[B, T, D]` with positions, and the vector of the clip, `[B, hidden]`.

    The frames are projected to `hidden` numbers, normalised, and get positions (sines). A frame attends to
    itself and to earlier frames. Head h subtracts `2^-h` times their distance in frames from the logits, so
    that neighbours count most before anything is learned; without it, training on motion alone does not
    begin. Each layer normalises before its attention and before its two linear layers. Dropout is not part of
    it.

    State: `project.0.*`, `project.1.*`, `layers.I.norm1.*`, `layers.I.qkv.*`, `layers.I.out.*`,
    `layers.I.norm2.*`, `layers.I.mlp.0.*`, `layers.I.mlp.2.*`, `norm.*`. Layers: `states`, sequence `[T,
    hidden]`; the head itself, vector `[hidden]`.

    Args:
        in_features: D.
        hidden: Numbers per frame inside; a multiple of `heads`.
        layers: Encoder layers.
        heads: Attentions side by side in a layer.
        take: What represents the clip: the `mean` or `max` of all states.

    Source: Vaswani et al., NeurIPS 2017, arXiv:1706.03762; normalisation first: Xiong et al., ICML 2020,
    arXiv:2002.04745; the distance: Press, Smith and Lewis, ALiBi, ICLR 2022, arXiv:2108.12409.
    """

    def __init__(
        self,
        in_features: int,
        hidden: int = 128,
        *,
        layers: int = 2,
        heads: int = 4,
        take: Literal["mean", "max"] = "mean",
    ) -> None:
        super().__init__()
        if take not in ("mean", "max"):
            raise ValueError(f"take must be mean or max, got {take!r}")
        if heads < 1 or hidden % heads:
            raise ValueError(f"hidden must be a multiple of heads, got {hidden} and {heads}")
        self.project = nn.Sequential(nn.Linear(in_features, hidden), nn.LayerNorm(hidden))
        self.layers = nn.ModuleList(_Layer(hidden, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)
        self.states = States()
        self.heads, self.take = heads, take
        self.out_features = hidden

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, T, D]` to `[B, hidden]`."""
        x = add_positions(self.project(x))
        bias = _bias(x, self.heads)
        for layer in self.layers:
            x = layer(x, bias)
        states: Tensor = self.states(self.norm(x))
        return states.mean(dim=1) if self.take == "mean" else states.amax(dim=1)


class _Layer(nn.Module):
    """Attention and two linear layers, each added to its input."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.mlp = nn.Sequential(nn.Linear(hidden, 2 * hidden), nn.GELU(), nn.Linear(2 * hidden, hidden))
        self.heads = heads

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        b, t, d = x.shape
        parts = self.qkv(self.norm1(x)).reshape(b, t, 3, self.heads, d // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = x + self.out(mixed.transpose(1, 2).reshape(b, t, d))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


def _bias(x: Tensor, heads: int) -> Tensor:
    """Return what is added to the logits, `[heads, T, T]`: -2^-h times a frame's age; -inf for later ones."""
    time = torch.arange(x.shape[1], device=x.device, dtype=x.dtype)
    age = time[:, None] - time
    slopes = 0.5 ** torch.arange(heads, device=x.device, dtype=x.dtype)
    return torch.where(age < 0, float("-inf"), -age * slopes[:, None, None])
