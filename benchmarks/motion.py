"""Motion alone tells the class: which networks learn it, from video files to accuracy.

usage: motion.py [--clips N] [--epochs N] [--only NAME ...]

The set of `vifex.training.motion` is written as videos of 16 pixels; every class shows the same frames in
another order, so a mean over the frames stays at chance, 1 in 4. Each network is trained by the loop of
`vifex train` with the same settings, from random weights. Needs the extra `train`; about twelve minutes on
two cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from record import write

from vifex.training.config import Config, parse_config
from vifex.training.loop.trainer import Trainer
from vifex.training.motion import write_motion_set
from vifex.training.tasks import Setting
from vifex.training.tasks.video import VideoTask

NETWORKS = {
    "mean": ("frames", "{ head = 'mean' }"),
    "rnn": ("frames", "{ head = 'rnn', hidden = 64 }"),
    "lstm": ("frames", "{ head = 'lstm', hidden = 64 }"),
    "gru": ("frames", "{ head = 'gru', hidden = 64 }"),
    "tcn": ("frames", "{ head = 'tcn', hidden = 64, layers = 3 }"),
    "attention": ("frames", "{ head = 'transformer', hidden = 64 }"),
    "3d": ("clip", "{ width = 8 }"),
    "2plus1d": ("clip", "{ width = 8, convolution = '2plus1d' }"),
    "non-local": ("clip", "{ width = 8, non_local = true }"),
}


def config(folder: Path, name: str, epochs: int) -> Config:
    network, options = NETWORKS[name]
    return parse_config(
        f"""
        [data]
        train = ['{folder / "train"}']
        val = ['{folder / "val"}']
        size_px = 16
        [network]
        name = '{network}'
        options = {options}
        [optimizer]
        name = 'adamw'
        lr = 0.003
        weight_decay = 0.01
        clip_norm = 1.0
        [run]
        task = 'video'
        epochs = {epochs}
        batch = 32
        precision = 'fp32'
        threads = 1
        validate_every = {epochs}
        checkpoint_s = 1000000
        """,
        of=name,
    )


def accuracy(folder: Path, name: str, epochs: int) -> dict[str, float]:
    chosen = config(folder, name, epochs)
    began_s = time.process_time()
    with tempfile.TemporaryDirectory() as place:
        task = VideoTask(Setting(chosen, Path(place)))
        found = Trainer(task, chosen, Path(place)).fit()
    return {
        "accuracy": round(float(found.validation.figures["accuracy"]), 4),
        "train_loss": round(found.history[-1]["train_loss"], 4),
        "processor_s": round(time.process_time() - began_s, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=2560)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    given = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        write_motion_set(Path(folder) / "train", given.clips, seed=0, side_px=16)
        write_motion_set(Path(folder) / "val", 400, seed=1, side_px=16)
        for name in given.only:
            results[name] = accuracy(Path(folder), name, given.epochs)
            print(name, results[name], flush=True)
    write(
        "motion",
        config={"clips": given.clips, "held_out": 400, "epochs": given.epochs, "networks": NETWORKS},
        rounds=1,
        results=results,
    )


if __name__ == "__main__":
    main()
