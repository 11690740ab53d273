"""C3D: eight 3-D convolutions of 3 x 3 x 3, five max poolings, three fully connected layers.

Maps a clip of BGR frames to the 487 scores of Sports-1M. `families/builtin/c3d.py` loads weights.

Layers have the names of the paper's figure 3, which are also the keys of the published ports to PyTorch
(`conv1.weight`, ..., `fc8.bias`). The output of a convolution, of `fc6` and of `fc7` is taken after its ReLU,
as in the authors' Caffe network, so the layer `fc6` is the paper's C3D feature.

| layer | one input of 16 x 112 x 112 gives |
| --- | --- |
| `input` | volume [3, 16, 112, 112], mean subtracted |
| `conv1`, `pool1` | volume [64, 16, 112, 112], [64, 16, 56, 56] |
| `conv2`, `pool2` | volume [128, 16, 56, 56], [128, 8, 28, 28] |
| `conv3a`, `conv3b`, `pool3` | volume [256, 8, 28, 28], twice, [256, 4, 14, 14] |
| `conv4a`, `conv4b`, `pool4` | volume [512, 4, 14, 14], twice, [512, 2, 7, 7] |
| `conv5a`, `conv5b`, `pool5` | volume [512, 2, 7, 7], twice, [512, 1, 4, 4] |
| `fc6`, `fc7` | vector [4096] |
| `fc8` | vector [487], scores before the softmax |

Source: Tran et al., Learning Spatiotemporal Features with 3D Convolutional Networks, ICCV 2015,
arXiv:1412.0767; facebookarchive/C3D, `C3D-v1.0/examples/c3d_feature_extraction/prototxt/
c3d_sport1m_feature_extractor_frm.prototxt` (layers), `C3D-v1.0/src/caffe/layers/pool3d_layer.cu` (windows
cut at the edge, none padded), `video_data_layer.cpp` (mean, crop).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

__all__ = ["C3D", "CHANNEL_MEANS", "ConvReLU", "LinearReLU", "SubtractMean"]

CHANNEL_MEANS: Final = (90.25, 97.66, 101.41)
"""Blue, green, red: means over the authors' mean cube `sport1m_train16_128_mean.binaryproto`.

As computed in DavideA/c3d-pytorch, issue 1 (comment of 2019-02-23). The cube itself differs from position to
position; a checkpoint may contain it (see `families/builtin/c3d.py`).
"""
_SPREAD: Final = 64.0  # of pixels of 0 to 255, which no layer before the first scales
_CELLS: Final = 8192  # 512 x 1 x 4 x 4 behind pool5


class ConvReLU(nn.Conv3d):
    """A convolution followed by its ReLU in one module, so that its keys stay plain."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[N, C, T, H, W]` to `[N, C', T, H, W]`, none of it negative."""
        return torch.relu(super().forward(x))


class LinearReLU(nn.Linear):
    """A fully connected layer followed by its ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """Map `[N, D]` to `[N, D']`, none of it negative."""
        return torch.relu(super().forward(x))


class SubtractMean(nn.Module):
    """Subtracts a mean that is part of the network's state, because it determines the results.

    The buffer `mean` is `[3, 1, 1, 1]`, or of the input's own size: the authors' cube, cropped.
    """

    mean: Tensor

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[N, 3, T, H, W]` of 0 to 255, BGR, to the same less the mean."""
        return x - self.mean


class C3D(nn.Module):
    """The network; input `[N, 3, 16, 112, 112]`, BGR, 0 to 255; output `[N, classes]`."""

    def __init__(self, classes: int = 487, mean: Tensor | None = None) -> None:
        super().__init__()
        self.input = SubtractMean(torch.tensor(CHANNEL_MEANS).reshape(3, 1, 1, 1) if mean is None else mean)
        self.conv1 = _conv(3, 64)
        self.pool1 = nn.MaxPool3d((1, 2, 2))
        self.conv2 = _conv(64, 128)
        self.pool2 = nn.MaxPool3d(2)
        self.conv3a = _conv(128, 256)
        self.conv3b = _conv(256, 256)
        self.pool3 = nn.MaxPool3d(2)
        self.conv4a = _conv(256, 512)
        self.conv4b = _conv(512, 512)
        self.pool4 = nn.MaxPool3d(2)
        self.conv5a = _conv(512, 512)
        self.conv5b = _conv(512, 512)
        # Seven cells become four: Caffe rounds the number of windows up and lets the last be smaller.
        # DavideA/c3d-pytorch pads one cell on every side instead, which shifts each window by one.
        self.pool5 = nn.MaxPool3d(2, ceil_mode=True)
        self.fc6 = LinearReLU(_CELLS, 4096)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = LinearReLU(4096, 4096)
        self.drop7 = nn.Dropout(0.5)
        self.fc8 = nn.Linear(4096, classes)
        self._start()

    def _start(self) -> None:
        """Draw He's initial weights; with torch's own the values vanish until only biases are left."""
        for layer in self.modules():
            if isinstance(layer, ConvReLU | LinearReLU):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        with torch.no_grad():
            self.conv1.weight /= _SPREAD

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch of clips to scores before the softmax."""
        x = self.pool1(self.conv1(self.input(x)))
        x = self.pool2(self.conv2(x))
        x = self.pool3(self.conv3b(self.conv3a(x)))
        x = self.pool4(self.conv4b(self.conv4a(x)))
        x = self.pool5(self.conv5b(self.conv5a(x)))
        x = self.drop6(self.fc6(x.flatten(1)))
        return self.fc8(self.drop7(self.fc7(x)))


def _conv(channels: int, out: int) -> ConvReLU:
    return ConvReLU(channels, out, kernel_size=3, padding=1)
