"""Factorisations of one layer: two smaller layers in sequence that give nearly the same.

A convolution is split in one of two ways. By channels, a convolution of the same size gives `rank` channels
and a 1 x 1 convolution makes the outputs of them (Zhang et al., TPAMI 2016, arXiv:1505.06798). By space, a
column of `rank` vertical filters is followed by horizontal ones (Jaderberg et al., BMVC 2014,
arXiv:1405.3866). A linear layer is split by channels. The singular value decomposition gives the best
factors; weights are scaled by the size of the inputs first, so that inputs that are small count little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn

__all__ = ["Factors", "Scheme", "factorise", "schemes_of", "split"]

Scheme = Literal["channels", "space"]

_FLOOR: Final = 1e-3
"""Inputs count at least as if their size were this part of the largest."""
_DOUBLE: Final = 1 << 23
"""Larger matrices are decomposed in float32, which is several times faster."""


@dataclass(frozen=True, slots=True)
class Factors:
    """The decomposition of one layer in one way, for every rank."""

    scheme: Scheme
    left: Tensor
    """`[rows, R]`, float: multiplied by `right` it is the layer's matrix; the largest part comes first."""
    right: Tensor
    """`[R, columns]`."""
    lost: tuple[float, ...]
    """For each rank from 0 to R, the part of the layer's energy that is lost."""
    weights_per_rank: int
    """Weights of both layers together, biases apart, for each rank."""


def schemes_of(layer: nn.Module) -> tuple[Scheme, ...]:
    """Return the ways in which a layer can be split; none for grouped convolutions."""
    if isinstance(layer, nn.Linear):
        return ("channels",)
    if not isinstance(layer, nn.Conv2d) or layer.groups != 1:
        return ()
    return ("channels",) if min(layer.kernel_size) == 1 else ("channels", "space")


def factorise(layer: nn.Conv2d | nn.Linear, scheme: Scheme, sizes: Tensor | None = None) -> Factors:
    """Decompose a layer.

    Args:
        layer: With float weights.
        scheme: One of `schemes_of(layer)`.
        sizes: Root mean square of each input channel, `[inputs]`; `None` takes all for equal.
    """
    weight = layer.weight.detach()
    wide = weight.double() if weight.numel() <= _DOUBLE else weight.float()
    if wide.dim() == 2:
        wide = wide[:, :, None, None]
    outputs, inputs, height, width = wide.shape
    scale = torch.ones(inputs, dtype=wide.dtype) if sizes is None else sizes.to(wide.dtype)
    scale = scale.clamp(min=max(_FLOOR * float(scale.max()), 1e-12))
    scaled = wide * scale[:, None, None]
    if scheme == "channels":
        matrix = scaled.reshape(outputs, inputs * height * width)
        per_rank = inputs * height * width + outputs
    else:
        matrix = scaled.permute(1, 2, 3, 0).reshape(inputs * height, width * outputs)
        per_rank = inputs * height + width * outputs
    left, right, energies = _decomposed(matrix)
    if scheme == "channels":
        right = (right.view(-1, inputs, height * width) / scale[:, None]).reshape(right.shape)
    else:
        left = (left.view(inputs, height, -1) / scale[:, None, None]).reshape(left.shape)
    tail = torch.cat([energies.flip(0).cumsum(0).flip(0), energies.new_zeros(1)])
    lost = (tail / tail[0].clamp(min=1e-30)).tolist()
    return Factors(scheme, left, right, tuple(lost), per_rank)


def _decomposed(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the factors of the singular value decomposition and the squared singular values.

    The eigenvectors of the smaller Gram matrix are much quicker than the decomposition itself, and projecting
    the matrix on them keeps the product exact at full rank.
    """
    if matrix.shape[0] > matrix.shape[1]:
        right, left, energies = _decomposed(matrix.T)
        return left.T, right.T, energies
    basis = torch.linalg.eigh(matrix @ matrix.T).eigenvectors.flip(1)
    rows = basis.T @ matrix
    energies = rows.square().sum(dim=1)
    # Both factors get the same size: training moves them alike.
    root = energies.clamp(min=1e-24 * float(energies.max()) + 1e-30).sqrt().sqrt()
    return basis * root, rows / root[:, None], energies


def split(layer: nn.Conv2d | nn.Linear, factors: Factors, rank: int) -> nn.Sequential:
    """Make the two layers that replace one.

    Args:
        layer: The one.
        factors: Its decomposition.
        rank: Channels between the two layers, at least 1; the full rank gives the same function.
    """
    left, right = factors.left[:, :rank], factors.right[:rank]
    if isinstance(layer, nn.Linear):
        first: nn.Module = nn.Linear(layer.in_features, rank, bias=False)
        second: nn.Module = nn.Linear(rank, layer.out_features, bias=layer.bias is not None)
        weights = right, left
    elif factors.scheme == "channels":
        first = _convolution(layer, layer.in_channels, rank, layer.kernel_size, (0, 1), bias=False)
        second = nn.Conv2d(rank, layer.out_channels, 1, bias=layer.bias is not None)
        weights = right, left
    else:
        height, width = layer.kernel_size
        biased = layer.bias is not None
        first = _convolution(layer, layer.in_channels, rank, (height, 1), (0,), bias=False)
        second = _convolution(layer, rank, layer.out_channels, (1, width), (1,), bias=biased)
        vertical = left.view(layer.in_channels, height, rank).permute(2, 0, 1)
        horizontal = right.view(rank, width, layer.out_channels).permute(2, 0, 1)
        weights = vertical, horizontal
    with torch.no_grad():
        for part, values in zip((first, second), weights, strict=True):
            weight = part.weight
            weight.copy_(values.reshape(weight.shape))
        if layer.bias is not None:
            second.bias.copy_(layer.bias)
    return nn.Sequential(first, second).to(layer.weight.device, layer.weight.dtype)


def _convolution(
    like: nn.Conv2d, inputs: int, outputs: int, size: tuple[int, ...], axes: tuple[int, ...], *, bias: bool
) -> nn.Conv2d:
    """Make a convolution that has the stride, padding and dilation of another along some axes."""

    def along(values: tuple[int, ...], otherwise: int) -> tuple[int, int]:
        first, second = (values[axis] if axis in axes else otherwise for axis in (0, 1))
        return first, second

    padding = like.padding if isinstance(like.padding, str) else along(like.padding, 0)
    return nn.Conv2d(
        inputs,
        outputs,
        (size[0], size[1]),
        along(like.stride, 1),
        padding,
        along(like.dilation, 1),
        bias=bias,
        padding_mode=like.padding_mode,
    )
