"""Real weights and labels: the CIFAR ResNets as ONNX files, and 10,000 labelled images.

The networks are those of He et al. 2016, section 4.2, with option A shortcuts (each second row and column,
new channels zero), weights by akamaster/pytorch_resnet_cifar10. Needs torch and safetensors.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

CARD = """name = "cifar10-{stem}-bench"
height_px = 32
width_px = 32
layout = "NCHW"
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
default_layers = ["logits"]
"""


class Block(nn.Module):
    def __init__(self, width: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.added = stride, channels - width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        x = x[:, :, :: self.stride, :: self.stride]
        half = self.added // 2
        return functional.relu(y + functional.pad(x, (0, 0, 0, 0, half, self.added - half)))


class CifarResNet(nn.Module):
    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        sizes = [(16, 16, 1), (16, 32, 2), (32, 64, 2)]
        for number, (width, channels, stride) in enumerate(sizes, start=1):
            first = Block(width, channels, stride)
            rest = [Block(channels, channels, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean(dim=(2, 3)))


def export(weights: Path, folder: Path) -> Path:
    """Write a checkpoint `cifar10-resnetN.safetensors` as ONNX, its card beside it."""
    stem = weights.stem.removeprefix("cifar10-")
    net = CifarResNet((int(stem.removeprefix("resnet")) - 2) // 6)
    net.load_state_dict(load_file(weights), strict=True)
    path = folder / f"{stem}.onnx"
    torch.onnx.export(
        net.eval(),
        (torch.zeros(1, 3, 32, 32),),
        path,
        input_names=["x"],
        output_names=["logits"],
        dynamic_axes={"x": {0: "n"}, "logits": {0: "n"}},
        dynamo=False,
    )
    path.with_suffix(".vifex.toml").write_text(CARD.format(stem=stem))
    return path


def images(parquet: Path, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Give images uint8 `[N, 32, 32, 3]` and their labels `[N]`."""
    table = pq.read_table(parquet).slice(0, count)
    images = [Image.open(io.BytesIO(raw)) for raw in table.column("image").to_pylist()]
    pixels = np.stack([np.asarray(image.convert("RGB")) for image in images])
    return pixels, np.array(table.column("label").to_pylist())
