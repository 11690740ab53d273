"""Two networks over one folder of videos in one command, against their inference and one decoding.

usage: two_models.py CLIPS_FOLDER MODEL_A MODEL_B

The bound is the inference of each alone on ready pixels, plus one decoding of everything on all cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from record import alternate, spread, write

from vifex.extraction.plan import plan_view
from vifex.media.read import read
from vifex.media.sources import find
from vifex.values import Limits, Medium, Wish

CORES = len(os.sched_getaffinity(0))


def command_s(folder: Path, models: list[str]) -> float:
    with tempfile.TemporaryDirectory() as work:
        words = [sys.executable, "-m", "vifex", "extract", folder, "-o", Path(work) / "s.vifex", "--json"]
        for model in models:
            words += ["--model", model]
        done = subprocess.run([*words, "--every", "5"], check=True, capture_output=True)
        return float(json.loads(done.stdout)["busy_s"])


def inference_s(model: str, samples: int) -> float:
    plan = plan_view("main", model)
    with plan.engine.compile(plan.model, plan.taps, precision=plan.recipe.precision) as network:
        batch = np.random.default_rng(0).integers(0, 255, network.input_shape, dtype=np.uint8)
        network.submit(batch).result()
        began_s = time.perf_counter()
        waiting = [network.submit(batch) for _ in range(-(-samples // network.batch))]
        for result in waiting:
            result.result()
        return time.perf_counter() - began_s


def decode_one(medium: Medium, wishes: tuple[Wish, ...]) -> int:
    return sum(1 for _ in read(medium, wishes, Limits()))


def decoding_s(media: list[Medium], wishes: tuple[Wish, ...]) -> float:
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(decode_one, media[:CORES], [wishes] * CORES))  # start the processes
        began_s = time.perf_counter()
        list(pool.map(decode_one, media, [wishes] * len(media)))
        return time.perf_counter() - began_s


def main(folder: Path, first: str, second: str, rounds: int = 5) -> None:
    media = [m for m in find([folder]) if isinstance(m, Medium)]
    sampling = plan_view("main", first).recipe.sampling
    every = type(sampling)("every", fps=None, every=5)
    wishes = tuple(Wish(every, plan_view("main", m).recipe.pixels) for m in (first, second))
    samples = sum(decode_one(m, wishes[:1]) for m in media)
    values = alternate(
        {
            "both in one command": lambda: command_s(folder, [first, second]),
            "inference of the first": lambda: inference_s(first, samples),
            "inference of the second": lambda: inference_s(second, samples),
            "one decoding": lambda: decoding_s(media, wishes),
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
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
