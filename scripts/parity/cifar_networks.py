"""The CIFAR ResNets as a user names them: `torch:cifar_networks:resnet20` with `--weights FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from cifar import CifarResNet

__all__ = ["resnet20", "resnet32", "resnet44", "resnet56"]

_CARD = {
    "height_px": 32,
    "width_px": 32,
    "layout": "NCHW",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "default_layers": ["linear"],
}


def _network(depth: int) -> CifarResNet:
    network = CifarResNet((depth - 2) // 6)
    network.vifex_card = {"name": f"cifar10-resnet{depth}", **_CARD}
    return network


def resnet20() -> CifarResNet:
    """ResNet-20, 0.27 million parameters."""
    return _network(20)


def resnet32() -> CifarResNet:
    """ResNet-32."""
    return _network(32)


def resnet44() -> CifarResNet:
    """ResNet-44."""
    return _network(44)


def resnet56() -> CifarResNet:
    """ResNet-56."""
    return _network(56)
