"""A residual network of nine layers for small images, which learns in few epochs.

After David Page, "How to Train Your ResNet" (2018), with global average pooling and scaled scores. The width
is an option, because half of the published one suits training on a CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ResNet9"]


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(channels, channels), _conv(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResNet9(nn.Module):
    """Eight convolutions in four stages, of which two have residual blocks, and a classifier.

    Args:
        outputs: Classes.
        width: Channels of the first stage; the others have 2, 4 and 8 times as many.
        scale: Factor of the scores, which makes the softmax softer at the start.
    """

    def __init__(self, outputs: int, *, width: int = 32, scale: float = 0.125) -> None:
        super().__init__()
        self.stem = _conv(3, width)
        self.stage1 = nn.Sequential(_conv(width, 2 * width), nn.MaxPool2d(2), _Residual(2 * width))
        self.stage2 = nn.Sequential(_conv(2 * width, 4 * width), nn.MaxPool2d(2))
        self.stage3 = nn.Sequential(_conv(4 * width, 8 * width), nn.MaxPool2d(2), _Residual(8 * width))
        self.penultimate = nn.Identity()
        self.classifier = nn.Linear(8 * width, outputs, bias=False)
        self.logits = _Scaled(scale)

    def forward(self, x: Tensor) -> Tensor:
        """Map images `[B, 3, H, W]` to scores `[B, outputs]`."""
        x = self.stage3(self.stage2(self.stage1(self.stem(x))))
        return self.logits(self.classifier(self.penultimate(x.amax((2, 3)))))


class _Scaled(nn.Module):
    """Multiplies by a constant; a module, so that the scaled scores are a layer."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
