"""Networks of textbooks: a linear classifier, and two or three convolutions before one hidden layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["Convolutions", "Linear", "three_convolutions", "two_convolutions"]


class Convolutions(nn.Module):
    """Convolutions of 3 x 3 with max pooling, then a hidden layer and a classifier.

    Args:
        outputs: Classes.
        widths: Channels of each convolution.
        hidden: Numbers of the hidden layer.
        size_px: Side of the images; each convolution halves it.
        dropout: Share of the hidden layer that is dropped in training.
    """

    def __init__(
        self,
        outputs: int,
        *,
        widths: Sequence[int] = (32, 64),
        hidden: int = 128,
        size_px: int = 32,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((3, *widths), widths, strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        side_px = size_px >> len(widths)
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(widths[-1] * side_px * side_px, hidden), nn.ReLU(), nn.Dropout(dropout)
        )
        self.penultimate = nn.Identity()
        self.classifier = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map images `[B, 3, size_px, size_px]` to scores `[B, outputs]`."""
        return self.classifier(self.penultimate(self.hidden(self.features(x))))


class Linear(nn.Module):
    """A linear classifier of features, or of pixels.

    Args:
        outputs: Classes.
        inputs: Numbers of one input.
    """

    def __init__(self, outputs: int, *, inputs: int) -> None:
        super().__init__()
        self.penultimate = nn.Flatten()
        self.classifier = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs `[B, ...]` to scores `[B, outputs]`."""
        return self.classifier(self.penultimate(x))


two_convolutions: Any = partial(Convolutions, widths=(32, 64))
three_convolutions: Any = partial(Convolutions, widths=(32, 64, 128))
