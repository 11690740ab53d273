"""A batch in steps: smaller ones where the device's memory does not suffice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["Network", "Steps"]

Network = Callable[[Tensor], Sequence[Tensor]]
"""From ready pixels `[N, ...]` on the device to float32 `[N, *layer.shape]` per layer."""


class Steps:
    """Runs a batch in steps of at most so many inputs. A step that runs out of memory is halved for good.

    Args:
        network: What runs a step.
        step: Inputs of a step at first.
        free: Called before a smaller step is tried; frees memory that is kept for use again.
    """

    def __init__(self, network: Network, step: int, *, free: Callable[[], None] | None = None) -> None:
        self._network = network
        self._free = free
        self.step = step
        """Inputs of a step."""

    def __call__(self, given: Tensor) -> list[Tensor]:
        """Run a batch.

        Raises:
            torch.OutOfMemoryError: If the memory does not suffice for one input.
        """
        while True:
            outs = self._tried(given)
            if outs is not None:
                return outs
            # Not in the handler of the error: that still holds the memory of the step that failed.
            self.step = max(1, min(self.step, len(given)) // 2)
            if self._free is not None:
                self._free()

    def _tried(self, given: Tensor) -> list[Tensor] | None:
        try:
            parts = [self._network(part) for part in given.split(self.step)]
            return [torch.cat(part) if len(part) > 1 else part[0] for part in zip(*parts, strict=True)]
        except torch.OutOfMemoryError:
            if min(self.step, len(given)) == 1:
                raise
            return None
