"""ResNet-56 (CIFAR) at half its multiplications, beside the whole network fine-tuned for as many epochs.

usage: compression.py WORK [--network resnet56] [--epochs N] [--limit N] [--fraction F] [--stage STAGE ...]

Stages: `base` fine-tunes the published weights on the JPEG pixels, so that all start from the same network;
`control` fine-tunes that for as many epochs again; `prune`, `low-rank` and `int8` compress the base network
and recover for as many epochs (int8 does not train). `record` writes the record. Each stage leaves its result
in the folder WORK and is skipped if it is there; a stage that was interrupted continues from its last
checkpoint. Accuracy is that of the 10,000 test images, by the graph files in OpenVINO. Needs the extras
`train` and `int8`.

How long an epoch takes: `--limit 2000 --epochs 1` runs every stage on a twenty-fifth of the images.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from record import ROOT, write
from safetensors.torch import save_file

from vifex.compression.compress import Plan, compress
from vifex.compression.images import Images, load_images
from vifex.compression.measuring import Contender, judge
from vifex.compression.outputs import open_subject
from vifex.compression.recovery import Recovery, recover
from vifex.compression.writing import write_graph
from vifex.models import load_model
from vifex.models.files import load_file as load_graph
from vifex.values import Model
from vifex.values.steps import listening

SHARED = ROOT.parent / "shared"
STAGES = ("base", "control", "prune", "low-rank", "int8", "record")
COMPRESSED = ("prune", "low-rank", "int8")
RATES = {"base": 0.05, "control": 0.02, "prune": 0.02, "low-rank": 0.02}


def network(blocks: int) -> Any:
    """Give the network of He et al. 2016, section 4.2, for `torch:compression:resnetN`."""
    from cifar import CifarResNet

    return CifarResNet(blocks)


def resnet20() -> Any:
    return network(3)


def resnet56() -> Any:
    return network(9)


for _make in (resnet20, resnet56):
    _make.vifex_card = {  # type: ignore[attr-defined]
        "height_px": 32,
        "width_px": 32,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }


class Work:
    """The folder of the results, and what the stages share."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given, self.folder = given, given.work
        self.folder.mkdir(parents=True, exist_ok=True)
        data = SHARED / "data"
        self.train = self._limited(data / "cifar10-train.parquet", given.limit)
        self.test = self._limited(data / "cifar10-test.parquet", given.limit)
        self.published = SHARED / "models" / f"cifar10-{given.network}.safetensors"

    def _limited(self, path: Path, limit: int | None) -> Path:
        """Give the file, or a copy of its first rows for a trial."""
        if limit is None:
            return path
        import pyarrow.parquet as pq

        copy: Path = self.folder / f"{path.stem}-{limit}.parquet"
        if not copy.exists():
            pq.write_table(pq.read_table(path).slice(0, limit), copy)
        return copy

    def model(self, weights: Path) -> Model:
        return load_model(f"torch:compression:{self.given.network}", weights=str(weights))

    def weights(self, stage: str) -> Path:
        place: Path = self.folder / f"{stage}.safetensors"
        return place

    def done(self, stage: str) -> bool:
        if stage in RATES and stage not in COMPRESSED:
            return self.weights(stage).exists()
        return (self.folder / f"{stage}.xml").exists()


def fine_tune(work: Work, stage: str, start: Path) -> None:
    """Train the whole network on the labels; the distance to its start is part of the loss of no stage."""
    subject = open_subject(work.model(start))
    train = load_images(work.train, subject.card)
    test = load_images(work.test, subject.card)
    student = deepcopy(subject.module).requires_grad_(True)
    folder = work.folder / f"{stage}-checkpoints"
    folder.mkdir(exist_ok=True)
    recovery = Recovery(work.given.epochs, RATES[stage], distil=False)
    made = recover(subject, student, train, test, recovery=recovery, with_labels=True, folder=folder)
    aside = work.weights(stage).with_suffix(".part")
    save_file({k: v.contiguous() for k, v in made.state_dict().items()}, aside)
    aside.replace(work.weights(stage))


def run(work: Work, stage: str) -> None:
    if stage == "base":
        fine_tune(work, stage, work.published)
    elif stage == "control":
        fine_tune(work, stage, work.weights("base"))
    else:
        method = None if stage == "int8" else stage
        plan = Plan(
            method,  # type: ignore[arg-type]
            work.given.fraction if method else 1.0,
            int8=stage == "int8",
            recover=str(work.train),
            test=str(work.test),
            epochs=work.given.epochs,
            lr=RATES.get(stage),
            seconds=work.given.seconds,
        )
        found = compress(
            work.model(work.weights("base")), work.folder / f"{stage}.xml", plan, on_notice=print
        )
        print(json.dumps({k: v for k, v in found.to_dict().items() if k != "changes"}))


def control_accuracy(work: Work, images: Images) -> float:
    """Accuracy of the uncompressed network after as many epochs again, as a graph file like the others."""
    subject = open_subject(work.model(work.weights("control")))
    names = tuple(spot.layer.name for spot in subject.features)
    graph = work.folder / "control.xml"
    if not graph.exists():
        write_graph(subject.module, subject.card, graph, default_layers=names)
    assert subject.output is not None
    contender = Contender(load_graph(graph), None, None)
    judged = judge(
        contender,
        contender,
        features=names,
        output=subject.output.layer.name,
        images=images,
        seconds=1,
        rounds=1,
    )
    assert judged.before.accuracy is not None
    return judged.before.accuracy


def record(work: Work) -> None:
    images = load_images(work.test, work.model(work.weights("base")).card)
    control = control_accuracy(work, images)
    results: dict[str, Any] = {"control_accuracy": control, "test_images": len(images)}
    for stage in COMPRESSED:
        found = json.loads((work.folder / f"{stage}.compression.json").read_text())
        found.pop("changes")
        found["points_below_control"] = round(100 * (control - found["after"]["accuracy"]), 2)
        results[stage] = found
    config = {
        "network": work.given.network,
        "fraction": work.given.fraction,
        "epochs": work.given.epochs,
        "limit": work.given.limit,
        "torch": torch.__version__,
    }
    write("compression", config=config, rounds=results["prune"]["rounds"], results=results)


def main(argv: Sequence[str] | None = None) -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("work", type=Path, metavar="WORK")
    words.add_argument("--network", default="resnet56", choices=("resnet20", "resnet56"))
    words.add_argument("--epochs", type=int, default=8, help="default: %(default)s")
    words.add_argument("--fraction", type=float, default=0.5, help="default: %(default)s")
    words.add_argument("--limit", type=int, help="images of each set, for a trial")
    words.add_argument("--seconds", type=float, default=20.0, help="for each speed; default: %(default)s")
    words.add_argument("--stage", nargs="+", default=STAGES, choices=STAGES)
    given = words.parse_args(argv)
    sys.path.insert(0, str(Path(__file__).parent))
    work = Work(given)
    for stage in given.stage:
        if stage == "record":
            record(work)
        elif not work.done(stage):
            began_s = time.monotonic()
            print(f"{stage} ...", flush=True)
            with listening(lambda text: None):
                run(work, stage)
            print(f"{stage}: {time.monotonic() - began_s:.0f} s", flush=True)


if __name__ == "__main__":
    main()
