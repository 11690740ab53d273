"""Fights in surveillance video: heads over stored features, split by source and at random.

usage: fights.py [--clips FOLDER] [--seeds N] [--epochs N]

The features are the embedded network's, eight frames a second. Of the 300 clips the 270 with a known source
take part. Each seed holds 30 % of the clips out, once by whole sources, once at random. The intervals
resample sources, because clips of one recording look alike. Needs the extra `train`; about ten minutes on two
cores.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import ROOT, write

import vifex
from vifex.evaluation import Predictions, Resamples, make_predictions, score_intervals
from vifex.training.config import Config, parse_config
from vifex.training.loop.trainer import Trainer
from vifex.training.tasks import Setting
from vifex.training.tasks.features import FeatureTask

HEADS = {
    "mean": "{ head = 'mean', dropout = 0.5 }",
    "attention": "{ head = 'attention', hidden = 64, dropout = 0.5 }",
    "lstm": "{ head = 'lstm', hidden = 64, dropout = 0.5 }",
    "gru": "{ head = 'gru', hidden = 64, dropout = 0.5 }",
    "transformer": "{ head = 'transformer', hidden = 64, layers = 1, dropout = 0.5 }",
}


def features(clips: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    """Extract the clips that have a source; return the store and each clip's source by its address."""
    with (clips / "sources.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"]]
    manifest = folder / "clips.csv"
    for path, column in ((manifest, "label"), (folder / "sources.csv", "source")):
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["uri", column])
            writer.writerows([(clips / row["path"]).resolve(), row[column]] for row in rows)
    store = folder / "fights.vifex"
    vifex.extract(manifest, store, fps=8)
    return store, {(clips / row["path"]).resolve().as_uri(): row["source"] for row in rows}


def config(store: Path, head: str, *, seed: int, epochs: int, by_source: bool) -> Config:
    group = f"group = 'source'\ngroups = '{store.parent / 'sources.csv'}'" if by_source else ""
    return parse_config(
        f"""
        [data]
        train = ['{store}']
        val_share = 0.3
        frames = 16
        {group}
        [network]
        name = 'sequence'
        options = {HEADS[head]}
        [optimizer]
        name = 'adamw'
        lr = 0.002
        weight_decay = 0.05
        clip_norm = 1.0
        [run]
        task = 'features'
        seed = {seed}
        epochs = {epochs}
        batch = 32
        precision = 'fp32'
        threads = 1
        checkpoint_s = 1000000
        """,
        of=head,
    )


def predict(chosen: Config, sources: dict[str, str]) -> tuple[Any, Any, list[str], tuple[str, ...]]:
    """Train one head; return labels, probabilities and sources of the clips that were held out."""
    with tempfile.TemporaryDirectory() as folder:
        task = FeatureTask(Setting(chosen, Path(folder)))
        network = Trainer(task, chosen, Path(folder)).fit().network
    with torch.inference_mode():
        shares = task.probabilities("val", network, lambda tensor: tensor)
    held = task.splits["val"]
    return held.labels, shares, [sources[uri] for uri in held.column("uri")], task.classes


def judge(parts: list[tuple[Any, Any, list[str], tuple[str, ...]]]) -> dict[str, Any]:
    """Return figures of all seeds together, with intervals over sources, and the accuracy of each seed."""
    classes = parts[0][3]
    labels, shares = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    groups = [source for part in parts for source in part[2]]
    found: Predictions = make_predictions(shares, labels, classes=classes)
    intervals = score_intervals(found, Resamples(len(groups), groups, count=2000))
    seeds = [round(float((part[1].argmax(1) == part[0]).mean()), 4) for part in parts]
    return {
        **{
            name: {k: round(getattr(intervals[name], k), 4) for k in ("value", "low", "high")}
            for name in ("accuracy", "balanced_accuracy")
        },
        "accuracy_of_seeds": seeds,
        "clips": len(groups),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=Path, default=ROOT.parent / "shared" / "data" / "fights")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40)
    given = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        store, sources = features(given.clips, Path(folder))
        for split in ("by_source", "at_random"):
            results[split] = {}
            for head in HEADS:
                began_s = time.process_time()
                parts = [
                    predict(
                        config(store, head, seed=seed, epochs=given.epochs, by_source=split == "by_source"),
                        sources,
                    )
                    for seed in range(given.seeds)
                ]
                results[split][head] = judge(parts)
                print(split, head, results[split][head], f"{time.process_time() - began_s:.0f} s", flush=True)
    write(
        "fights",
        config={"fps": 8, "frames": 16, "held_out": 0.3, "epochs": given.epochs, "heads": HEADS},
        rounds=given.seeds,
        results=results,
    )


if __name__ == "__main__":
    main()
