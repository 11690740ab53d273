"""A classifier over several features of one item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from vifex.models.heads.registry import FUSION_GROUP, FUSION_HEADS
from vifex.values.registry import load

__all__ = ["FusionClassifier"]


class FusionClassifier(nn.Module):
    """Several features `[B, D_i]` through a fusion head and a linear layer: scores `[B, outputs]`.

    State: `head.*`, which `fuse/METHOD(...)` takes as weights, and `classifier.*`.

    Args:
        outputs: Classes.
        method: `concat`, `weighted`, `gated` or `attention`.
        sizes: D of each feature.
        unit: Whether each feature is scaled to length 1 first, as `vifex fuse` does.
        dropout: Share of the fused numbers that training sets to zero.
        **options: The head's own, e.g. `hidden=256`.
    """

    def __init__(
        self,
        outputs: int,
        *,
        sizes: Sequence[int],
        method: str = "gated",
        unit: bool = True,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.head: nn.Module = load(FUSION_HEADS, method, group=FUSION_GROUP, what="fusion")(sizes, **options)
        self.penultimate = nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(int(self.head.out_features), outputs)
        self.unit = unit

    def forward(self, features: list[Tensor]) -> Tensor:
        """Score items."""
        inputs = [nn.functional.normalize(x, dim=1) for x in features] if self.unit else features
        scores: Tensor = self.classifier(self.dropout(self.penultimate(self.head(inputs))))
        return scores
