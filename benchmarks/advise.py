"""Whether `vifex layers compare` ranks layers alike on disjoint media, and `vifex advise` finds the best one.

usage: advise.py WORK [--data NAME ...] [--images N] [--classes C] [--trials T]

Layers of two networks, the embedded one and MobileNetV2 (a file of `../shared/models`), over N images of C
classes of CIFAR-10 and of Tiny-ImageNet. The store has all layers of both. The truth is their rank on all
images; Spearman's correlation is that of the scores on two disjoint halves. Each trial is `vifex.advise` with
another seed. Cost is the processor time of all processes, that of the trials over that of the extraction. No
torch is needed. About 25 minutes on two cores; `--images 800 --trials 3` tries it in two.

The images and stores stay in the folder WORK and are taken up by the next run.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from record import ROOT, spread, write
from scipy.stats import spearmanr

import vifex
from vifex.models import card_path, draft_card

SHARED = ROOT.parent / "shared"
DATA = {"cifar10": "cifar10-train.parquet", "tiny-imagenet": "tiny-imagenet-train.parquet"}
MOBILENET = "mobilenet_v2_1.0_224_ptq.tflite"
LAYERS = {
    "default": ["stages.1", "stages.3", "stages.5", "stages.6", "embedding"],
    MOBILENET: ["Add.0", "Add.3", "Add.7", "Add.9", "ReduceMean.0"],
}


def processor_s() -> float:
    """Processor seconds of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measured(call: Callable[[], Any]) -> tuple[Any, float]:
    began_s = processor_s()
    return call(), processor_s() - began_s


def write_images(path: Path, folder: Path, count: int, classes: int) -> None:
    """Write the JPEG files of a Parquet file unchanged, as many of each class, in a folder for each."""
    table = pq.read_table(path)
    labels = table["label"].to_numpy()
    wanted = np.unique(labels)[:classes]
    for label in wanted:
        (folder / str(label)).mkdir(parents=True)
        for place in np.flatnonzero(labels == label)[: count // len(wanted)].tolist():
            (folder / str(label) / f"{place}.jpg").write_bytes(table["image"][place].as_py())


def models(work: Path) -> dict[str, list[str]]:
    """Return the two models and their layers; the file has its card beside it."""
    file = work / MOBILENET
    if not file.exists():
        shutil.copyfile(SHARED / "models" / MOBILENET, file)
        card_path(file).write_text(draft_card(file))
    return {"default": LAYERS["default"], str(file): LAYERS[MOBILENET]}


def extract(folder: Path, store: Path, wanted: dict[str, list[str]]) -> float:
    views = {f"view{i}": {"model": model, "layers": names} for i, (model, names) in enumerate(wanted.items())}
    _, seconds = measured(lambda: vifex.extract(folder, store, views=views))
    return seconds


def scores(store: Path, labels: dict[str, str], examples: int) -> dict[str, float]:
    found = vifex.compare_layers(store, labels=labels, examples=examples, resamples=10, on_notice=str)
    return {f"{one.model} {one.layer}": one.score.value for one in found.layers}


def one_set(work: Path, name: str, given: argparse.Namespace) -> dict[str, Any]:
    folder, store, costs = (work / f"{name}{end}" for end in ("", ".vifex", ".json"))
    if not folder.exists():
        write_images(SHARED / "data" / DATA[name], folder, given.images, given.classes)
    wanted = models(work)
    if not costs.exists():
        shutil.rmtree(store, ignore_errors=True)
        costs.write_text(json.dumps(extract(folder, store, wanted)))
    full_s = json.loads(costs.read_text())
    media = [f"{path.parent.name}/{path.name}" for path in sorted(folder.glob("*/*.jpg"))]
    rng = np.random.default_rng(0)
    halves = np.array_split(rng.permutation(len(media)), 2)
    labels = {one: one.partition("/")[0] for one in media}
    of_half = [scores(store, {media[i]: labels[media[i]] for i in half}, given.examples) for half in halves]
    truth = scores(store, labels, given.examples)
    best = sorted(truth, key=truth.__getitem__, reverse=True)
    trials, seconds = [], []
    for seed in range(given.trials):
        advice, took_s = measured(lambda seed=seed: _advise(folder, wanted, seed))
        chosen = f"{advice.best.model} {advice.best.layer}"
        trials.append(best.index(chosen) + 1)
        seconds.append(took_s)
        print(f"{name}, seed {seed}: {chosen}, rank {trials[-1]}, {took_s:.1f} s of {full_s:.1f}", flush=True)
    return {
        "scores": {layer: round(truth[layer], 4) for layer in best},
        "spearman_of_halves": round(float(spearmanr(*([half[b] for b in best] for half in of_half))[0]), 4),
        "rank_of_advice": trials,
        "one_of_two_best": sum(rank <= 2 for rank in trials),
        "sampled": advice.sampled,
        "cost_share": spread([took_s / full_s for took_s in seconds]),
        "extraction_processor_s": round(full_s, 1),
    }


def _advise(folder: Path, wanted: dict[str, list[str]], seed: int) -> vifex.Advice:
    names = [name for layers in wanted.values() for name in layers]
    return vifex.advise(folder, models=list(wanted), layers=names, seed=seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--trials", type=int, default=10)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    results = {name: one_set(given.work, name, given) for name in given.data}
    config = {"images": given.images, "classes": given.classes, "examples": given.examples, "layers": LAYERS}
    write("advise", config=config, rounds=given.trials, results=results)


if __name__ == "__main__":
    main()
