"""Small networks with every habit that an engine must cope with; the tests' stand-ins for a user's own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGES = {"height_px": 24, "width_px": 32, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.25)}
CLIPS = {"height_px": 16, "width_px": 16, "frames": 6, "layout": "NCTHW", "mean": (0.4, 0.5, 0.6)}

FRAMES = {**CLIPS, "layout": "NTCHW"}
SQUARES = {"height_px": 24, "width_px": 24}


class Cnn(nn.Module):
    """One ReLU called three times, in place; a head behind a flattened pool."""

    vifex_card = IMAGES

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Dropout(0.5))
        self.layer2 = nn.Sequential(nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.BatchNorm2d(12))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(12, 5)
        _stir(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(x + self.layer1(x))
        x = self.relu(self.layer2(x))
        return self.fc(self.pool(x).flatten(1))


class Clip3d(nn.Module):
    vifex_card = CLIPS

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(3, 6, 3, stride=(1, 2, 2), padding=1), nn.BatchNorm3d(6), nn.ReLU()
        )
        self.body = nn.Conv3d(6, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, 4)
        _stir(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.stem(x)).relu().mean([2, 3, 4]))


class Recurrent(nn.Module):
    """Frames folded into the batch, an LSTM over them, a convolution along time."""

    vifex_card = FRAMES

    def __init__(self) -> None:
        super().__init__()
        self.frame = nn.Conv2d(3, 6, 3, stride=2)
        self.lstm = nn.LSTM(6, 5, batch_first=True)
        self.along = nn.Conv1d(5, 7, 3, padding=1)
        self.head = nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        n, t = x.shape[:2]
        features = self.frame(x.flatten(0, 1)).mean([2, 3]).view(n, t, 6)
        steps, _ = self.lstm(features)
        return self.head(self.along(steps.transpose(1, 2)).mean(2))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = self.qkv(x).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        out = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(out.transpose(1, 2).reshape(n, length, width))


class Transformer(nn.Module):
    """Tokens by fused attention, by torch's own multi-head attention, and one class token."""

    vifex_card = IMAGES

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, 16, 8, stride=8)
        self.cls = nn.Parameter(torch.randn(1, 1, 16))
        self.blocks = nn.ModuleList(Attention(16, 2) for _ in range(3))
        self.norm = nn.LayerNorm(16)
        self.last = nn.MultiheadAttention(16, 4, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = x + block(x)
        x = self.norm(x)
        x = x + self.last(x, x, x, need_weights=False)[0]
        return {"logits": self.head(x[:, 0]), "tokens": x}


class ChannelsLast(nn.Module):
    """A map that is channels-last inside, cut into windows and joined again."""

    vifex_card = SQUARES

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 4, stride=4)
        self.norm = nn.LayerNorm(8)
        self.window = nn.Linear(8, 8)
        self.merge = nn.Linear(32, 10)
        self.head = nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.embed(x).permute(0, 2, 3, 1))
        windows = x.view(len(x), 2, 3, 2, 3, 8).permute(0, 1, 3, 2, 4, 5).reshape(-1, 9, 8)
        windows = self.window(windows).view(len(x), 2, 2, 3, 3, 8).permute(0, 1, 3, 2, 4, 5)
        x = x + windows.reshape(len(x), 6, 6, 8)
        x = x.reshape(len(x), 3, 2, 3, 2, 8).permute(0, 1, 3, 4, 2, 5).flatten(3)
        return self.head(self.merge(x).mean([1, 2]))


class Deciding(nn.Module):
    """Its pixels decide which way it goes: no graph can be traced of it."""

    vifex_card = IMAGES

    def __init__(self) -> None:
        super().__init__()
        self.dark, self.bright = nn.Linear(3, 4), nn.Linear(3, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x.mean([2, 3])
        rows = [self.bright(r) if r.mean() > 0 else self.dark(r) for r in x.split(1)]
        return self.head(torch.cat(rows))


class Gated(nn.Module):
    """Calls one of two modules for the whole batch."""

    vifex_card = IMAGES

    def __init__(self) -> None:
        super().__init__()
        self.dark, self.bright = nn.Linear(3, 4), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x.mean([2, 3])
        return (self.bright if x.mean() > 0 else self.dark)(x).relu()


class Mixing(nn.Module):
    """Normalises by the batch's own statistics: an input's features depend on its neighbours."""

    vifex_card = IMAGES

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=4)
        self.bn = nn.BatchNorm2d(4, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class OneByOne(nn.Module):
    """Holds a batch of one for a constant."""

    vifex_card = IMAGES

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 8, stride=8)
        self.head = nn.Linear(48, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).reshape(1, 48))


def plain_function() -> nn.Module:
    return Cnn()


def no_network() -> int:
    return 3


value = 3


def _stir(module: nn.Module) -> None:
    """Give batch norms statistics that change something."""
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm2d, nn.BatchNorm3d)):
            nn.init.uniform_(part.running_mean, -0.3, 0.3)
            nn.init.uniform_(part.running_var, 0.5, 2.0)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.5, 0.5)


ALL: dict[str, Any] = {
    c.__name__: c for c in (Cnn, Clip3d, Recurrent, Transformer, ChannelsLast, Deciding, Mixing, OneByOne)
}
