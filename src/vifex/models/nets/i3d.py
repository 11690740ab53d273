"""I3D: Inception-v1 with its filters inflated to three dimensions, for RGB or for optical flow.

Maps a clip to the 400 scores of Kinetics. `families/builtin/i3d_networks.py` loads weights.

Names of layers are the end points of DeepMind's own code, and below them the names of its common port to
PyTorch (piergiaj/pytorch-i3d), so that a published checkpoint's keys are the network's: a `Unit3D` has
`conv3d` and `bn`, a `Mixed` has the branches `b0`; `b1a`, `b1b`; `b2a`, `b2b`; `b3a`, `b3b`.

| layer | one input of 64 x 224 x 224 gives |
| --- | --- |
| `Conv3d_1a_7x7` | volume [64, 32, 112, 112] |
| `MaxPool3d_2a_3x3`, `Conv3d_2b_1x1` | volume [64, 32, 56, 56] |
| `Conv3d_2c_3x3`, `MaxPool3d_3a_3x3` | volume [192, 32, 56, 56], [192, 32, 28, 28] |
| `Mixed_3b`, `Mixed_3c` | volume [256, 32, 28, 28], [480, 32, 28, 28] |
| `MaxPool3d_4a_3x3` | volume [480, 16, 14, 14] |
| `Mixed_4b` to `Mixed_4f` | volume [512 (4b to 4d), 528, 832; 16, 14, 14] |
| `MaxPool3d_5a_2x2` | volume [832, 8, 7, 7] |
| `Mixed_5b`, `Mixed_5c` | volume [832, 8, 7, 7], [1024, 8, 7, 7] |
| `avg_pool` | volume [1024, 7, 1, 1]: one vector per step of time |
| `features` | vector [1024]: `avg_pool` averaged over what is left of time and space |
| `logits.conv3d` | volume [400, 7, 1, 1]: scores per step of time |
| `logits` | vector [400]: their average, before the softmax |

Source: Carreira and Zisserman, Quo Vadis, Action Recognition?, CVPR 2017, arXiv:1705.07750;
google-deepmind/kinetics-i3d, `i3d.py` (sizes, SAME padding, batch norm without a scale and with Sonnet's
epsilon 1e-3, average pooling 2 x 7 x 7 VALID, logits averaged over time).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

__all__ = ["I3D", "MaxPool3dSame", "Mixed", "Unit3D", "same_padding"]

_EPSILON: Final = 1e-3

_Three = tuple[int, int, int]

_MIXED: Final[dict[str, tuple[int, int, int, int, int, int]]] = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
"""Filters: branch 0; branch 1 before and in 3 x 3 x 3; branch 2 before and in 3 x 3 x 3; branch 3."""


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's SAME padding along one axis: the output has `ceil(size / stride)` cells.

    Args:
        size: Cells of the input.
        kernel: Cells of the window.
        stride: Cells from window to window.

    Returns:
        Cells before and after; where their sum is odd the larger part comes after.

    Source: TensorFlow, `tf.nn.convolution`, padding SAME.
    """
    whole = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return whole // 2, whole - whole // 2


def _padded(x: Tensor, kernel: _Three, stride: _Three) -> Tensor:
    """Pad `[N, C, T, H, W]` with zeros as SAME requires."""
    pads: list[int] = []
    # F.pad counts from the last axis. `int`: while a graph is traced, sizes are tensors.
    for size, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        pads.extend(same_padding(int(size), k, s))
    return F.pad(x, pads) if any(pads) else x


