"""`make bench`: every benchmark in turn; each writes its record, then the page is written from all of them.

usage: run.py [--quick] [--only NAME]...

`--quick` tries each for a moment and keeps records and page out of the checkout: it shows that they run, its
figures say nothing. One that fails does not stop the others; the exit status tells.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from peers.environment import python_of

HERE = Path(__file__).parent
MOMENT = ("--rounds", "1", "--seconds", "3")


@dataclass(frozen=True, slots=True)
class Run:
    """A benchmark with its words, in full and for a moment."""

    name: str
    words: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    environment: str | None = None
    """Where it runs; `None` for the environment of this script."""


RUNS = (
    Run("startup", (), ("--rounds", "1")),
    Run("first_row", (), ("--rounds", "1")),
    Run("search_cold", (), ("--rounds", "1")),
    Run("image_queries", (), ("--rounds", "2")),
    Run("search_exact", (), ("--rows", "20000", "--rounds", "1")),
    Run("index", (), ("--rows", "20000", "--features", "200", "--peers", "faiss")),
    Run("search_halves", (), ("--rows", "20000", "--alone", "20000", "--rounds", "1")),
    Run("nothing_matches", (), ("--queries", "20")),
    Run("copies_images", (), ("--images", "300")),
    Run("copies_scale", (), ("--rows", "20000", "--sample", "200")),
    Run("commits", (), ("--rounds", "1", "--commits", "20")),
    Run("memory", (), ("--rounds", "1")),
    Run("memory_images", (), ("--rounds", "1", "--few", "50", "--many", "100")),
    Run("resume", (), ("--rounds", "1", "--files", "2000")),
    Run("machinery", (), ("--rounds", "1", "--images", "1000", "--workers", "1", "2")),
    Run("mixed", (), ("--rounds", "1", "--scale", "0.0005")),
    Run(
        "mixed",
        ("--loads", "slow-disk", "--name", "mixed-slow"),
        ("--loads", "slow-disk", "--name", "mixed-slow", "--rounds", "1", "--scale", "0.0005"),
    ),
    Run(
        "estimate",
        (),
        ("--rounds", "1", "--photographs", "20", "--videos", "1", "--video-seconds", "10"),
    ),
    Run("shards", (), ("--rounds", "1", "--images", "1000", "--shards", "1", "2")),
    Run("ledger", (), ("--media", "2000")),
    Run("merging", (), ("--media", "2000")),
    Run("copies_video", (), ("--sources", "2")),
    Run("copies_stills", (), ("--shown", "6")),
    Run("store_cost", ("--network", "resnet50"), MOMENT),
    Run("store_cost", ("--network", "default"), MOMENT),
    Run("two_models", (), ("--rounds", "1", "--copies", "1")),
    Run("jpegs", ("--network", "resnet50"), (*MOMENT, "--peer-seconds", "2")),
    Run("jpegs", ("--network", "mobilenetv3_large_100"), (*MOMENT, "--peer-seconds", "2")),
    Run("large_jpegs", (), (*MOMENT, "--peer-seconds", "2", "--different", "16")),
    Run("video_frames", (), (*MOMENT, "--peer-seconds", "2", "--video-seconds", "2")),
    Run("zoo", (), (*MOMENT, "--peer-seconds", "2")),
    Run("int8", (), ("--rounds", "1", "--seconds", "1"), environment="torch"),
    Run("evaluate_cifar", ("--network", "resnet20"), ("--count", "500"), environment="torch"),
)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="for a moment each, to see that they run")
    words.add_argument("--only", action="append", choices=sorted({run.name for run in RUNS}))
    asked = words.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as trial:
        if asked.quick:
            os.environ["VIFEX_BENCH_RECORDS"] = trial
        for run in RUNS:
            if asked.only and run.name not in asked.only:
                continue
            given = (*run.words, *(run.quick if asked.quick else ()))
            print(f"-- {run.name} {' '.join(given)}", flush=True)
            python = python_of(run.environment) if run.environment else sys.executable
            if subprocess.run([python, HERE / f"{run.name}.py", *given], check=False).returncode:
                failed.append(run.name)
    if not asked.quick:
        subprocess.run([sys.executable, HERE / "page.py"], check=True)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
