"""The moving average of weights (EMA), and the network that has them for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Average"]


class Average:
    """The exponential moving average of a network's weights and buffers.

    Args:
        network: Whose state is averaged.
        decay: Share of the average that stays at each step; at the start it is smaller, (1 + n) / (10 + n).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network, self._decay = network, decay
        self.state = {key: value.detach().clone() for key, value in network.state_dict().items()}
        self.updates = 0

    def update(self) -> None:
        """Take the weights of this step into the average."""
        self.updates += 1
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        with torch.no_grad():
            for key, value in self._network.state_dict().items():
                if value.dtype.is_floating_point:
                    self.state[key].lerp_(value, 1 - decay)
                else:
                    self.state[key].copy_(value)

    def load(self, state: Mapping[str, Tensor], updates: int) -> None:
        """Continue from a saved average."""
        self.updates = updates
        for key, value in state.items():
            self.state[key].copy_(value)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the network the averaged weights, and its own again at the end."""
        own = {key: value.detach().clone() for key, value in self._network.state_dict().items()}
        self._network.load_state_dict(self.state)
        try:
            yield
        finally:
            self._network.load_state_dict(own)
