"""A feature pyramid over maps of one network: coarse maps are added to finer ones, step by step.

Source: Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017, arXiv:1612.03144, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from vifex.models.heads.states import States

__all__ = ["PyramidFusion"]


class PyramidFusion(nn.Module):
    """Maps `[B, C_i, H_i, W_i]`, the finest first, become one vector `[B, width]`.

    Each map is projected to `width` channels (1 x 1), the coarser sum is enlarged to its size (nearest) and
    added, and the sum is smoothed (3 x 3). State, as torchvision's `FeaturePyramidNetwork` has it:
    `inner_blocks.I.0.*` and `layer_blocks.I.0.*`. Layers: `levels.I`, the smoothed maps `[width, H_i, W_i]`.

    Args:
        channels: C of each map.
        width: Channels of all levels.
        take: What represents all levels: the mean over the cells of the `finest` level, in which every map is
            summed, or the `mean` of all levels' means.
    """

    def __init__(
        self, channels: Sequence[int], width: int = 256, *, take: Literal["finest", "mean"] = "finest"
    ) -> None:
        super().__init__()
        if take not in ("finest", "mean"):
            raise ValueError(f"take must be finest or mean, got {take!r}")
        self.inner_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(c, width, 1)) for c in channels)
        self.layer_blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1)) for _ in channels
        )
        self.levels = nn.ModuleList(States() for _ in channels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.take = take
        self.out_features = width

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Sum from the coarsest to the finest, and pool."""
        total = self.inner_blocks[-1](maps[-1])
        levels = [self.levels[-1](self.layer_blocks[-1](total))]
        for i in range(len(maps) - 2, -1, -1):
            projected = self.inner_blocks[i](maps[i])
            total = projected + F.interpolate(total, size=projected.shape[-2:], mode="nearest")
            levels.insert(0, self.levels[i](self.layer_blocks[i](total)))
        if self.take == "finest":
            return levels[0].mean(dim=(2, 3))
        return sum(level.mean(dim=(2, 3)) for level in levels) / len(levels)
