"""A place for a tap: a sequence of states, one per frame, passed on as it is."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

__all__ = ["States"]


class States(nn.Module):
    """Gives its input `[B, T, D]` back.

    `tap_kind` tells a reader of taps what it holds, as `[B, T, D]` may also be tokens.
    """

    tap_kind: ClassVar[str] = "sequence"

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, T, D]` to itself."""
        return x
