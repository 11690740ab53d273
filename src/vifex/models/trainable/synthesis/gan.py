"""A small generative adversarial network for images of 32 pixels, with spectral normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["Discriminator", "Generator"]


class Generator(nn.Module):
    """Noise `[B, code]` to images `[B, 3, 32, 32]` with values 0 to 1. State: `project.*`, `layers.*`.

    Args:
        outputs: Numbers of the noise.
        width: Channels of the last but one layer; those before have 2 and 4 times as many.

    Source: Radford et al., DCGAN, ICLR 2016, arXiv:1511.06434; the sizes of Miyato et al., table 3 (a).
    """

    def __init__(self, outputs: int = 128, *, width: int = 64) -> None:
        super().__init__()
        self.code, self.width = outputs, width
        self.project = nn.Linear(outputs, 4 * width * 4 * 4)
        widths = [4 * width, 2 * width, width]
        layers: list[nn.Module] = [nn.BatchNorm2d(4 * width), nn.ReLU()]
        for before, after in zip(widths, [*widths[1:], width], strict=True):
            layers += [
                nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 3, 3, 1, 1), nn.Tanh())

    def forward(self, noise: Tensor) -> Tensor:
        """Make images."""
        image: Tensor = self.layers(self.project(noise).reshape(-1, 4 * self.width, 4, 4))
        return (image + 1) / 2


class Discriminator(nn.Module):
    """Images `[B, 3, 32, 32]` with values 0 to 1 to scores `[B]`, above zero for real ones.

    Every layer has spectral norm 1 (one step of the power iteration per call in training mode), which bounds
    how fast the score changes and keeps the training stable. State: `layers.*`, `score.*`.

    Args:
        width: Channels of the first layer; the others have 2 and 4 times as many.

    Source: Miyato et al., Spectral Normalization for Generative Adversarial Networks, ICLR 2018,
    arXiv:1802.05957, table 3 (b), with fewer layers.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for after in (width, 2 * width, 4 * width):
            layers += [spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.1)]
            before = after
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.score = spectral_norm(nn.Linear(4 * width * 4 * 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Score images."""
        scores: Tensor = self.score(self.layers(2 * x - 1))
        return torch.squeeze(scores, 1)
