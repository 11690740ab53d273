"""Shards without decoding and arithmetic: what an image costs the coordinator, which commits for all of them.

usage: shards.py [--images N] [--batch N] [--workers N] [--shards N ...] [--rounds N] [--name NAME]

Decoders and networks are those of `machinery.py`. The coordinator's processor time per image is that of its
process with the commit thread; its inverse bounds the rate of a run, however many shards there are. On a
machine with fewer cores than processes the rate itself says little.

Each run is a process of its own. The number of shards is the contender (1 is a run without shards); they
alternate.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from machinery import ConstantEngine, environment, make_files
from record import alternate, spread, write

from vifex.extraction.planning.view_plan import plan_view
from vifex.extraction.run import run_views


def run_one(files: Path, images: int, batch: int, workers: int, shards: int) -> dict[str, float]:
    """Run once in this process and return the rate and what this process spent."""
    plan = replace(plan_view("main", "default", precision="fp32"), engine=ConstantEngine(batch))
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_SELF)
        report = run_views([files], Path(folder) / "s.vifex", [plan], workers=workers, shards=shards)
        after = resource.getrusage(resource.RUSAGE_SELF)
    if report.ok != images or report.rows != images:
        raise RuntimeError(f"{report.ok} of {images} images and {report.rows} rows were stored")
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"images_per_s": images / report.busy_s, "coordinator_ms_per_image": 1000 * spent_s / images}


def run_apart(files: Path, asked: argparse.Namespace, shards: int) -> dict[str, float]:
    """Run once in a process of its own."""
    sizes = ["--images", asked.images, "--batch", asked.batch, "--workers", asked.workers]
    command = [sys.executable, __file__, "--one", str(files), *map(str, [*sizes, "--shards", shards])]
    env = {**environment(0.0), "VIFEX_BENCH_BATCH": str(asked.batch)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--images", type=int, default=60_000, help="default: %(default)s")
    words.add_argument("--batch", type=int, default=32, help="images in a batch (default: %(default)s)")
    words.add_argument("--workers", type=int, default=2, help="decoder processes of all shards together")
    words.add_argument("--shards", type=int, nargs="+", default=[1, 2, 4], help="default: %(default)s")
    words.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    words.add_argument("--name", default="shards", help="of the record (default: %(default)s)")
    words.add_argument("--one", type=Path, help="run once over this folder in this process, and print it")
    asked = words.parse_args()
    if asked.one is not None:
        os.environ.setdefault("VIFEX_BENCH_BATCH", str(asked.batch))
        print(json.dumps(run_one(asked.one, asked.images, asked.batch, asked.workers, asked.shards[0])))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), asked.images)
        found: dict[int, list[dict[str, float]]] = {n: [] for n in asked.shards}

        def contender(shards: int) -> float:
            found[shards].append(run_apart(Path(folder), asked, shards))
            return found[shards][-1]["images_per_s"]

        alternate({str(n): lambda n=n: contender(n) for n in asked.shards}, asked.rounds)  # type: ignore[misc]
    keys = ("images_per_s", "coordinator_ms_per_image")
    results: dict[str, Any] = {
        str(n): {key: spread([f[key] for f in found[n][1:]]) for key in keys} for n in asked.shards
    }
    config = {k: getattr(asked, k) for k in ("images", "batch", "workers", "shards")}
    write(asked.name, config=config, rounds=asked.rounds, results=results)


if __name__ == "__main__":
    main()
