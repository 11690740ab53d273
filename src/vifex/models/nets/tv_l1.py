"""TV-L1 optical flow of a clip, as a module without weights.

TV-L1 finds the displacement of every pixel from one frame to the next: it minimises the total variation
of the flow plus the L1 norm of the brightness difference, from a coarse scale to the full one. The number
of iterations is fixed, so a pair's flow does not depend on the other pairs in its batch.

Source: Zach, Pock and Bischof, A Duality Based Approach for Realtime TV-L1 Optical Flow, DAGM 2007;
Sanchez, Meinhardt-Llopis and Facciolo, TV-L1 Optical Flow Estimation, IPOL 2013 (the parameters).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

__all__ = ["TvL1", "tv_l1"]

_TAU: Final = 0.25
"""Time step of the dual variables."""
_LAMBDA: Final = 0.15
"""Weight of the brightness difference."""
_THETA: Final = 0.3
"""How closely the two halves of the problem are coupled."""
_SCALES: Final = 5
_ZOOM: Final = 0.5
_SMALLEST_PX: Final = 16
"""Shorter side below which no coarser scale is made."""
_WARPS: Final = 5
"""Linearisations per scale."""
_ITERATIONS: Final = 30
"""Steps of the dual method per linearisation."""
_PAIRS: Final = 8
"""Pairs computed at once: their arrays stay in the processor's cache."""
_FLAT: Final = 1e-9
"""Squared gradient below which a pixel says nothing of its displacement."""
_GREY: Final = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the brightness (ITU-R BT.601)."""


class TvL1(nn.Module):
    """TV-L1 flow from each frame of a clip to the next.

    Input `[N, 3, T + 1, H, W]`, RGB from -1 to 1; output `[N, 2, T, H, W]`, horizontal and vertical, in
    pixels per frame.
    """

    def forward(self, clip: Tensor) -> Tensor:
        """Map a batch of clips to their flow."""
        n, _, t, height, width = clip.shape
        red, green, blue = (clip[:, i].float() * share for i, share in enumerate(_GREY))
        grey = (red + green + blue) * 127.5 + 127.5
        first = grey[:, :-1].reshape(n * (t - 1), height, width)
        second = grey[:, 1:].reshape(n * (t - 1), height, width)
        pairs = zip(first.split(_PAIRS), second.split(_PAIRS), strict=True)
        flow = torch.cat([tv_l1(a, b) for a, b in pairs])
        return flow.reshape(n, t - 1, 2, height, width).transpose(1, 2)


@torch.library.custom_op("vifex::tv_l1", mutates_args=())  # type: ignore[untyped-decorator]
def tv_l1(first: Tensor, second: Tensor) -> Tensor:
    """Compute the flow between pairs of images.

    This is one operation to torch: its tens of thousands of steps are neither traced nor compiled, and a
    network that has it is run by torch rather than converted to OpenVINO.

    Args:
        first: Brightness, float32 `[N, H, W]`, 0 to 255.
        second: The images that follow, same shape.

    Returns:
        float32 `[N, 2, H, W]`: horizontal and vertical displacement in pixels, such that
        `second(x + flow)` looks like `first(x)`.
    """
    with torch.autocast(first.device.type, enabled=False):
        sizes = _pyramid_sizes(first.shape[-2], first.shape[-1])
        flow = torch.zeros(len(first), 2, *sizes[-1], device=first.device)
        for height, width in reversed(sizes):
            flow = _enlarged(flow, height, width)
            flow = _flow_at_scale(_resized(first, height, width), _resized(second, height, width), flow)
        return flow


@tv_l1.register_fake  # type: ignore[untyped-decorator]
def _tv_l1_shape(first: Tensor, second: Tensor) -> Tensor:
    return first.new_empty(first.shape[0], 2, first.shape[1], first.shape[2])


def _pyramid_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Give height and width of each scale, the full one first."""
    sizes = [(height, width)]
    while len(sizes) < _SCALES and min(sizes[-1]) * _ZOOM >= _SMALLEST_PX:
        sizes.append((round(sizes[-1][0] * _ZOOM), round(sizes[-1][1] * _ZOOM)))
    return sizes


