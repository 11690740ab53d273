"""Real weights on labelled images: the real command against a plain loop on the same pixels.

`accuracy.py DATA_FOLDER MODELS_FOLDER PICTURES`: CIFAR-10's test images as files, through `vifex extract`
in fp32, then the network's ten numbers from the store; beside it a loop of torch and Pillow alone.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cifar_networks
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors.torch import load_file

import vifex

__all__ = ["accuracies"]

Array = npt.NDArray[Any]

_PUBLISHED = {20: 8.22, 32: 7.22, 44: 6.86, 56: 6.38}
"""Errors in per cent on the original pixels, as akamaster/pytorch_resnet_cifar10 states them."""


def accuracies(data: Path, models: Path, count: int) -> dict[str, Any]:
    """Give each network's accuracy in per cent, both ways, and the largest difference of a number."""
    table = pq.read_table(data / "cifar10-test.parquet").slice(0, count)
    files, labels = table["image"].to_pylist(), np.array(table["label"].to_pylist())
    found = {}
    with tempfile.TemporaryDirectory() as work:
        images = Path(work) / "images"
        images.mkdir()
        for i, data_of_file in enumerate(files):
            (images / f"{i:05d}.jpg").write_bytes(data_of_file)
        for depth, error in _PUBLISHED.items():
            weights = models / f"cifar10-resnet{depth}.safetensors"
            ours = _by_command(images, weights, depth, Path(work) / f"{depth}.vifex")
            plain = _by_loop(files, weights, depth)
            found[f"ResNet-{depth}"] = {
                "images": len(files),
                "vifex": _accuracy(ours, labels),
                "loop": _accuracy(plain, labels),
                "difference": float(f"{np.abs(ours - plain).max():.3g}"),
                "published": round(100 - error, 2),
            }
    return found


def _by_command(images: Path, weights: Path, depth: int, store: Path) -> Array:
    command = [sys.executable, "-m", "vifex", "extract", images, "-o", store]
    command += ["--model", f"torch:cifar_networks:resnet{depth}", "--weights", weights, "--layers", "linear"]
    subprocess.run(
        [*command, "--precision", "fp32", "--decode", "exact", "-q"],
        check=True,
        stdout=sys.stderr,
        cwd=Path(__file__).parent,  # where Python finds the network
    )
    with vifex.open(store) as opened:
        rows = opened.to_arrow().sort_by("name")
    return np.stack(rows["linear"].to_numpy(zero_copy_only=False))


def _by_loop(files: list[bytes], weights: Path, depth: int) -> Array:
    network = getattr(cifar_networks, f"resnet{depth}")().eval()
    network.load_state_dict(load_file(weights), strict=True)
    mean = np.array([0.485, 0.456, 0.406], np.float32)
    std = np.array([0.229, 0.224, 0.225], np.float32)
    out = []
    with torch.inference_mode():
        for start in range(0, len(files), 256):
            batch = [np.asarray(Image.open(io.BytesIO(f)).convert("RGB")) for f in files[start : start + 256]]
            x = (np.stack(batch).astype(np.float32) / 255 - mean) / std
            out.append(network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy())
    return np.concatenate(out)


def _accuracy(numbers: Array, labels: Array) -> float:
    return round(float((numbers.argmax(axis=1) == labels).mean() * 100), 2)


if __name__ == "__main__":
    print(json.dumps(accuracies(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
