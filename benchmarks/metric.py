"""Metric learning against a classifier's features: recall@1 on classes that training has not seen.

usage: metric.py [--data FILE] [--epochs N] [--images N] [--only NAME ...]

Tiny-ImageNet at 64 pixels, half of the classes held out. Every contender is the same network from the same
random weights with as many steps of as many images. The classifier is read at its penultimate layer and, as a
second figure, at its scores. Needs the extra `train`; hours on two cores, minutes on a GPU.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import ROOT, write

from vifex.evaluation import retrieval_figures
from vifex.training.config import Config, parse_config
from vifex.training.loop.trainer import Trainer
from vifex.training.losses.metric import METRIC_LOSSES
from vifex.training.tasks import Setting, make_task

CLASSIFIER = "classifier"


def config(data: Path, name: str, *, epochs: int, images: int, seed: int) -> Config:
    task = "image" if name == CLASSIFIER else "metric"
    loss = (
        "" if name == CLASSIFIER else f"[loss]\nname = '{name}'\noptions = {{ classes = 16, features = 128 }}"
    )
    return parse_config(
        f"""
        [data]
        train = ['{data}']
        group = 'label'
        val_share = 0.5
        size_px = 64
        limit = {images}
        [network]
        name = 'resnet9'
        options = {{ width = 32 }}
        {loss}
        [optimizer]
        name = 'adamw'
        lr = 0.002
        weight_decay = 0.01
        clip_norm = 1.0
        [augment]
        crop_px = 8
        flip = true
        [run]
        task = '{task}'
        seed = {seed}
        epochs = {epochs}
        batch = 128
        validate_every = {epochs}
        """,
        of=name,
    )


def recall(chosen: Config) -> dict[str, float]:
    """Train one contender and judge its vectors of the held-out classes."""
    began_s = time.process_time()
    with tempfile.TemporaryDirectory() as place:
        task: Any = make_task(Setting(chosen, Path(place)))
        network = Trainer(task, chosen, Path(place)).fit().network
    labels = task.sets.examples["val"].labels
    pixels, layer = task.sets.images["val"], network.penultimate
    seen: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda module, given, found: seen.append(found))
    outputs = []
    with torch.inference_mode():
        for start in range(0, len(labels), 256):
            rows = np.arange(start, min(start + 256, len(labels)))
            images = torch.from_numpy(np.ascontiguousarray(pixels.take(rows))).permute(0, 3, 1, 2)
            outputs.append(network(task.augmenter.plain(images)))
    hook.remove()
    found = {
        name: retrieval_figures(torch.cat(parts).float().numpy(), labels, recall_at=(1,))
        for name, parts in (("penultimate", seen), ("output", outputs))
    }
    return {
        **{f"recall_at_1_{name}": round(figures.recall_at[1], 4) for name, figures in found.items()},
        "processor_s": round(time.process_time() - began_s, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    data = ROOT.parent / "shared" / "data" / "tiny-imagenet-train.parquet"
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--images", type=int, default=0, help="training images at most; 0 takes all")
    parser.add_argument("--only", nargs="+", default=[CLASSIFIER, *METRIC_LOSSES])
    given = parser.parse_args()
    results: dict[str, Any] = {}
    for name in given.only:
        results[name] = recall(config(given.data, name, epochs=given.epochs, images=given.images, seed=0))
        print(name, results[name], flush=True)
    write(
        "metric",
        config={"data": given.data.name, "epochs": given.epochs, "images": given.images, "held_out": 0.5},
        rounds=1,
        results=results,
    )


if __name__ == "__main__":
    main()