class Unit3D(nn.Module):
    """Convolution, batch norm and ReLU with SAME padding; `conv3d` and `bn` are layers of their own."""

    def __init__(
        self, channels: int, out: int, kernel: _Three = (1, 1, 1), stride: _Three = (1, 1, 1)
    ) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv3d = nn.Conv3d(channels, out, kernel, stride, bias=False)
        # He's initialisation: with torch's own the values vanish over twenty layers.
        nn.init.kaiming_normal_(self.conv3d.weight, nonlinearity="relu")
        self.bn = nn.BatchNorm3d(out, eps=_EPSILON, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[N, C, T, H, W]` to `[N, C', T', H', W']`, none of it negative."""
        return torch.relu(self.bn(self.conv3d(_padded(x, self.kernel, self.stride))))


class MaxPool3dSame(nn.Module):
    """Max pooling with SAME padding, for inputs that are not negative.

    TensorFlow pads with minus infinity. Every pooling of this network follows a ReLU, where zeros give the
    same result, because each window holds at least one real cell.
    """

    def __init__(self, kernel: _Three, stride: _Three) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """Map `[N, C, T, H, W]`, not negative, to `[N, C, ceil(T / stride), ...]`."""
        return F.max_pool3d(_padded(x, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """An inflated Inception module: four branches beside each other, joined along the channels."""

    def __init__(self, channels: int, filters: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one, before_1, in_1, before_2, in_2, pooled = filters
        self.b0 = Unit3D(channels, one)
        self.b1a = Unit3D(channels, before_1)
        self.b1b = Unit3D(before_1, in_1, (3, 3, 3))
        self.b2a = Unit3D(channels, before_2)
        self.b2b = Unit3D(before_2, in_2, (3, 3, 3))
        self.b3a = MaxPool3dSame((3, 3, 3), (1, 1, 1))
        self.b3b = Unit3D(channels, pooled)
        self.out_channels = one + in_1 + in_2 + pooled

    def forward(self, x: Tensor) -> Tensor:
        """Map `[N, C, T, H, W]` to `[N, out_channels, T, H, W]`."""
        branches = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))]
        return torch.cat(branches, dim=1)


class _AveragePool(nn.Module):
    """Average over windows of 2 x 7 x 7, step 1, without padding; over smaller inputs as a whole.

    The published network takes only 224 x 224 and at least 9 frames, for which this changes nothing.
    """

    def forward(self, x: Tensor) -> Tensor:
        t, h, w = (int(s) for s in x.shape[2:])
        return F.avg_pool3d(x, (min(2, t), min(7, h), min(7, w)), stride=1)


class _Average(nn.Module):
    """Average over time and space: `[N, C, T, H, W]` to `[N, C]`."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3, 4))


class _Logits(nn.Module):
    """Scores per step of time, averaged: `[N, 1024, T, 1, 1]` to `[N, classes]`."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.conv3d(x)
        return scores.mean(dim=(2, 3, 4))


class I3D(nn.Module):
    """The network; input `[N, channels, T, H, W]` of -1 to 1, output `[N, classes]` before the softmax.

    Args:
        channels: 3 for RGB, 2 for flow (horizontal, vertical).
        classes: Scores.
    """

    def __init__(self, channels: int = 3, classes: int = 400) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit3D(channels, 64, (7, 7, 7), (2, 2, 2))
        self.MaxPool3d_2a_3x3 = MaxPool3dSame((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit3D(64, 64)
        self.Conv3d_2c_3x3 = Unit3D(64, 192, (3, 3, 3))
        self.MaxPool3d_3a_3x3 = MaxPool3dSame((1, 3, 3), (1, 2, 2))
        width = self._add_mixed(192, "Mixed_3")
        self.MaxPool3d_4a_3x3 = MaxPool3dSame((3, 3, 3), (2, 2, 2))
        width = self._add_mixed(width, "Mixed_4")
        self.MaxPool3d_5a_2x2 = MaxPool3dSame((2, 2, 2), (2, 2, 2))
        width = self._add_mixed(width, "Mixed_5")
        self.avg_pool = _AveragePool()
        self.features = _Average()
        self.dropout = nn.Dropout(0.5)
        self.logits = _Logits(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch of clips to scores."""
        return self.scores_and_features(x)[0]

    def scores_and_features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map a batch of clips to scores `[N, classes]` and features `[N, 1024]`."""
        for name, child in self.named_children():
            if name == "avg_pool":
                break
            x = child(x)
        pooled = self.avg_pool(x)
        # The scores do not need it, but it is the published feature, so it must be a layer.
        features = self.features(pooled)
        return self.logits(self.dropout(pooled)), features

    def _add_mixed(self, channels: int, stage: str) -> int:
        """Add the modules of a stage in order and return the channels after the last one."""
        for name, filters in _MIXED.items():
            if name.startswith(stage):
                module = Mixed(channels, filters)
                self.add_module(name, module)
                channels = module.out_channels
        return channels
