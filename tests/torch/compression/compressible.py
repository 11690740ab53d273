"""Tiny networks of the kinds that compression meets; no weights are trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

CARD = {"height_px": 32, "width_px": 32, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}


class Block(nn.Module):
    """A residual block; with more outputs than inputs its shortcut is padded with zeros (option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.added = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        x = x[:, :, :: self.stride, :: self.stride]
        half = self.added // 2
        return functional.relu(y + functional.pad(x, (0, 0, 0, 0, half, self.added - half)))


class PaddedResNet(nn.Module):
    """A CIFAR ResNet in small: shortcuts without weights."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = Block(8, 8, 1)
        self.layer2 = Block(8, 16, 2)
        self.penultimate = nn.Identity()
        self.linear = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(functional.relu(self.bn1(self.conv1(x)))))
        return self.linear(self.penultimate(x.mean(dim=(2, 3))))


class Grouped(nn.Module):
    """Grouped and depthwise convolutions, and a gate of the channels (squeeze and excitation)."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(3, 24, 1)
        self.depthwise = nn.Conv2d(24, 24, 3, 1, 1, groups=24)
        self.gate1 = nn.Conv2d(24, 6, 1)
        self.gate2 = nn.Conv2d(6, 24, 1)
        self.project = nn.Conv2d(24, 16, 1)
        self.grouped = nn.Conv2d(16, 16, 3, 2, 1, groups=4)
        self.last = nn.Conv2d(16, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.depthwise(functional.relu(self.expand(x))))
        x = x * torch.sigmoid(self.gate2(functional.relu(self.gate1(x.mean(dim=(2, 3), keepdim=True)))))
        return self.last(functional.relu(self.grouped(functional.relu(self.project(x))))).mean(dim=(2, 3))


class Attention(nn.Module):
    """A transformer block: heads by a reshape of one linear layer, and normalised channels."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 24, 8, 8)
        self.norm1, self.norm2 = nn.LayerNorm(24), nn.LayerNorm(24)
        self.qkv, self.proj = nn.Linear(24, 72), nn.Linear(24, 24)
        self.fc1, self.fc2 = nn.Linear(24, 96), nn.Linear(96, 24)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        n, t, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, 4, 6).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(y.transpose(1, 2).reshape(n, t, 24))
        x = x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return x.mean(dim=1)


class Depthwise(nn.Module):
    """Nothing that can be factorised, and nothing that can be pruned: the output has every channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, groups=3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).mean(dim=(2, 3))


def made(network: type[nn.Module], seed: int = 0) -> nn.Module:
    """A network with seeded weights, and statistics that are not 0 and 1."""
    torch.manual_seed(seed)
    module = network()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean = torch.randn(part.num_features) * 0.1
            part.running_var = torch.rand(part.num_features) + 0.5
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.2)
    return module.eval()


def hand_count(module: nn.Module, side: int = 32) -> int:
    """Multiplications by the formulas: out positions x kernel x inputs / groups x outputs, from hooks."""
    total = 0

    def count(part: Any, given: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal total
        if isinstance(part, nn.Conv2d):
            kernel = part.kernel_size[0] * part.kernel_size[1]
            total += out.shape[2] * out.shape[3] * kernel * given[0].shape[1] // part.groups * out.shape[1]
        else:
            total += given[0].numel() * out.shape[-1]

    parts = [p for p in module.modules() if isinstance(p, nn.Conv2d | nn.Linear)]
    hooks = [part.register_forward_hook(count) for part in parts]
    with torch.no_grad():
        module(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    return total


def padded_resnet() -> nn.Module:
    """The network of the commands of these tests, with a card."""
    return made(PaddedResNet)


padded_resnet.vifex_card = {**CARD, "default_layers": ["penultimate"]}  # type: ignore[attr-defined]


def depthwise() -> nn.Module:
    """A network that neither method takes."""
    return made(Depthwise)


depthwise.vifex_card = CARD  # type: ignore[attr-defined]


def two_classes() -> nn.Module:
    """A network with an output for each of two classes."""
    torch.manual_seed(1)
    return PaddedResNet(2).eval()


two_classes.vifex_card = {**CARD, "default_layers": ["penultimate"]}  # type: ignore[attr-defined]
