"""Large and uneven collections: how near a run comes to the larger of decoding alone and inference alone.

usage: mixed.py [--loads NAME ...] [--scale X] [--rounds N] [--device-rate R] [--before SOURCE]

Loads, at scale 1:

- `small-files`: 100,000 photographs of some 10 kB in one folder.
- `videos-first`: 20 long videos and 50,000 photographs, the videos first in the order of the sources.
- `photographs-first`: the same, the photographs first.
- `slow-disk`: 20,000 photographs of some 110 kB on a slow disk (see `slow_mount.py`), and 20,000 on a fast
  one.

Each is measured in three ways, in turn: the run (`vifex.extract`), decoding alone (the same decoder
processes, the same loop, every batch thrown away), and inference alone. The network is a device of a stated
rate that leaves the cores alone, as a GPU does: it sleeps for a batch. With `--device-rate 0` the rate is
such that inference alone takes as long as decoding alone, which is the hardest case: neither may ever wait
for the other. A run's seconds go from the first decoder's readiness to the last commit.

The page takes the slow disk from a record of its own: `--loads slow-disk --name mixed-slow`.

With `--before`, the folder of another version's source, that version's run is measured beside.

A video at scale 1 lasts three hours. `--scale` shortens videos and takes fewer photographs, so that their
ratio stays. Loads without videos have ten times the scale. At the default, 0.01, videos last 108 s beside 500
photographs, there are 10,000 small files, and each disk has 2,000 files: about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from inputs import CLIPS, PHOTOS, link
from looped import loop_clip
from machinery import ConstantEngine, ConstantNetwork
from PIL import Image
from record import alternate, spread, write
from slow_mount import can_mount, slow_mount

from vifex.engines.cores import available_cores
from vifex.extraction.decoders.events import Filled
from vifex.extraction.decoders.loop import DecodingLoop
from vifex.extraction.planning.view_plan import ViewPlan, plan_view
from vifex.extraction.run import run_views
from vifex.media.sources import find
from vifex.values import Layer, Limits, Medium, Sampling

LOADS = ("small-files", "videos-first", "photographs-first", "slow-disk")
BATCH = 32
VIDEOS, PHOTOGRAPHS, SMALL_FILES, SLOW_FILES = 20, 50_000, 100_000, 20_000
TEN = 10
"""Loads without videos are so much larger than the others at a scale below 1: photographs take less time."""
VIDEO_S, FPS = 3 * 3600.0, 1.0
CLIP = "clip-h264-same-as-phone.mp4"
SLOW = {"latency_ms": 5.0, "mb_per_s": 20.0}


class RatedNetwork(ConstantNetwork):
    """Gives constant numbers, each batch after the time that a device of the stated rate takes.

    Args:
        layers: That are read.
        input_shape: Of a batch.
        rate: Samples a second.
    """

    def __init__(self, layers: Sequence[Layer], input_shape: tuple[int, ...], rate: float) -> None:
        self._batch_s = input_shape[0] / rate
        self._free_s = 0.0
        super().__init__(layers, input_shape)

    def _compute(self, future: Future[dict[str, npt.NDArray[Any]]]) -> None:
        now_s = time.perf_counter()
        # A device with work goes on without a gap, however late this thread wakes.
        began_s = self._free_s if now_s - self._free_s < self._batch_s / 4 else now_s
        self._free_s = began_s + self._batch_s
        time.sleep(max(0.0, self._free_s - time.perf_counter()))
        super()._compute(future)


class RatedEngine(ConstantEngine):
    """Compiles networks for a device of a stated rate, in samples a second."""

    name = "rated"

    def __init__(self, batch: int, rate: float) -> None:
        super().__init__(batch)
        self._rate = rate

    def _network(self, layers: Sequence[Layer], input_shape: tuple[int, ...]) -> ConstantNetwork:
        return RatedNetwork(layers, input_shape, self._rate)


def make_photographs(folder: Path, count: int, *, side_px: int | None = None) -> None:
    """Fill a folder with links to photographs; with `side_px`, to copies of at most that side."""
    folder.mkdir(parents=True)
    originals = sorted(PHOTOS.glob("*.jpg"))
    if side_px is not None:
        small = folder.parent / f"{folder.name}-originals"
        small.mkdir()
        for path in originals:
            with Image.open(path) as image:
                image.thumbnail((side_px, side_px))
                image.convert("RGB").save(small / path.name, quality=80)
        originals = sorted(small.iterdir())
    for number in range(count):
        # Copies of copies: a file has at most some ten thousand names.
        link(originals[number % len(originals)], folder / f"{number:06d}.jpg")


def make_videos(folder: Path, count: int, seconds: float) -> None:
    """Fill a folder with videos of that length: one real clip, its packets over and over."""
    folder.mkdir(parents=True)
    first = folder / "00.mkv"
    loop_clip(CLIPS / CLIP, first, seconds)
    for number in range(1, count):
        link(first, folder / f"{number:02d}.mkv")


@contextlib.contextmanager
def made(load: str, work: Path, scale: float) -> Iterator[Path]:
    """Make a load, and give the folder to extract."""
    folder, wide = work / load, min(1.0, TEN * scale)
    if load == "small-files":
        make_photographs(folder, int(SMALL_FILES * wide), side_px=320)
        yield folder
    elif load == "slow-disk":
        make_photographs(work / "behind", int(SLOW_FILES * wide))
        make_photographs(folder / "b-fast", int(SLOW_FILES * wide))
        with slow_mount(work / "behind", folder / "a-slow", **SLOW):
            yield folder
    else:
        videos, photographs = ("a", "b") if load == "videos-first" else ("b", "a")
        make_videos(folder / f"{videos}-videos", VIDEOS, VIDEO_S * scale)
        make_photographs(folder / f"{photographs}-photographs", int(PHOTOGRAPHS * scale))
        yield folder


def plan_of(rate: float) -> ViewPlan:
    return replace(
        plan_view("main", "default", precision="fp32", sampling=Sampling("fps", fps=FPS)),
        engine=RatedEngine(BATCH, rate),
    )


def run(folder: Path, rate: float) -> dict[str, float]:
    """Run `vifex.extract`'s own work with a device of this rate."""
    with tempfile.TemporaryDirectory() as store:
        report = run_views([folder], Path(store) / "s.vifex", [plan_of(rate)])
    if report.failed or report.partial:
        raise RuntimeError(f"{report.failed} media failed and {report.partial} are partial")
    return {"seconds": report.busy_s, "rows": report.rows}


