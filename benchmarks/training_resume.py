"""A run that is killed again and again ends in the weights of an undisturbed one, bit for bit.

usage: training_resume.py [--rounds N] [--kills N] [--examples N]

Each round trains the recipe for CIFAR-10 on some examples for three epochs, once undisturbed and once killed
by SIGKILL at random steps, and compares the files of weights. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from record import ROOT, write

CHILD = """
import os, signal, sys
from pathlib import Path
from vifex.training.config import load_config
from vifex.training.running import run
left = int(sys.argv[3])
def step(moment):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
run(load_config(Path(sys.argv[1])), Path(sys.argv[2]), on_step=step)
"""


def train(config: Path, folder: Path, kill_after: int) -> bool:
    """Run until the end or the kill; return whether it ended by itself."""
    words = [sys.executable, "-c", CHILD, str(config), str(folder), str(kill_after)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(done.stderr)
    return done.returncode == 0


def one_round(config: Path, folder: Path, kills: int, rng: random.Random, steps: int) -> int:
    """Train both runs, compare them, and return how often the second one was killed."""
    train(config, folder / "whole", 0)
    killed = 0
    while not train(config, folder / "killed", rng.randint(1, steps) if killed < kills else 0):
        killed += 1
    one, other = (folder / name / "model.safetensors" for name in ("whole", "killed"))
    if one.read_bytes() != other.read_bytes():
        raise SystemExit(f"the weights differ after {killed} kills")
    return killed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--examples", type=int, default=2560)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    words = parser.parse_args()
    from vifex.training.config import load_config, to_toml, with_settings

    rng = random.Random(0)
    results: dict[str, Any] = {"kills": []}
    for number in range(words.rounds):
        with tempfile.TemporaryDirectory() as name:
            os.environ["VIFEX_CACHE"] = str(Path(name) / "cache")
            resolved = with_settings(
                load_config(ROOT / "recipes" / "cifar10-resnet9.toml"),
                [
                    f"data.train={words.data / 'cifar10-train.parquet'}", "data.val=[]",
                    f"data.limit={words.examples}", "data.val_share=0.01", "run.epochs=3",
                    f"run.seed={number}", "run.log=[]",
                    "run.checkpoint_s=0", "run.batch=128", "network.options.width=8",
                ],
            )  # fmt: skip
            place = Path(name) / "run.toml"
            place.write_text(to_toml(resolved))
            killed = one_round(place, Path(name), words.kills, rng, words.examples // 128)
            results["kills"].append(killed)
            print(f"round {number + 1}: killed {killed} times, the weights are equal", flush=True)
    write(
        "training_resume",
        config=vars(words) | {"data": str(words.data.name)},
        rounds=words.rounds,
        results=results,
    )


if __name__ == "__main__":
    main()
