"""Checkpoints with the names and shapes of the published ones, drawn from a seed.

The lists are written from the published code (named at each), not from ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["c3d_sports1m", "i3d_hassony2", "i3d_piergiaj"]

C3D = {
    "conv1": (64, 3, 3, 3, 3),
    "conv2": (128, 64, 3, 3, 3),
    "conv3a": (256, 128, 3, 3, 3),
    "conv3b": (256, 256, 3, 3, 3),
    "conv4a": (512, 256, 3, 3, 3),
    "conv4b": (512, 512, 3, 3, 3),
    "conv5a": (512, 512, 3, 3, 3),
    "conv5b": (512, 512, 3, 3, 3),
    "fc6": (4096, 8192),
    "fc7": (4096, 4096),
    "fc8": (487, 4096),
}
"""DavideA/c3d-pytorch, `C3D_model.py`."""

MIXED = {
    "3b": (192, 64, 96, 128, 16, 32, 32),
    "3c": (256, 128, 128, 192, 32, 96, 64),
    "4b": (480, 192, 96, 208, 16, 48, 64),
    "4c": (512, 160, 112, 224, 24, 64, 64),
    "4d": (512, 128, 128, 256, 24, 64, 64),
    "4e": (512, 112, 144, 288, 32, 64, 64),
    "4f": (528, 256, 160, 320, 32, 128, 128),
    "5b": (832, 256, 160, 320, 32, 128, 128),
    "5c": (832, 384, 192, 384, 48, 128, 128),
}
"""Input channels, then filters; google-deepmind/kinetics-i3d, `i3d.py`."""


def c3d_sports1m(seed: int = 0) -> dict[str, Tensor]:
    """DavideA/c3d-pytorch's keys: a weight and a bias for each layer."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in C3D.items():
        fan = 1.0
        for size in shape[1:]:
            fan *= size
        state[f"{name}.weight"] = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
        state[f"{name}.bias"] = torch.randn(shape[0], generator=generator) * 0.1
    return state


def i3d_piergiaj(channels: int = 3, seed: int = 0) -> dict[str, Tensor]:
    """piergiaj/pytorch-i3d's keys, `pytorch_i3d.py`."""
    return _i3d(channels, seed, "{stem}", "Mixed_{stage}.{branch}", "bn", "logits", _PIERGIAJ)


def i3d_hassony2(channels: int = 3, seed: int = 0) -> dict[str, Tensor]:
    """hassony2/kinetics_i3d_pytorch's keys, `src/i3dpt.py`."""
    return _i3d(
        channels, seed, "{stem_lower}", "mixed_{stage}.{branch}", "batch3d", "conv3d_0c_1x1", _HASSONY2
    )


_PIERGIAJ = ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")
_HASSONY2 = ("branch_0", "branch_1.0", "branch_1.1", "branch_2.0", "branch_2.1", "branch_3.1")


def _i3d(
    channels: int, seed: int, stem: str, mixed: str, norm: str, last: str, branches: tuple[str, ...]
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def unit(name: str, out: int, width: int, kernel: int) -> None:
        weight = torch.randn(out, width, kernel, kernel, kernel, generator=generator)
        state[f"{name}.conv3d.weight"] = weight * (2 / (width * kernel**3)) ** 0.5
        state[f"{name}.{norm}.weight"] = torch.ones(out)
        state[f"{name}.{norm}.bias"] = 0.1 * torch.randn(out, generator=generator)
        state[f"{name}.{norm}.running_mean"] = 0.1 * torch.randn(out, generator=generator)
        state[f"{name}.{norm}.running_var"] = 0.5 + torch.rand(out, generator=generator)

    for name, out, width, kernel in (
        ("1a_7x7", 64, channels, 7),
        ("2b_1x1", 64, 64, 1),
        ("2c_3x3", 192, 64, 3),
    ):
        unit(stem.format(stem=f"Conv3d_{name}", stem_lower=f"conv3d_{name}"), out, width, kernel)
    for stage, (width, one, before_1, in_1, before_2, in_2, pooled) in MIXED.items():
        sizes = [
            (one, width, 1),
            (before_1, width, 1),
            (in_1, before_1, 3),
            (before_2, width, 1),
            (in_2, before_2, 3),
            (pooled, width, 1),
        ]
        for branch, (out, inputs, kernel) in zip(branches, sizes, strict=True):
            unit(mixed.format(stage=stage, branch=branch), out, inputs, kernel)
    state[f"{last}.conv3d.weight"] = torch.randn(400, 1024, 1, 1, 1, generator=generator) * 0.03
    state[f"{last}.conv3d.bias"] = torch.randn(400, generator=generator)
    return state
