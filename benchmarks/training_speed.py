"""Training speed: `vifex train` beside a bare loop of the same network on ready tensors.

usage: training_speed.py [--rounds N] [--steps N] [--data FOLDER]

Two loads: the recipe for CIFAR-10 (JPEG images in Parquet, cropped and mirrored), and ResNet-18 of
torchvision at 128 pixels from JPEG files. The contenders take turns in one process, with the same batches,
precision and optimizer. The bare loop has one batch of ready tensors and neither decodes nor changes it. The
first step of each is left out. Decoding before the first epoch is timed apart. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from record import ROOT, alternate, spread, write

from vifex.models.trainable import build_network
from vifex.training.config import Config, load_config, with_settings
from vifex.training.loop.devices import resolve_precision
from vifex.training.loop.optimizers import make_optimizer
from vifex.training.loop.trainer import Trainer
from vifex.training.tasks import Setting, make_task


def cifar(data: Path, steps: int) -> Config:
    config = load_config(ROOT / "recipes" / "cifar10-resnet9.toml")
    return with_settings(
        config,
        [
            f"data.train={data / 'cifar10-train.parquet'}",
            "data.val=[]",
            "data.val_share=0.001",
            f"data.limit={steps * config.run.batch}",
        ],
    )


def photographs(data: Path, steps: int, folder: Path) -> Config:
    """Copy each photograph into one of ten classes until there are enough."""
    batch = 32
    photos = sorted((data / "photos").glob("*.jpg"))
    for number in range(steps * batch * 5 // 4 + 64):
        place = folder / f"class{number % 10}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:06}.jpg").write_bytes(photos[number % len(photos)].read_bytes())
    return with_settings(
        Config(),
        [
            f"data.train={folder}", "data.val_share=0.1", "data.size_px=128",
            "network.name=torchvision/resnet18",
            "augment.flip=true", "augment.crop_px=8", f"run.batch={batch}", f"data.limit={steps * batch}",
        ],
    )  # fmt: skip


class Contenders:
    """A bare loop and a trainer of one configuration."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config = with_settings(config, ["run.epochs=1", "run.log=[]", "run.checkpoint_s=1e9"])
        began_s = time.perf_counter()
        self.task: Any = make_task(Setting(self.config, folder))
        self.decoding_s = time.perf_counter() - began_s
        self.folder = folder

    def vifex(self) -> float:
        """Return images per second of an epoch, its first step left out."""
        times: list[float] = []
        trainer = Trainer(
            self.task, self.config, self.folder, on_step=lambda m: times.append(time.perf_counter())
        )
        trainer.fit()
        (self.folder / "checkpoint.safetensors").unlink()
        return (len(times) - 1) * self.task.batch_size / (times[-1] - times[0])

    def bare(self) -> float:
        """Return images per second of as many steps on one ready batch."""
        network = build_network(self.task.description()).train().to(memory_format=torch.channels_last)
        optimizer = make_optimizer([network], self.config)
        batch = self.task.batch(0, 0)
        inputs = batch["inputs"].contiguous(memory_format=torch.channels_last)
        is_bf16 = resolve_precision(self.config.run.precision, "cpu") == "bf16"
        smoothing = self.config.loss.label_smoothing
        times = []
        for _ in range(self.task.steps):
            with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
                scores = network(inputs)
            loss = torch.nn.functional.cross_entropy(
                scores.float(), batch["targets"], label_smoothing=smoothing
            )
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            times.append(time.perf_counter())
        return (len(times) - 1) * self.task.batch_size / (times[-1] - times[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    words = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["VIFEX_CACHE"] = str(folder / "cache")
        loads = {
            "cifar10-resnet9": cifar(words.data, words.steps),
            "resnet18-128px": photographs(words.data, words.steps, folder / "photographs"),
        }
        for load, config in loads.items():
            (folder / load).mkdir()
            pair = Contenders(config, folder / load)
            found = alternate({"vifex": pair.vifex, "bare": pair.bare}, words.rounds, warm=False)
            rates = {who: spread(values) for who, values in found.items()}
            share = rates["vifex"]["median"] / rates["bare"]["median"]
            results[load] = {
                "images_per_s": rates,
                "share_of_bare": round(share, 3),
                "decoding_s": round(pair.decoding_s, 2),
            }
            print(load, results[load], flush=True)
    write("training_speed", config={"steps": words.steps}, rounds=words.rounds, results=results)


if __name__ == "__main__":
    main()
