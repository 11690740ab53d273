"""I3D over the optical flow of its clip, computed inside the network, so that the input is pixels.

A clip of T + 1 frames gives T flows. Two methods compute them:

- TV-L1, on which I3D was trained: truncated at 20 pixels per frame and scaled to -1 to 1
  (google-deepmind/kinetics-i3d, `README.md`).
- RAFT, as v-iashin/video_features does it (`models/i3d/extract_i3d.py`, `models/transforms.py`): 20 updates,
  truncated at 20 pixels per frame, rounded to 256 steps, scaled to -1 to 1.

The RGB stream sees the first T frames.

Source: Carreira and Zisserman, CVPR 2017, arXiv:1705.07750; Teed and Deng, ECCV 2020, arXiv:2003.12039.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vifex.models.nets.flow import LIMIT_PX, truncated
from vifex.models.nets.i3d import I3D
from vifex.models.nets.tv_l1 import TvL1
from vifex.models.nets.two_stream import TwoStream

__all__ = ["OverFlow", "OverPixelsAndFlow", "OverTvL1", "steps_of_flow"]

_UPDATES = 20
_PAIRS = 8
"""Pairs of frames per call of RAFT; its correlation volumes take much memory."""


def steps_of_flow(flow: Tensor) -> Tensor:
    """Truncate flow at 20 pixels, round it to steps of 40 / 255 and scale it to about -1 to 1."""
    steps = (128 + 255 / (2 * LIMIT_PX) * flow.clamp(-LIMIT_PX, LIMIT_PX)).round()
    return 2 * steps / 255 - 1


class _Flow(nn.Module):
    """RAFT between neighbouring frames: `[N, 3, T + 1, H, W]` of -1 to 1 to `[N, 2, T, H, W]`."""

    def __init__(self, raft: nn.Module, updates: int) -> None:
        super().__init__()
        self.raft = raft
        self.updates = updates

    def forward(self, clip: Tensor) -> Tensor:
        n, _, t, height, width = clip.shape
        frames = clip.transpose(1, 2)
        first = frames[:, :-1].reshape(n * (t - 1), 3, height, width)
        second = frames[:, 1:].reshape(n * (t - 1), 3, height, width)
        parts = [
            self.raft(a, b, num_flow_updates=self.updates)[-1]
            for a, b in zip(first.split(_PAIRS), second.split(_PAIRS), strict=True)
        ]
        flow = steps_of_flow(torch.cat(parts))
        return flow.reshape(n, t - 1, 2, height, width).transpose(1, 2)


class OverTvL1(nn.Module):
    """TV-L1, then I3D's flow stream.

    Layers: `flow.*` as in I3D itself (`flow.features` is a vector of 1,024).

    Args:
        flow: `I3D(2)`.
    """

    def __init__(self, flow: I3D) -> None:
        super().__init__()
        self.tv_l1, self.flow = TvL1(), flow

    def forward(self, clip: Tensor) -> Tensor:
        """Map pixels `[N, 3, T + 1, H, W]` of -1 to 1 to scores `[N, classes]`."""
        scores: Tensor = self.flow(truncated(self.tv_l1(clip)))
        return scores


class OverFlow(nn.Module):
    """RAFT, then I3D's flow stream.

    Layers: `flow.*` as in I3D itself (`flow.features` is a vector of 1,024).

    Args:
        raft: Torchvision's, called with `num_flow_updates`.
        flow: `I3D(2)`.
        updates: Iterations of RAFT.
    """

    def __init__(self, raft: nn.Module, flow: I3D, updates: int = _UPDATES) -> None:
        super().__init__()
        self.raft, self.flow = _Flow(raft, updates), flow

    def forward(self, clip: Tensor) -> Tensor:
        """Map pixels `[N, 3, T + 1, H, W]` of -1 to 1 to scores `[N, classes]`."""
        scores: Tensor = self.flow(self.raft(clip))
        return scores


class OverPixelsAndFlow(nn.Module):
    """Both streams over one clip: RGB of the first T frames, flow of all T + 1.

    Layers: `streams.rgb.*`, `streams.flow.*`, and `streams.features` (vector of 2,048: RGB first).

    Args:
        raft: Torchvision's.
        streams: The two I3D networks.
        updates: Iterations of RAFT.
    """

    def __init__(self, raft: nn.Module, streams: TwoStream, updates: int = _UPDATES) -> None:
        super().__init__()
        self.raft, self.streams = _Flow(raft, updates), streams

    def forward(self, clip: Tensor) -> Tensor:
        """Map pixels `[N, 3, T + 1, H, W]` of -1 to 1 to joined scores `[N, classes]`."""
        scores: Tensor = self.streams(clip[:, :, :-1], self.raft(clip))
        return scores
