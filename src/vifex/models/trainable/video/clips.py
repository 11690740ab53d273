"""Networks of convolutions in space and time for clips, to be trained from scratch in minutes on a CPU."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, get_args

from torch import Tensor, nn

from vifex.models.heads.non_local import NonLocalBlock

__all__ = ["ClipNetwork", "Convolution"]

Convolution = Literal["3d", "2plus1d", "2d"]


class ClipNetwork(nn.Module):
    """Four stages of convolutions, then the mean over space and time: `[B, T, 3, H, W]` to `[B, outputs]`.

    Each stage halves height and width; the second and the fourth halve time, too. State: `stages.I.*`,
    `classifier.*`.

    Args:
        outputs: Classes.
        convolution: `3d` (3 x 3 x 3); `2plus1d`, 1 x 3 x 3 then 3 x 1 x 1 with a ReLU between them, with as
            many weights as `3d`; `2d`, 1 x 3 x 3, which sees no motion.
        width: Channels of the first stage; the others have 2, 4 and 4 times as many.
        non_local: Whether a non-local block over space and time stands behind the second and the third stage.

    Source: Tran et al., C3D, ICCV 2015, arXiv:1412.0767; Tran et al., R(2+1)D, CVPR 2018, arXiv:1711.11248,
    section 3.5; Wang et al., Non-local Neural Networks, CVPR 2018, arXiv:1711.07971.
    """

    def __init__(
        self, outputs: int, *, convolution: Convolution = "3d", width: int = 16, non_local: bool = False
    ) -> None:
        super().__init__()
        if convolution not in get_args(Convolution):
            raise ValueError(f"convolution must be one of {get_args(Convolution)}, got {convolution!r}")
        widths = [3, width, 2 * width, 4 * width, 4 * width]
        stages: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise(widths)):
            stages.append(_stage(before, after, 1 + i % 2, convolution))
            if non_local and i in (1, 2):
                stages.append(NonLocalBlock(after))
        self.stages = nn.Sequential(*stages)
        self.penultimate = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten())
        self.classifier = nn.Linear(widths[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Score clips."""
        scores: Tensor = self.classifier(self.penultimate(self.stages(x.transpose(1, 2))))
        return scores


def _stage(before: int, after: int, stride: int, convolution: Convolution) -> nn.Module:
    if convolution == "2plus1d":
        # Section 3.5 of the paper: so many channels between the two give both forms as many weights.
        between = 27 * before * after // (9 * before + 3 * after)
        layers: list[nn.Module] = [
            nn.Conv3d(before, between, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False),
            nn.BatchNorm3d(between),
            nn.ReLU(),
            nn.Conv3d(between, after, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
        ]
    else:
        time = 3 if convolution == "3d" else 1
        layers = [nn.Conv3d(before, after, (time, 3, 3), (stride, 2, 2), (time // 2, 1, 1), bias=False)]
    return nn.Sequential(*layers, nn.BatchNorm3d(after), nn.ReLU())
