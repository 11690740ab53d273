"""Non-local blocks: each position of a map attends to all others, in space, in time, or in both.

With places i and j of x, after Wang et al.:

    y_i = 1 / C(x) * sum_j f(x_i, x_j) g(x_j)        (equation 1)
    z_i = W_z y_i + x_i                              (equation 6)

| `pairwise` | f(x_i, x_j) | C(x) | equation |
| --- | --- | --- | --- |
| `gaussian` | exp(x_i . x_j) | sum_j f | 2 |
| `embedded` | exp(theta(x_i) . phi(x_j)) | sum_j f | 3 |
| `dot` | theta(x_i) . phi(x_j) | N | 4 |
| `concatenation` | relu(w_f . [theta(x_i), phi(x_j)]) | N | 5 |

N is the number of positions j, after sub-sampling.

Source: Wang, Girshick, Gupta and He, Non-local Neural Networks, CVPR 2018, arXiv:1711.07971.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from vifex.models.heads.positions import add_positions
from vifex.models.heads.states import States

__all__ = ["NonLocalBlock", "NonLocalHead"]

Pairwise = Literal["gaussian", "embedded", "dot", "concatenation"]
Axes = Literal["space", "time", "spacetime"]


class NonLocalBlock(nn.Module):
    """A non-local block over `[B, C, H, W]` (space) or `[B, C, T, H, W]`; the shape stays.

    State: `theta.*`, `phi.*` (not for `gaussian`), `g.*`: convolutions of one place, `[inner, C, 1, 1, 1]`;
    `pair.weight` `[1, 2 inner]` (`concatenation` alone, without a bias, as in equation 5); `out.*` (W_z)
    `[C, inner, 1, 1, 1]`, or `out.0.*` and `out.1.*` with a batch norm. W_z, or the batch norm's scale,
    starts at zero, so that a new block changes nothing until it is trained (section 3.3, section 4.1).

    Args:
        channels: C.
        inner: Channels of theta, phi and g; half of C by default, as in the paper.
        pairwise: f.
        axes: Which places see each other: those of one frame (`space`), one place at all times (`time`),
            or all (`spacetime`).
        subsample: Max pooling of 2 x 2 in space behind phi and g, a quarter of the pairs (section 3.3);
            the sum is then over the pooled places.
        norm: A batch norm behind W_z, as in the paper's experiments.
    """

    def __init__(
        self,
        channels: int,
        inner: int | None = None,
        *,
        pairwise: Pairwise = "embedded",
        axes: Axes = "spacetime",
        subsample: bool = False,
        norm: bool = False,
    ) -> None:
        super().__init__()
        if pairwise not in get_args(Pairwise) or axes not in get_args(Axes):
            raise ValueError(f"pairwise {pairwise!r} and axes {axes!r} must be among those of the table")
        if subsample and axes == "time":
            raise ValueError("sub-sampling is in space, and axes='time' has one position at a time")
        inner = max(1, channels // 2) if inner is None else inner
        self.pairwise, self.axes = pairwise, axes
        embeds = pairwise != "gaussian"
        self.theta = nn.Conv3d(channels, inner, 1) if embeds else nn.Identity()
        self.phi = nn.Conv3d(channels, inner, 1) if embeds else nn.Identity()
        self.g = nn.Conv3d(channels, inner, 1)
        self.pair = nn.Linear(2 * inner, 1, bias=False) if pairwise == "concatenation" else None
        self.pool: nn.Module = nn.MaxPool3d((1, 2, 2)) if subsample else nn.Identity()
        self.out: nn.Module = nn.Conv3d(inner, channels, 1)
        if norm:
            self.out = nn.Sequential(self.out, nn.BatchNorm3d(channels))
        self._start_at_nothing()

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, C, H, W]` or `[B, C, T, H, W]` to the same shape."""
        volume = x.unsqueeze(2) if x.dim() == 4 else x
        folded = _fold(volume, self.axes)
        theta = self.theta(folded).flatten(2)
        phi, g = (self.pool(part).flatten(2) for part in (self.phi(folded), self.g(folded)))
        y = torch.einsum("bij,bcj->bci", self._weights(theta, phi), g)
        z = self.out(y.reshape(*y.shape[:2], *folded.shape[2:])) + folded
        return _unfold(z, self.axes, volume).reshape(x.shape)

    def _weights(self, theta: Tensor, phi: Tensor) -> Tensor:
        """Return f / C: `[B, inner, i]` and `[B, inner, j]` to `[B, i, j]`."""
        if self.pair is not None:
            # w . [a, b] is w_a . a + w_b . b, so the pairs need no memory.
            ours, others = self.pair.weight[0].chunk(2)
            f = torch.einsum("c,bci->bi", ours, theta)[:, :, None]
            return torch.relu(f + torch.einsum("c,bcj->bj", others, phi)[:, None, :]) / phi.shape[2]
        dots = torch.einsum("bci,bcj->bij", theta, phi)
        return dots / phi.shape[2] if self.pairwise == "dot" else dots.softmax(dim=2)

    def _start_at_nothing(self) -> None:
        last = self.out[1] if isinstance(self.out, nn.Sequential) else self.out
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)


class NonLocalHead(nn.Module):
    """Non-local blocks in time over `[B, T, D]`, then the mean over time: `[B, D]`.

    State: `blocks.I.*`, as a block's. Layers: `states`, sequence `[T, D]`; the head itself, vector `[D]`.
    With initial weights it is the mean of the frames, because the blocks start at zero.

    Args:
        in_features: D.
        layers: Blocks behind each other.
        inner: Channels inside a block.
        pairwise: f.
        norm: A batch norm behind W_z.
        positions: Whether positions (sines) are added to the frames first. Without them the order of the
            frames changes nothing.
    """

    def __init__(
        self,
        in_features: int,
        inner: int | None = None,
        *,
        layers: int = 1,
        pairwise: Pairwise = "embedded",
        norm: bool = False,
        positions: bool = False,
    ) -> None:
        super().__init__()
        blocks = (
            NonLocalBlock(in_features, inner, pairwise=pairwise, axes="time", norm=norm)
            for _ in range(layers)
        )
        self.blocks = nn.Sequential(*blocks)
        self.states = States()
        self.positions = positions
        self.out_features = in_features

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, T, D]` to `[B, D]`."""
        x = add_positions(x) if self.positions else x
        volume = x.transpose(1, 2)[..., None, None]
        states: Tensor = self.states(self.blocks(volume)[..., 0, 0].transpose(1, 2))
        return states.mean(dim=1)


def _fold(x: Tensor, axes: Axes) -> Tensor:
    """Move the axes that do not see each other into the batch: `[B, C, T, H, W]` to `[B', C, t, h, w]`."""
    b, c, t, h, w = x.shape
    if axes == "space":
        return x.transpose(1, 2).reshape(b * t, c, 1, h, w)
    if axes == "time":
        return x.permute(0, 3, 4, 1, 2).reshape(b * h * w, c, t, 1, 1)
    return x


def _unfold(z: Tensor, axes: Axes, like: Tensor) -> Tensor:
    """Undo `_fold`."""
    b, c, t, h, w = like.shape
    if axes == "space":
        return z.reshape(b, t, c, h, w).transpose(1, 2)
    if axes == "time":
        return z.reshape(b, h, w, c, t).permute(0, 3, 4, 1, 2)
    return z
