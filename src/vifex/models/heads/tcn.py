"""A temporal convolutional network: residual blocks of dilated convolutions along time."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from vifex.models.heads.states import States

__all__ = ["TCNBlock", "TCNHead"]


class TCNBlock(nn.Module):
    """`relu(x + relu(conv2(relu(conv1(x)))))` along time, both convolutions dilated.

    Causal: padded with zeros in the past alone, so that frame t sees frames up to t. Otherwise the window
    is centred. Where the widths differ, `shortcut`, a convolution of one frame, makes x fit.

    The paper's weight normalisation is another way to train the same convolution; weights trained with it
    must be multiplied out. Dropout is part of training only.

    Args:
        in_features: Numbers per frame, D.
        out_features: D'.
        kernel: Frames of a convolution; odd where not causal.
        dilation: Frames from one layer of the convolution to the next.
        causal: Whether later frames are ignored.

    Source: Bai, Kolter and Koltun, 2018, arXiv:1803.01271, figure 1 (b).
    """

    def __init__(
        self, in_features: int, out_features: int, kernel: int = 3, dilation: int = 1, *, causal: bool = True
    ) -> None:
        super().__init__()
        if kernel < 1 or (not causal and kernel % 2 == 0):
            raise ValueError(f"kernel must be at least 1, and odd for a centred window, got {kernel}")
        self.conv1 = nn.Conv1d(in_features, out_features, kernel, dilation=dilation)
        self.conv2 = nn.Conv1d(out_features, out_features, kernel, dilation=dilation)
        self.shortcut = (
            nn.Conv1d(in_features, out_features, 1) if in_features != out_features else nn.Identity()
        )
        reach = (kernel - 1) * dilation
        self.pad = (reach, 0) if causal else (reach // 2, reach // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, D, T]` to `[B, D', T]`."""
        y = torch.relu(self.conv1(F.pad(x, self.pad)))
        y = torch.relu(self.conv2(F.pad(y, self.pad)))
        return torch.relu(self.shortcut(x) + y)


class TCNHead(nn.Module):
    """Blocks with dilations 1, 2, 4, ... over `[B, T, D]`, and the vector of the clip.

    State: `blocks.I.conv1.*`, `blocks.I.conv2.*`, and `blocks.0.shortcut.*` where `hidden` is not D. Layers:
    `states`, sequence `[T, hidden]`; the head itself, vector `[hidden]`.

    Args:
        in_features: D.
        hidden: Numbers per frame behind the first block.
        layers: Blocks; `1 + 2 (kernel - 1) (2 ** layers - 1)` frames are seen by the last.
        kernel: Frames of a convolution.
        causal: Whether frame t sees no frame behind it.
        take: What represents the clip: the `last` frame's state, or the `mean` or `max` of all.
    """

    def __init__(
        self,
        in_features: int,
        hidden: int = 256,
        *,
        layers: int = 4,
        kernel: int = 3,
        causal: bool = True,
        take: Literal["last", "mean", "max"] = "mean",
    ) -> None:
        super().__init__()
        if take not in ("last", "mean", "max"):
            raise ValueError(f"take must be last, mean or max, got {take!r}")
        widths = [in_features] + [hidden] * layers
        self.blocks = nn.Sequential(
            *(TCNBlock(widths[i], widths[i + 1], kernel, 2**i, causal=causal) for i in range(layers))
        )
        self.states = States()
        self.take = take
        self.out_features = hidden

    def forward(self, x: Tensor) -> Tensor:
        """Map `[B, T, D]` to `[B, hidden]`."""
        states: Tensor = self.states(self.blocks(x.transpose(1, 2)).transpose(1, 2))
        if self.take == "last":
            return states[:, -1]
        return states.mean(dim=1) if self.take == "mean" else states.amax(dim=1)
