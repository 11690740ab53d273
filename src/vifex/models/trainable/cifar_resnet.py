"""The residual networks for CIFAR of He et al. 2016 ("Deep Residual Learning", section 4.2).

They have 6n + 2 layers and 16, 32 and 64 channels. Shortcuts take option A: they skip every second pixel and
fill the new channels with zeros, so they have no weights. The names of the weights are those of
akamaster/pytorch_resnet_cifar10, whose published weights fit.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CifarResNet", "resnet20", "resnet32", "resnet44", "resnet56"]


class _Block(nn.Module):
    """Two convolutions and a shortcut without weights."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.filled = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.stride > 1 or self.filled:
            before = self.filled // 2
            x = functional.pad(
                x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.filled - before)
            )
        return functional.relu(y + x)


class CifarResNet(nn.Module):
    """A residual network of 6n + 2 layers for small images.

    Args:
        outputs: Classes.
        blocks: n, blocks of each of the three stages.
        width: Channels of the first stage.
    """

    def __init__(self, outputs: int, *, blocks: int = 3, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, blocks, 1)
        self.layer2 = _stage(width, 2 * width, blocks, 2)
        self.layer3 = _stage(2 * width, 4 * width, blocks, 2)
        self.penultimate = nn.Identity()
        self.linear = nn.Linear(4 * width, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map images `[B, 3, H, W]` to scores `[B, outputs]`."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(self.penultimate(x.mean((2, 3))))


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    first = _Block(inputs, outputs, stride)
    return nn.Sequential(first, *(_Block(outputs, outputs, 1) for _ in range(blocks - 1)))


resnet20: Any = partial(CifarResNet, blocks=3)
resnet32: Any = partial(CifarResNet, blocks=5)
resnet44: Any = partial(CifarResNet, blocks=7)
resnet56: Any = partial(CifarResNet, blocks=9)
