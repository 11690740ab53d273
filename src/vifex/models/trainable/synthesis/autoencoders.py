"""A convolutional autoencoder and its variational form, for square images with values 0 to 1."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Autoencoder", "Coded"]


class Coded(NamedTuple):
    """What an autoencoder gives."""

    image: Tensor
    """`[B, 3, S, S]`, 0 to 1."""
    mean: Tensor
    """`[B, code]`: the code, of a variational autoencoder its mean."""
    log_variance: Tensor | None
    """`[B, code]`; `None` without variance."""


class Autoencoder(nn.Module):
    """An image to a code of a few numbers and back.

    State: `encoder.*`, `to_mean.*`, `to_log_variance.*` (variational), `from_code.*`, `decoder.*`. A
    variational network in training mode draws the code from its normal distribution; in evaluation mode it
    takes the mean.

    Args:
        outputs: Numbers of the code.
        size_px: S, a multiple of 8.
        width: Channels of the first convolution; the others have 2 and 4 times as many.
        variational: Whether the code is a distribution.

    Source: Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv:1312.6114.
    """

    def __init__(self, outputs: int, *, size_px: int = 32, width: int = 32, variational: bool = True) -> None:
        super().__init__()
        if size_px % 8:
            raise ValueError(f"size_px must be a multiple of 8, got {size_px}")
        widths = [3, width, 2 * width, 4 * width]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for before, after in pairwise(widths):
            down += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.SiLU()]
            last = before == 3
            end = [nn.Sigmoid()] if last else [nn.BatchNorm2d(before), nn.SiLU()]
            up = [nn.ConvTranspose2d(after, before, 4, 2, 1, bias=last), *end, *up]
        self.shape = (widths[-1], size_px // 8, size_px // 8)
        size = widths[-1] * (size_px // 8) ** 2
        self.encoder = nn.Sequential(*down, nn.Flatten())
        self.to_mean = nn.Linear(size, outputs)
        self.to_log_variance = nn.Linear(size, outputs) if variational else None
        self.from_code = nn.Linear(outputs, size)
        self.decoder = nn.Sequential(*up)
        self.penultimate = nn.Identity()

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map images to the code's mean and the logarithm of its variance."""
        hidden = self.encoder(x)
        # Beyond these bounds the exponential overflows in half precision.
        log_variance = None if self.to_log_variance is None else self.to_log_variance(hidden).clamp(-10, 10)
        return self.penultimate(self.to_mean(hidden)), log_variance

    def decode(self, code: Tensor) -> Tensor:
        """Map codes `[B, code]` to images."""
        image: Tensor = self.decoder(self.from_code(code).reshape(-1, *self.shape))
        return image

    def forward(self, x: Tensor) -> Coded:
        """Encode and decode images."""
        mean, log_variance = self.encode(x)
        code = mean
        if log_variance is not None and self.training:
            code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return Coded(self.decode(code), mean, log_variance)

    def interpolate(self, first: Tensor, second: Tensor, steps: int) -> Tensor:
        """Decode codes on the line between two images `[3, S, S]`, ends included: `[steps, 3, S, S]`."""
        ends = self.encode(torch.stack([first, second]))[0]
        return self.decode(torch.lerp(ends[0], ends[1], torch.linspace(0, 1, steps)[:, None].to(ends)))
