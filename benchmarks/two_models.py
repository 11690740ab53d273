"""Two networks over one folder of videos in one command, against their inference and one decoding.

usage: two_models.py [--clips FOLDER] [--networks A B] [--copies N] [--rounds N]

The bound is the inference of each alone on ready pixels, plus one decoding of everything on all cores.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from inputs import CLIPS, link, network, parser
from record import alternate, spread, write

from vifex.extraction.planning.view_plan import plan_view
from vifex.media.read import read
from vifex.media.sources import find
from vifex.values import Limits, Medium, ViewRequest

CORES = len(os.sched_getaffinity(0))
NAMES = (
    "clip-av1.mkv",
    "clip-h264-bframes.mp4",
    "clip-h264-in-avi.avi",
    "clip-h264-mp3-film.mp4",
    "clip-hevc-bframes.mp4",
    "clip-vp9.webm",
)


def command_s(folder: Path, models: list[str]) -> float:
    with tempfile.TemporaryDirectory() as work:
        words = [sys.executable, "-m", "vifex", "extract", folder, "-o", Path(work) / "s.vifex", "--json"]
        for model in models:
            words += ["--model", model]
        done = subprocess.run([*words, "--every", "5"], check=True, capture_output=True)
        return float(json.loads(done.stdout)["busy_s"])


def inference_s(model: str, samples: int) -> float:
    plan = plan_view("main", model)
    with plan.engine.compile(plan.model, plan.layers, precision=plan.recipe.precision) as network:
        batch = np.random.default_rng(0).integers(0, 255, network.input_shape, dtype=np.uint8)
        network.submit(batch).result()
        began_s = time.perf_counter()
        waiting = [network.submit(batch) for _ in range(-(-samples // network.batch))]
        for result in waiting:
            result.result()
        return time.perf_counter() - began_s


def decode_one(medium: Medium, requests: tuple[ViewRequest, ...]) -> int:
    return sum(1 for _ in read(medium, requests, Limits()))


def decoding_s(media: list[Medium], requests: tuple[ViewRequest, ...]) -> float:
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(decode_one, media[:CORES], [requests] * CORES))  # start the processes
        began_s = time.perf_counter()
        list(pool.map(decode_one, media, [requests] * len(media)))
        return time.perf_counter() - began_s


def copied(clips: Path, copies: int, work: Path) -> Path:
    """Make a folder with each clip under several names."""
    folder = work / "clips"
    folder.mkdir()
    for name, number in itertools.product(NAMES, range(copies)):
        link(clips / name, folder / f"{number}-{name}")
    return folder


def main() -> None:
    words = parser(__doc__, rounds=5)
    words.add_argument("--clips", type=Path, default=CLIPS, help=f"a folder with {', '.join(NAMES)}")
    words.add_argument("--networks", nargs=2, default=["resnet50", "mobilenetv3_large_100"])
    words.add_argument("--copies", type=int, default=4, help="of each clip; default: 4")
    asked = words.parse_args()
    first, second = (str(network(name)) for name in asked.networks)
    with tempfile.TemporaryDirectory() as work:
        bench(copied(asked.clips, asked.copies, Path(work)), first, second, asked.rounds)


def bench(folder: Path, first: str, second: str, rounds: int) -> None:
    media = [m for m in find([folder]) if isinstance(m, Medium)]
    sampling = plan_view("main", first).recipe.sampling
    every = type(sampling)("every", fps=None, every=5)
    requests = tuple(ViewRequest(every, plan_view("main", m).recipe.pixels) for m in (first, second))
    samples = sum(decode_one(m, requests[:1]) for m in media)
    values = alternate(
        {
            "both in one command": lambda: command_s(folder, [first, second]),
            "inference of the first": lambda: inference_s(first, samples),
            "inference of the second": lambda: inference_s(second, samples),
            "one decoding": lambda: decoding_s(media, requests),
        },
        rounds,
    )
    seconds = {name: spread(v) for name, v in values.items()}
    bound = sum(seconds[n]["median"] for n in seconds if n != "both in one command")
    write(
        "two_models",
        config={"clips": len(media), "samples": samples, "models": [Path(first).stem, Path(second).stem]},
        rounds=rounds,
        results={
            "seconds": seconds,
            "bound": round(bound, 3),
            "over_bound": round(seconds["both in one command"]["median"] / bound, 3),
        },
    )


if __name__ == "__main__":
    main()
