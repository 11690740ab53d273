"""The error of published weights by `vifex evaluate` and by a plain loop over the same pixels.

usage: evaluate_cifar.py [--network NAME] [--count N]

The CIFAR ResNets of `cifar.py` on the 10,000 test images. The weights become a run folder, as `vifex train`
leaves one, and the command evaluates it. Needs torch and the extra `train`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from cifar import CifarResNet, images
from record import ROOT, write
from safetensors.torch import load_file

from vifex.models.cards import format_card
from vifex.models.trainable import NetworkDescription, write_description
from vifex.values import ModelCard

SHARED = ROOT.parent / "shared"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BATCH = 500


def run_folder(weights: Path, classes: tuple[str, ...], folder: Path) -> Path:
    """Write weights, a description and a card, which together are a model."""
    name = weights.stem
    folder.mkdir()
    shutil.copy(weights, folder / "model.safetensors")
    write_description(
        folder, NetworkDescription(f"cifar-{name.removeprefix('cifar10-')}", 10, classes=classes)
    )
    card = ModelCard(name, 32, 32, mean=MEAN, std=STD, default_layers=("penultimate",))
    (folder / "model.vifex.toml").write_text(format_card(card))
    return folder


def plain_loop(weights: Path, data: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Give probabilities `[N, 10]` and labels `[N]` by torch alone, in fp32."""
    network = CifarResNet((int(weights.stem.rpartition("resnet")[2]) - 2) // 6)
    network.load_state_dict(load_file(weights), strict=True)
    pixels, labels = images(data, count)
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    found = []
    with torch.inference_mode():
        for start in range(0, count, _BATCH):
            batch = torch.from_numpy(pixels[start : start + _BATCH]).permute(0, 3, 1, 2).float()
            found.append(network.eval()((batch / 255 - mean) / std).softmax(1).double().numpy())
    return np.concatenate(found), labels


def evaluate(folder: Path, data: Path, output: Path) -> dict[str, Any]:
    """Run the command and give what it prints."""
    words = ["evaluate", folder, data, "-o", output, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "vifex", *words], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--network", default="resnet20")
    parser.add_argument("--count", type=int, default=10_000)
    chosen = parser.parse_args()
    weights = SHARED / "models" / f"cifar10-{chosen.network}.safetensors"
    test = pq.read_table(SHARED / "data" / "cifar10-test.parquet").slice(0, chosen.count)
    classes = tuple(json.loads(test.schema.metadata[b"classes"]))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        pq.write_table(test, folder / "test.parquet")
        scores, labels = plain_loop(weights, folder / "test.parquet", len(test))
        found = evaluate(
            run_folder(weights, classes, folder / "run"), folder / "test.parquet", folder / "out"
        )
        table = pq.read_table(folder / "out" / "predictions.parquet")
        ours = np.array(table["probabilities"].to_pylist())
    within = found["intervals"]["accuracy"]
    plain = float((scores.argmax(1) != labels).mean())
    write(
        f"evaluate_cifar.{chosen.network}",
        config={
            "network": chosen.network,
            "images": len(test),
            "pixels": "JPEG, 32 x 32",
            "precision": "fp32",
        },
        rounds=1,
        results={
            "error_percent": {
                "plain loop": round(100 * plain, 4),
                "vifex evaluate": round(100 * (1 - found["accuracy"]), 4),
            },
            "largest_difference_of_a_probability": float(np.abs(ours - scores).max()),
            "interval_percent": [round(100 * (1 - within[side]), 2) for side in ("high", "low")],
        },
    )


if __name__ == "__main__":
    main()
