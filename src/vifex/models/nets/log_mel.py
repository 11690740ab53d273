"""Sound to a log-mel spectrogram inside a network, so that the network's input is samples.

The arithmetic is in double precision if the device has it, because the logarithm of quiet bands would show
the rounding errors of single precision beside loud ones. The Fourier transform is a matrix product over the
bins that a band needs, so that engines without complex numbers can run it.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Fitted", "Framed", "LogMel", "Standardized"]


class LogMel(nn.Module):
    """`[N, S]` samples to `[N, T, M]`: the logarithm of the power in M mel bands, for T overlapping frames.

    Args:
        window: `[L]`, what each frame of L samples is multiplied by.
        filters: `[n_fft // 2 + 1, M]`, how bins of the spectrum add up to bands.
        n_fft: Length of the Fourier transform; frames are filled up with zeros.
        hop: Samples from one frame to the next.
        floor: Least power.
        log: `dB` gives ten times the decimal logarithm, `e` the natural one.
        center: Whether frame t is centred on sample t * hop, the ends mirrored; else it starts there.
        remove_mean: Whether each frame's mean is subtracted.
        preemphasis: Share of the previous sample that is subtracted from each sample.

    Source: Davis and Mermelstein, 1980, doi:10.1109/TASSP.1980.1163420 (bands); in the very steps of
        `transformers.audio_utils.spectrogram`.
    """

    def __init__(
        self,
        window: Tensor,
        filters: Tensor,
        *,
        n_fft: int,
        hop: int,
        floor: float,
        log: Literal["dB", "e"],
        center: bool = False,
        remove_mean: bool = False,
        preemphasis: float = 0.0,
    ) -> None:
        super().__init__()
        self.waves: Tensor
        self.filters: Tensor
        bins = filters.double().any(1).nonzero()[:, 0]
        angles = 2 * math.pi / n_fft * (torch.arange(len(window))[:, None] * bins % n_fft).double()
        waves = window.double()[:, None] * torch.cat([angles.cos(), angles.sin()], 1)
        self.register_buffer("waves", waves, persistent=False)
        self.register_buffer("filters", filters.double()[bins], persistent=False)
        self.hop, self.floor = hop, floor
        self.factor = 10 / math.log(10) if log == "dB" else 1.0
        self.center, self.remove_mean, self.preemphasis = center, remove_mean, preemphasis

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch of sounds to spectrograms, float32."""
        real = torch.float32 if x.device.type == "mps" else torch.float64
        length = self.waves.shape[0]
        x = x.to(real)
        if self.center:
            x = functional.pad(x[:, None], (length // 2, length // 2), mode="reflect")[:, 0]
        frames = x.unfold(1, length, self.hop)
        if self.remove_mean:
            frames = frames - frames.mean(-1, keepdim=True)
        if self.preemphasis:
            before = torch.cat([frames[..., :1], frames[..., :-1]], -1)
            frames = frames - self.preemphasis * before
        parts = (frames @ self.waves.to(real)).square()
        n_bins = self.filters.shape[0]
        bands = (parts[..., :n_bins] + parts[..., n_bins:]) @ self.filters.to(real)
        return (bands.clamp(min=self.floor).log() * self.factor).float()


class Standardized(nn.Module):
    """`[N, S]` to `[N, S]`: each sound with mean 0 and variance 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Shift and scale; silence stays silence."""
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-7).sqrt()


class Framed(nn.Module):
    """`[N, T, M]` to `[N, length, M]`: filled up with zeros or cut, then `(x - shift) / scale`."""

    def __init__(self, length: int, shift: float, scale: float) -> None:
        super().__init__()
        self.length, self.shift, self.scale = length, shift, scale

    def forward(self, x: Tensor) -> Tensor:
        """Fill up a batch of spectrograms."""
        x = functional.pad(x[:, : self.length], (0, 0, 0, max(0, self.length - x.shape[1])))
        return (x - self.shift) / self.scale


class Fitted(nn.Module):
    """`[N, S]` to `[N, length]`: sound that is shorter is filled up.

    Args:
        length: Samples.
        how: `repeatpad`: as often as it fits whole, then silence; `repeat`: again and again, cut at the
            end; `pad`: silence.
    """

    def __init__(self, length: int, how: str) -> None:
        super().__init__()
        self.length, self.how = length, how

    def forward(self, x: Tensor) -> Tensor:
        """Fill up a batch of sounds.

        Raises:
            ValueError: If they are longer.
        """
        given = x.shape[1]
        if given > self.length:
            raise ValueError(f"it takes at most {self.length} samples, not {given}")
        if given < self.length and self.how in ("repeat", "repeatpad"):
            times = self.length // given + (self.how == "repeat")
            x = x.repeat(1, times)[:, : self.length]
        return functional.pad(x, (0, self.length - x.shape[1]))
