"""The pipeline without decoding and arithmetic: what an image costs the process that joins the parts.

usage: machinery.py [--images N] [--batch N] [--decode-ms MS] [--workers N ...] [--rounds N] [--name NAME]
[--profile]

Media are listed, handed to decoder processes, written into slots, sent through the engine's interface and
committed, as in every run. But decoders fill slots with constant pixels without opening a file, and the
engine gives the same numbers for every batch. So the rate is what no run can exceed on this machine, and the
parent's processor time per image is what its one interpreter spends: all its threads, the commit thread
included.

With `--decode-ms` a decoder sleeps so long over each image. Then few cores show what many decoder processes
of a large machine ask of the parent, and the parent is not always busy: it wakes for less at a time, which
costs more.

The rate is that from the first decoder's readiness to the last commit. The steady rate leaves the first third
of the images out, in which many decoder processes are still starting.

Each run is a process of its own. The number of decoder processes is the contender; they alternate.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from record import alternate, spread, write

from vifex.extraction.planning.view_plan import plan_view
from vifex.extraction.run import run_views
from vifex.values import Layer, Model

HERE = Path(__file__).resolve().parent
DECODERS = HERE / "constant_decoders"
REQUESTS, PER_FOLDER = 4, 10_000


class ConstantNetwork:
    """Gives the same numbers for every batch, from a thread of its own as a real engine does."""

    def __init__(self, layers: Sequence[Layer], input_shape: tuple[int, ...]) -> None:
        self.layers = tuple(layers)
        self.input_shape = input_shape
        self.batch, self.requests, self.runs_on = input_shape[0], REQUESTS, "cpu"
        rng = np.random.default_rng(0)
        self._arrays = {
            layer.name: rng.standard_normal((self.batch, *layer.shape), dtype=np.float32) for layer in layers
        }
        self.times_s: list[float] = []
        """When each batch was submitted."""
        self._waiting: queue.SimpleQueue[Future[dict[str, npt.NDArray[Any]]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, pixels: npt.NDArray[Any]) -> Future[dict[str, npt.NDArray[Any]]]:
        if pixels.shape != self.input_shape:
            raise ValueError(f"pixels must be {self.input_shape}, got {pixels.shape}")
        self.times_s.append(time.perf_counter())
        future: Future[dict[str, npt.NDArray[Any]]] = Future()
        self._waiting.put(future)
        return future

    def _work(self) -> None:
        while (future := self._waiting.get()) is not None:
            self._compute(future)

    def _compute(self, future: Future[dict[str, npt.NDArray[Any]]]) -> None:
        future.set_result({name: array.copy() for name, array in self._arrays.items()})

    def close(self) -> None:
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class ConstantEngine:
    """Compiles constant networks.

    Args:
        batch: Images in one batch.
    """

    name = "constant"

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self.network: ConstantNetwork | None = None

    def layers(self, model: Model) -> list[Layer]:
        raise NotImplementedError("the plan has its layers")

    def resolve_layers(self, model: Model, wanted: Sequence[str]) -> list[Layer]:
        raise NotImplementedError("the plan has its layers")

    def resolve_precision(self, wanted: str) -> str:
        return wanted

    def compile(
        self,
        model: Model,
        layers: Sequence[Layer],
        *,
        precision: str,
        batch: int | None = None,
        cores: int | None = None,
    ) -> ConstantNetwork:
        side = (model.card.height_px, model.card.width_px, 3)
        self.network = self._network(layers, (batch or self._batch, *side))
        return self.network

    def _network(self, layers: Sequence[Layer], input_shape: tuple[int, ...]) -> ConstantNetwork:
        return ConstantNetwork(layers, input_shape)

    def steady_rate(self) -> float:
        """Return images a second without the first third, in which decoder processes are still starting."""
        if self.network is None:
            raise RuntimeError("nothing was compiled")
        times_s = self.network.times_s[len(self.network.times_s) // 3 :]
        return (len(times_s) - 1) * self.network.batch / (times_s[-1] - times_s[0])


def make_files(folder: Path, count: int) -> None:
    """Make names of empty files: nothing opens them."""
    for number in range(count):
        place = folder / f"{number // PER_FOLDER:03d}"
        if number % PER_FOLDER == 0:
            place.mkdir(parents=True)
        os.close(os.open(place / f"{number:07d}.jpg", os.O_CREAT | os.O_WRONLY))


def run_one(files: Path, images: int, batch: int, workers: int, profile: bool) -> dict[str, float]:
    """Run once in this process and tell the rate and what the parent spent."""
    engine = ConstantEngine(batch)
    plan = replace(plan_view("main", "default", precision="fp32"), engine=engine)
    profiler = cProfile.Profile(time.thread_time) if profile else None
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_SELF)
        if profiler is not None:
            profiler.enable()
        report = run_views([files], Path(folder) / "s.vifex", [plan], workers=workers)
        if profiler is not None:
            profiler.disable()
            pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(40)
        after = resource.getrusage(resource.RUSAGE_SELF)
    if report.ok != images or report.rows != images:
        raise RuntimeError(f"{report.ok} of {images} images and {report.rows} rows were stored")
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "images_per_s": images / report.busy_s,
        "steady_images_per_s": engine.steady_rate(),
        "parent_ms_per_image": 1000 * spent_s / images,
        "seconds": report.seconds,
    }


def run_apart(files: Path, images: int, batch: int, workers: int, decode_ms: float) -> dict[str, float]:
    """Run once in a process of its own."""
    numbers = ["--images", str(images), "--batch", str(batch), "--workers", str(workers)]
    command = [sys.executable, __file__, "--one", str(files), *numbers]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment(decode_ms))
    told: dict[str, float] = json.loads(done.stdout)
    return told


def environment(decode_ms: float) -> dict[str, str]:
    """Put the constant decoders before everything else on the path, and say how long they sleep."""
    path = os.pathsep.join(p for p in (str(DECODERS), os.environ.get("PYTHONPATH", "")) if p)
    return {**os.environ, "PYTHONPATH": path, "VIFEX_BENCH_DECODE_MS": str(decode_ms)}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--images", type=int, default=60_000, help="default: %(default)s")
    words.add_argument("--batch", type=int, default=32, help="images in a batch (default: %(default)s)")
    words.add_argument("--decode-ms", type=float, default=0.0, help="sleep of a decoder over each image")
    words.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16], help="decoder processes")
    words.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    words.add_argument("--name", default="machinery", help="of the record (default: %(default)s)")
    words.add_argument("--one", type=Path, help="run once over this folder in this process, and print it")
    words.add_argument("--profile", action="store_true", help="with --one: profile the main thread")
    asked = words.parse_args()
    if asked.one is not None:
        os.environ.update(environment(asked.decode_ms))
        print(json.dumps(run_one(asked.one, asked.images, asked.batch, asked.workers[0], asked.profile)))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), asked.images)
        told: dict[int, list[dict[str, float]]] = {n: [] for n in asked.workers}

        def contender(workers: int) -> float:
            told[workers].append(run_apart(Path(folder), asked.images, asked.batch, workers, asked.decode_ms))
            return told[workers][-1]["images_per_s"]

        alternate({str(n): lambda n=n: contender(n) for n in asked.workers}, asked.rounds)  # type: ignore[misc]
    keys = ("images_per_s", "steady_images_per_s", "parent_ms_per_image")
    results: dict[str, Any] = {
        str(n): {key: spread([t[key] for t in told[n][1:]]) for key in keys} for n in asked.workers
    }
    if {2, 16} <= set(asked.workers):
        two, sixteen = (results[n]["steady_images_per_s"]["median"] for n in ("2", "16"))
        results["steady_16_over_2"] = round(sixteen / two, 3)
    write(
        asked.name,
        config={
            "images": asked.images,
            "batch": asked.batch,
            "decode_ms": asked.decode_ms,
            "decoder_processes": asked.workers,
        },
        rounds=asked.rounds,
        results=results,
    )


if __name__ == "__main__":
    main()
