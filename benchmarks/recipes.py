"""What the recipes for CIFAR-10 reach: accuracy on the test images, hours, and curves.

usage: recipes.py [NAME ...] [--runs FOLDER]

Each is the command of its first lines, `vifex train recipes/NAME.toml -o RUNS/NAME`: an interrupted run goes
on, a finished one is only read. The test images are the validation examples of the recipes; the last weights
are the result, so that no epoch is chosen by them. Each writes the record `recipe.NAME`, and its curves into
the docs. Needs the extra `train`. On two cores: cifar10-resnet9 about 40 minutes, -resnet9-wide about 110,
-resnet20-finetune and the textbook networks about 20 each.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from record import ROOT, write

NAMES = (
    "cifar10-resnet9",
    "cifar10-resnet9-wide",
    "cifar10-resnet20-finetune",
    "cifar10-conv2",
    "cifar10-conv3",
)
CURVES = ("accuracy", "loss")


def train(name: str, runs: Path) -> Path:
    """Run the recipe's command in the folder of the project, and return the folder of the run."""
    folder = runs.resolve() / name
    words = [sys.executable, "-m", "vifex", "train", f"recipes/{name}.toml", "-o", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True)
    return folder


def figures(folder: Path) -> dict[str, Any]:
    """Read what the run reached, at its end and in each epoch."""
    summary = json.loads((folder / "summary.json").read_text())
    with (folder / "metrics.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    validated = [row for row in epochs if row["val_accuracy"]]
    return {
        "accuracy": summary["val_accuracy"],
        "error_percent": round(100 * (1 - summary["val_accuracy"]), 2),
        "training_accuracy": float(epochs[-1]["train_accuracy"]),
        "minutes": round(summary["seconds"] / 60, 1),
        "examples_per_s": summary["examples_per_s"],
        "accuracy_by_epoch": [round(float(row["val_accuracy"]), 4) for row in validated],
    }


def keep_curves(folder: Path, images: Path) -> None:
    """Copy the curves into the docs."""
    images.mkdir(parents=True, exist_ok=True)
    for curve in CURVES:
        shutil.copy(folder / "curves" / f"{curve}.svg", images / f"{folder.name}-{curve}.svg")


def main() -> None:
    """Train what is not trained yet, and write the records."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("--images", type=Path, default=ROOT / "docs" / "images" / "training")
    given = parser.parse_args()
    for name in given.names:
        folder = train(name, given.runs)
        config = tomllib.loads((folder / "config.toml").read_text())
        environment = json.loads((folder / "environment.json").read_text())
        keep_curves(folder, given.images)
        write(
            f"recipe.{name}",
            config={
                "network": config["network"]["name"],
                "epochs": config["run"]["epochs"],
                "batch": config["run"]["batch"],
                "precision": environment["precision"],
                "device": environment["device"],
                "torch": environment["packages"]["torch"],
            },
            rounds=1,
            results=figures(folder),
        )


if __name__ == "__main__":
    main()
