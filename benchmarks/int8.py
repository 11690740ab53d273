"""What int8 gains over bf16 and fp32, inference alone, and what it costs.

usage: int8.py [--photos FOLDER] [--rounds N] [--seconds S] [NETWORK ...]

Needs torch, timm and NNCF, as the environment of `make test-torch` has them. The networks are timm's by name,
with seeded random weights: their speed is that of trained ones, their fidelity tells less. Real weights are
judged beside them: the CIFAR ResNets by their top-1 accuracy on labelled images, int8 learning from others.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from cifar import export, images
from record import ROOT, write

from vifex.engines import load_engine
from vifex.extraction.bench.bench import run_bench
from vifex.extraction.calibration.calibrate import SAMPLES, learn
from vifex.extraction.embed import run_batches
from vifex.extraction.planning.view_plan import plan_view
from vifex.models import load_model
from vifex.values import Model

HERE = Path(__file__).parent
SHARED = ROOT.parent / "shared"
NETWORKS = ("resnet50", "vit_small_patch16_224")
REAL = ("resnet20", "resnet56")
PRECISIONS = ("fp32", "bf16", "int8")


def timm_network(name: str, folder: Path) -> Model:
    """Give a network of timm's as an ONNX file, seeded random weights, no classifier."""
    script = HERE / "peers" / "export_networks.py"
    subprocess.run([sys.executable, "-W", "ignore", script, folder, name], check=True)
    return load_model(folder / f"{name}.onnx")


def measure(model: Model, photos: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Speed of each precision, its ratio to bf16, and its fidelity to fp32."""
    found = run_bench(model, [photos], precisions=PRECISIONS, rounds=rounds, seconds=seconds)
    rates = {m.precision: m.inference for m in found.precisions if m.inference is not None}
    return {
        "ran_as": {m.precision: m.resolved or m.why_not for m in found.precisions},
        "batch": {m.precision: m.batch for m in found.precisions},
        "requests": {m.precision: m.requests for m in found.precisions},
        "images_per_s": {name: asdict(rate) for name, rate in rates.items()},
        "int8_over_bf16": _ratio(rates, "bf16"),
        "int8_over_fp32": _ratio(rates, "fp32"),
        "samples": found.samples,
        "fidelity": {m.precision: [asdict(f) for f in m.fidelity] for m in found.precisions},
    }


def _ratio(rates: dict[str, Any], base: str) -> float | None:
    if base not in rates or "int8" not in rates:
        return None
    return round(rates["int8"].median / rates[base].median, 3)


def accuracy(stem: str, folder: Path, count: int | None = None) -> dict[str, Any]:
    """Top-1 accuracy of a CIFAR ResNet in each precision, over images that int8 did not learn from."""
    pixels, labels = images(SHARED / "data" / "cifar10-test.parquet", count)
    model = load_model(export(SHARED / "models" / f"cifar10-{stem}.safetensors", folder))
    base, engine = plan_view("bench", model, precision="fp32"), load_engine("openvino")
    top1 = {}
    for wanted in PRECISIONS:
        plan = replace(base, recipe=replace(base.recipe, precision=engine.resolve_precision(wanted)))
        if wanted == "int8":
            graphs = folder / f"{stem}-int8"
            graphs.mkdir()
            plan = learn(plan, pixels[:SAMPLES], graphs)
        with engine.compile(plan.model, plan.layers, precision=plan.recipe.precision) as network:
            parts = [part["logits"] for part in run_batches(network, list(pixels[SAMPLES:]))]
        right = np.concatenate(parts).argmax(axis=1) == labels[SAMPLES:]
        top1[plan.recipe.precision] = round(float(right.mean()), 4)
    return {"images": len(labels) - SAMPLES, "top1": top1}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("networks", nargs="*", default=NETWORKS, metavar="NETWORK")
    words.add_argument("--photos", type=Path, default=SHARED / "data" / "photos")
    words.add_argument("--rounds", type=int, default=9, help="default: %(default)s")
    words.add_argument(
        "--seconds", type=float, default=45.0, help="per precision, all rounds together; default: %(default)s"
    )
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        results: dict[str, Any] = {
            name: measure(timm_network(name, folder), given.photos, given.rounds, given.seconds)
            for name in given.networks
        }
        if SHARED.is_dir():
            results["real_weights"] = {f"cifar10-{stem}": accuracy(stem, folder) for stem in REAL}
    write(
        "int8",
        config={
            "networks": list(given.networks),
            "seconds": given.seconds,
            "learned_from": "half of the photographs; the CIFAR ResNets from 300 images",
            **{name: version(name) for name in ("nncf", "torch", "timm")},
        },
        rounds=given.rounds,
        results=results,
    )


if __name__ == "__main__":
    main()
