"""An image network over each frame of a clip, a temporal head, and a classifier."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from vifex.models.heads import make_head
from vifex.models.nets.over_frames import OverFrames

__all__ = ["FrameNetwork", "FramesAndHead"]


class FrameNetwork(nn.Module):
    """Three convolutions over one image and a linear layer: `[B, 3, size_px, size_px]` to `[B, features]`.

    The linear layer keeps where things are; a mean over space would lose the place, and with it the motion.
    State: `maps.*`, `vector.*`.

    Args:
        size_px: Height and width of the images; a multiple of 8.
        width: Channels of the first convolution; the others have 2 and 4 times as many.
        features: Numbers of the vector.
    """

    def __init__(self, *, size_px: int, width: int = 8, features: int = 64) -> None:
        super().__init__()
        if size_px % 8:
            raise ValueError(f"size_px must be a multiple of 8, got {size_px}")
        widths = [3, width, 2 * width, 4 * width]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.maps = nn.Sequential(*layers)
        self.vector = nn.Linear(widths[-1] * (size_px // 8) ** 2, features)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to vectors."""
        out: Tensor = self.vector(self.maps(x).flatten(1))
        return out


class FramesAndHead(nn.Module):
    """Clips `[B, T, 3, H, W]` to scores `[B, outputs]`: frames by a backbone, time by a head.

    State: `clip.backbone.*`, `clip.head.*`, `classifier.*`.

    Args:
        outputs: Classes.
        head: Name of a head, e.g. `lstm`.
        backbone: A network for images with its family, e.g. `torchvision/resnet18`; empty for a small
            `FrameNetwork`.
        weights: Of the backbone: `pretrained` or `random:SEED`.
        size_px: Height and width of the frames.
        width: Of the `FrameNetwork`.
        features: Of the `FrameNetwork`.
        dropout: Share of the head's numbers that training sets to zero.
        **options: The head's own.
    """

    def __init__(
        self,
        outputs: int,
        *,
        size_px: int,
        head: str = "lstm",
        backbone: str = "",
        weights: str = "random:0",
        width: int = 8,
        features: int = 64,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        layer = "vector"
        network: nn.Module
        if backbone:
            network, layer, features = _backbone(backbone, weights)
        else:
            network = FrameNetwork(size_px=size_px, width=width, features=features)
        self.clip = OverFrames(network, layer, make_head(head, features, **options))
        self.penultimate = nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(int(self.clip.head.out_features), outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Score clips."""
        scores: Tensor = self.classifier(self.dropout(self.penultimate(self.clip(x))))
        return scores


def _backbone(name: str, weights: str) -> tuple[nn.Module, str, int]:
    """Return an image network in training mode, the module that is read, and how many numbers it gives."""
    from vifex.models.families.composed.seq import frame_network

    network, layer, size = frame_network(name, weights)
    return network.train(), layer, size