def _resized(image: Tensor, height: int, width: int) -> Tensor:
    if image.shape[-2:] == (height, width):
        return image
    return F.interpolate(image[:, None], (height, width), mode="bilinear", antialias=True)[:, 0]


def _enlarged(flow: Tensor, height: int, width: int) -> Tensor:
    """Resize a flow field and scale its displacements with it."""
    old = flow.shape[-2:]
    if old == (height, width):
        return flow
    flow = F.interpolate(flow, (height, width), mode="bilinear")
    return flow * torch.tensor([width / old[1], height / old[0]], device=flow.device).reshape(1, 2, 1, 1)


def _flow_at_scale(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
    """Refine a flow field at one scale: linearise at it, then solve, `_WARPS` times."""
    stack = second.new_zeros(len(second), 3, *second.shape[-2:])  # brightness, its slope along x and along y
    stack[:, 0] = second
    stack[:, 1, :, 1:-1] = (second[:, :, 2:] - second[:, :, :-2]) / 2
    stack[:, 2, 1:-1] = (second[:, 2:] - second[:, :-2]) / 2
    u, v = flow[:, 0].contiguous(), flow[:, 1].contiguous()
    dual = [torch.zeros_like(u) for _ in range(4)]
    for _ in range(_WARPS):
        warped, slope_u, slope_v = _warped(stack, u, v).unbind(1)
        squared = slope_u.square().addcmul_(slope_v, slope_v)
        constant = warped - first - slope_u * u - slope_v * v
        inverse = torch.where(squared > _FLAT, squared.clamp_min(_FLAT).reciprocal(), 0)
        for _ in range(_ITERATIONS):
            step = (constant + slope_u * u).addcmul_(slope_v, v).mul_(inverse).neg_()
            step.clamp_(-_LAMBDA * _THETA, _LAMBDA * _THETA)
            u = torch.addcmul(u, step, slope_u).add_(_divergence(dual[0], dual[1]), alpha=_THETA)
            v = torch.addcmul(v, step, slope_v).add_(_divergence(dual[2], dual[3]), alpha=_THETA)
            _update_dual(dual[0], dual[1], u)
            _update_dual(dual[2], dual[3], v)
    return torch.stack([u, v], dim=1)


def _warped(stack: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Read `[N, C, H, W]` at every pixel plus its displacement, bicubic, the border continued."""
    height, width = u.shape[-2:]
    rows = torch.arange(height, device=u.device, dtype=u.dtype)[:, None]
    columns = torch.arange(width, device=u.device, dtype=u.dtype)
    x = (columns + u) * (2 / max(width - 1, 1)) - 1
    y = (rows + v) * (2 / max(height - 1, 1)) - 1
    grid = torch.stack([x, y], dim=-1)
    return F.grid_sample(stack, grid, mode="bicubic", padding_mode="border", align_corners=True)


def _divergence(px: Tensor, py: Tensor) -> Tensor:
    """Backward differences of a vector field `[N, H, W]`, zero beyond the border."""
    out = px + py
    out[:, :, 1:] -= px[:, :, :-1]
    out[:, 1:] -= py[:, :-1]
    return out


def _update_dual(px: Tensor, py: Tensor, u: Tensor) -> None:
    """Move a dual variable along the gradient of `u` and back into its bounds, in place."""
    dx, dy = torch.zeros_like(u), torch.zeros_like(u)
    torch.sub(u[:, :, 1:], u[:, :, :-1], out=dx[:, :, :-1])
    torch.sub(u[:, 1:], u[:, :-1], out=dy[:, :-1])
    scale = dx.square().addcmul_(dy, dy).sqrt_().mul_(_TAU / _THETA).add_(1)
    px.add_(dx, alpha=_TAU / _THETA).div_(scale)
    py.add_(dy, alpha=_TAU / _THETA).div_(scale)
