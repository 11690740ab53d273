"""A transformer encoder over the frames of a clip."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from vifex.models.heads.positions import add_positions
from vifex.models.heads.states import States

__all__ = ["TransformerHead"]


class TransformerHead(nn.Module):
    """Self-attention over `[B, T, D]` with positions, and the vector of the clip, `[B, hidden]`.

    The frames are projected to `hidden` numbers and get positions (sines). Each layer normalises before its
    attention and before its two linear layers, which trains without a warm-up. Dropout is not part of it.

    State: `project.*`, `encoder.layers.I.*` with the keys of torch's `TransformerEncoderLayer`, `norm.*`.
    Layers: `states`, sequence `[T, hidden]`; the head itself, vector `[hidden]`.

    Args:
        in_features: D.
        hidden: Numbers per frame inside; a multiple of `heads`.
        layers: Encoder layers.
        heads: Attentions side by side in a layer.
        take: What represents the clip: the `mean` or `max` of all states.

    Source: Vaswani et al., NeurIPS 2017, arXiv:1706.03762; normalisation first: Xiong et al., ICML 2020,
    arXiv:2002.04745.
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
        self.project = nn.Linear(in_features, hidden)
        layer = nn.TransformerEncoderLayer(
            hidden, heads, 2 * hidden, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(hidden)
        self.states = States()
        self.take = take
        self.out_features = hidden

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, T, D]` to `[B, hidden]`."""
        states: Tensor = self.states(self.norm(self.encoder(add_positions(self.project(x)))))
        return states.mean(dim=1) if self.take == "mean" else states.amax(dim=1)
