"""Recurrent heads: RNN, LSTM and GRU in one or two directions, several layers deep.

They are torch's own networks with a vector for the clip and a layer for the states. State: `rnn.*`
with torch's keys (`rnn.weight_ih_l0`, ..., `rnn.bias_hh_l0_reverse`), so a trained `nn.LSTM` can be loaded.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from vifex.models.heads.states import States

__all__ = ["GRUHead", "LSTMHead", "RNNHead"]


class _Recurrent(nn.Module):
    """A recurrent network over `[B, T, D]`, and the vector of the clip.

    Layers: `states`, the last layer's states, sequence `[T, out_features]` (with two directions forward
    first, then backward, as torch lays them); the head itself, vector `[out_features]`.

    Args:
        in_features: D.
        hidden: Numbers per state and direction.
        layers: Networks on top of each other.
        both: Two directions; doubles `out_features`.
        take: What represents the clip. `last`: the state after each direction's last frame, that is of
            frame T forward and of frame 1 backward; `mean` or `max` of all states.
    """

    network: ClassVar[type[nn.Module]]

    def __init__(
        self,
        in_features: int,
        hidden: int = 512,
        *,
        layers: int = 1,
        both: bool = False,
        take: Literal["last", "mean", "max"] = "last",
    ) -> None:
        super().__init__()
        if take not in ("last", "mean", "max"):
            raise ValueError(f"take must be last, mean or max, got {take!r}")
        self.rnn = self.network(in_features, hidden, num_layers=layers, batch_first=True, bidirectional=both)
        self.states = States()
        self.hidden, self.both, self.take = hidden, both, take
        self.out_features = hidden * (2 if both else 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, T, D]` to `[B, out_features]`."""
        states: Tensor = self.states(self.rnn(x)[0])
        if self.take == "mean":
            return states.mean(dim=1)
        if self.take == "max":
            return states.amax(dim=1)
        forward = states[:, -1, : self.hidden]
        return torch.cat([forward, states[:, 0, self.hidden :]], dim=1) if self.both else forward


class RNNHead(_Recurrent):
    """Elman's network, `h' = tanh(W x + b + U h + c)`."""

    network = nn.RNN


class LSTMHead(_Recurrent):
    """Long short-term memory. Source: Hochreiter and Schmidhuber, 1997, with forget gates (Gers, 2000)."""

    network = nn.LSTM


class GRUHead(_Recurrent):
    """Gated recurrent units. Source: Cho et al., 2014, arXiv:1406.1078, torch's form of the reset gate."""

    network = nn.GRU
