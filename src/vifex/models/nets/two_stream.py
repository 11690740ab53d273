"""Two streams: the same clip as pixels and as optical flow, joined late.

Flow is computed elsewhere (`over_flow.py`), and families load weights.

Source: Carreira and Zisserman, CVPR 2017, arXiv:1705.07750, section 3.2 ("we trained the two networks
separately and averaged their predictions at test time"); google-deepmind/kinetics-i3d, `README.md` ("adding
the logits with equal weighting").
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from vifex.models.nets.i3d import I3D

__all__ = ["TwoStream", "fuse_features", "fuse_scores"]


def fuse_scores(
    rgb: Tensor,
    flow: Tensor,
    *,
    how: Literal["logits", "probabilities"] = "logits",
    weights: tuple[float, float] = (1.0, 1.0),
) -> Tensor:
    """Join the scores of two streams.

    Args:
        rgb: Scores before the softmax, `[N, classes]`.
        flow: The same of the flow stream.
        how: `logits` adds them, as DeepMind's code does; `probabilities` averages the two softmaxes, as
            the paper says.
        weights: The weights of the two streams.

    Returns:
        `[N, classes]`: summed logits, or probabilities that sum to 1.

    Raises:
        ValueError: If the two have different shapes.
    """
    if rgb.shape != flow.shape:
        raise ValueError(
            f"both streams must give the same scores, got {tuple(rgb.shape)}, {tuple(flow.shape)}"
        )
    a, b = weights
    if how == "logits":
        return a * rgb + b * flow
    return (a * rgb.softmax(dim=-1) + b * flow.softmax(dim=-1)) / (a + b)


def fuse_features(rgb: Tensor, flow: Tensor) -> Tensor:
    """Join the features of two streams: RGB first, then flow, `[N, D]` and `[N, E]` to `[N, D + E]`.

    The order is that of the published I3D features of 2,048 numbers (yabufarha/ms-tcn, issue 12).
    """
    return torch.cat([rgb, flow], dim=-1)


class _Features(nn.Module):
    def forward(self, rgb: Tensor, flow: Tensor) -> Tensor:
        return fuse_features(rgb, flow)


class TwoStream(nn.Module):
    """Two I3D networks and their late fusion.

    Layers: `rgb.*` and `flow.*` as in the networks themselves, `features` (vector of 2,048: both, joined).

    Args:
        rgb: For `[N, 3, T, H, W]`, `I3D(3)`.
        flow: For `[N, 2, T, H, W]`, `I3D(2)`.
        how: As in `fuse_scores`.
    """

    def __init__(self, rgb: I3D, flow: I3D, *, how: Literal["logits", "probabilities"] = "logits") -> None:
        super().__init__()
        self.rgb, self.flow = rgb, flow
        self.features = _Features()
        self.how: Literal["logits", "probabilities"] = how

    def forward(self, rgb: Tensor, flow: Tensor) -> Tensor:
        """Map a clip's pixels and its flow to joined scores `[N, classes]`."""
        rgb_scores, rgb_features = self.rgb.scores_and_features(rgb)
        flow_scores, flow_features = self.flow.scores_and_features(flow)
        self.features(rgb_features, flow_features)
        return fuse_scores(rgb_scores, flow_scores, how=self.how)