def decode(folder: Path) -> dict[str, float]:
    """Decode everything with as many decoder processes as a run has, and throw the batches away."""
    plan, rows = plan_of(1.0), 0
    # Long ones first, and all of a disk together with those of the other: the best order for decoding alone.
    media = sorted((m for m in find(folder) if isinstance(m, Medium)), key=lambda m: m.kind == "image")
    began_s = time.perf_counter()
    loop: DecodingLoop[object] = DecodingLoop(
        [plan.request],
        [BATCH],
        extra_slots=4,
        workers=available_cores(),
        limits=Limits(),
        slow_workers=available_cores(),
        window=len(media),
    )
    with loop:
        for event in loop.events(iter(media)):
            if isinstance(event, Filled):
                rows += len(event.attempts)
                loop.free(event.request, event.slot)
        ready_s = loop.ready_s
    ended_s = time.monotonic()
    assert ready_s is not None, f"no decoder was ready after {time.perf_counter() - began_s:.0f} s"
    return {"seconds": ended_s - ready_s, "rows": rows}


def infer(rows: int, rate: float) -> dict[str, float]:
    """Give so many samples to a device of this rate, two batches at a time."""
    plan = plan_of(rate)
    network = plan.engine.compile(plan.model, plan.layers, precision="fp32", batch=BATCH)
    pixels = np.zeros(network.input_shape, np.uint8)
    began_s = time.perf_counter()
    with network:
        waiting: list[Future[Any]] = []
        for _ in range(-(-rows // BATCH)):
            waiting.append(network.submit(pixels))
            if len(waiting) == network.requests:
                waiting.pop(0).result()
        for future in waiting:
            future.result()
    return {"seconds": time.perf_counter() - began_s, "rows": rows}


def apart(*words: object, source: Path | None = None) -> dict[str, float]:
    """Measure once in a process of its own, with this version or that of another source folder."""
    command = [sys.executable, __file__, "--one", *map(str, words)]
    environment = os.environ if source is None else {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"   {words[0]}{' before' if source else ''}: {told['seconds']:.1f} s, {told['rows']:.0f} rows",
        file=sys.stderr,
        flush=True,
    )
    return told


def measure(folder: Path, rounds: int, rate: float, before: Path | None) -> dict[str, Any]:
    """Measure one load in turn, after a first decoding that warms the file cache."""
    first = apart("decode", folder)
    rows = int(first["rows"])
    device = rate or rows / first["seconds"]
    contenders = {
        "run": lambda: apart("run", folder, device)["seconds"],
        "decoding alone": lambda: apart("decode", folder)["seconds"],
        "inference alone": lambda: apart("infer", rows, device)["seconds"],
    }
    if before is not None:
        contenders["run before"] = lambda: apart("run", folder, device, source=before)["seconds"]
    values = alternate(contenders, rounds, warm=False)
    bounds = [max(pair) for pair in zip(values["decoding alone"], values["inference alone"], strict=True)]
    result: dict[str, Any] = {"rows": rows, "device_rate": round(device, 1)}
    result["seconds"] = {name: spread(v) for name, v in values.items()}
    for name in ("run", "run before"):
        if name in values:
            ratios = [seconds / bound for seconds, bound in zip(values[name], bounds, strict=True)]
            result[name.replace("run", "ratio")] = spread(ratios)
    return result


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--loads", nargs="+", choices=LOADS, default=LOADS, help="default: all")
    words.add_argument("--scale", type=float, default=0.01, help="default: %(default)s")
    words.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    words.add_argument(
        "--device-rate", type=float, default=0.0, help="samples a second; 0 is that of decoding alone"
    )
    words.add_argument("--before", type=Path, help="the `src` folder of another version")
    words.add_argument("--name", default="mixed", help="of the record (default: %(default)s)")
    words.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.one:
        what, *rest = asked.one
        one = {
            "run": lambda: run(Path(rest[0]), float(rest[1])),
            "decode": lambda: decode(Path(rest[0])),
            "infer": lambda: infer(int(rest[0]), float(rest[1])),
        }
        print(json.dumps(one[what]()))
        return
    results: dict[str, Any] = {}
    for load in asked.loads:
        if load == "slow-disk" and not can_mount():
            results[load] = {"missing": "a FUSE mount needs Linux, root and /dev/fuse"}
            continue
        print(load, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as work, made(load, Path(work), asked.scale) as folder:
            results[load] = measure(folder, asked.rounds, asked.device_rate, asked.before)
    config = {"scale": asked.scale, "video_s": VIDEO_S * asked.scale, "fps": FPS, "batch": BATCH, **SLOW}
    write(asked.name, config=config, rounds=asked.rounds, results=results)


if __name__ == "__main__":
    main()
