"""SIGKILL at random moments of runs on a Ray cluster; then the same command again.

usage: cluster_kills.py [--kills N] [--images N] [--seed N]

The cluster has three machines, raylets on this one. In turn the process of a shard, a machine with all its
processes, and the command itself, which commits, get SIGKILL. The moment is random: from the first medium
on, within the time in which an undisturbed run on the cluster begins them all. A kill that comes after the
end does not count. After the end of a run whose shard or machine was killed, and after the death of a
command, the same command runs again. Every medium that a decoder process begins adds a line to a file, so
the record says what was computed again.

The script fails where a store differs from that of an undisturbed run on one machine, where a medium is
read again after it was committed, and where more media are read again than were uncommitted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from clusters import add_machine, cluster, kill_machine, python_path, ray_environment, shard_processes
from inputs import CLIPS, PHOTOS, Images
from record import ROOT, write

import vifex

MACHINES, CLIP_COPIES, COMMIT_MEDIA, COMMIT_S = 3, 6, 8, 0.5
KINDS = ("shard", "machine", "command")
OPTIONS = ("--fps", "8", "--precision", "fp32", "-q")
GIVE_UP_S = 300.0
compare = runpy.run_path(str(ROOT / "scripts" / "compare_stores.py"))["compare"]


def drive(words: list[str]) -> None:
    """Be the command `vifex`, with commits that come often."""
    import vifex.extraction.run as running
    from vifex.cli import main as command
    from vifex.store import CommitRule

    rule = CommitRule(media=COMMIT_MEDIA, seconds=COMMIT_S)
    running.open_writer = partial(running.open_writer, rule=rule)  # type: ignore[assignment]
    sys.argv = ["vifex", *words]
    command()


@dataclass(frozen=True, slots=True)
class Reads:
    """The media that decoder processes began to read."""

    path: Path

    def names(self, since_s: float = 0.0) -> list[str]:
        """Return their names in the order in which they were begun."""
        if not self.path.exists():
            return []
        lines = self.path.read_text().splitlines()
        return [name for at_s, name in map(json.loads, lines) if at_s >= since_s]

    def seconds(self) -> float:
        """Return the time from the first to the last."""
        times_s = [at_s for at_s, _ in map(json.loads, self.path.read_text().splitlines())]
        return max(times_s) - min(times_s)

    def clear(self) -> None:
        """Forget all."""
        self.path.unlink(missing_ok=True)


def committed(store: Path) -> set[str]:
    """Return the names of media of which the ledger has an entry."""
    with contextlib.suppress(vifex.VifexError), vifex.open(store) as opened:
        return set(opened.ledger()["name"].to_pylist())
    return set()


def start(media: Path, store: Path, made: Any) -> subprocess.Popen[str]:
    words = ["extract", media, "-o", store, "--on", "ray", *OPTIONS]
    return subprocess.Popen(
        [sys.executable, __file__, "--drive", *map(str, words)],
        env=ray_environment(made),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def finish(run: subprocess.Popen[str]) -> None:
    _, said = run.communicate(timeout=GIVE_UP_S)
    if run.returncode:
        raise RuntimeError(f"the command ended with {run.returncode}: {said}")


def wait_for_reads(reads: Reads, run: subprocess.Popen[str]) -> None:
    until_s = time.monotonic() + GIVE_UP_S
    while not reads.names() and run.poll() is None and time.monotonic() < until_s:
        time.sleep(0.02)


def undisturbed(media: Path, calm: Path, made: Any, reads: Reads) -> float:
    """Run on the cluster without a kill; returns the seconds from the first medium to the last."""
    store = media.parent / "undisturbed.vifex"
    finish(start(media, store, made))
    if differing := compare(calm, store, "main", None, only_rows=False):
        raise SystemExit(f"without a kill: {differing}")
    return reads.seconds()


def kill(kind: str, made: Any, run: subprocess.Popen[str], chance: random.Random) -> str:
    """Kill one process or machine; returns what, or nothing where there is none any more."""
    if run.poll() is not None:
        return ""
    if kind == "command":
        run.send_signal(signal.SIGKILL)
        run.communicate()
        return "command"
    if kind == "machine":
        kill_machine(made, chance.choice(list(made.worker_nodes)))
        add_machine(made)
        return "machine"
    chance.choice(shard_processes()).send_signal(signal.SIGKILL)
    return "shard"


def trial(
    kind: str, media: Path, calm: Path, made: Any, reads: Reads, chance: random.Random, calm_s: float
) -> dict[str, Any]:
    """Kill once, run again, and compare."""
    store = media.parent / "torn.vifex"
    shutil.rmtree(store, ignore_errors=True)
    reads.clear()
    names = {path.name for path in media.iterdir()}
    run = start(media, store, made)
    wait_for_reads(reads, run)
    time.sleep(chance.uniform(0.0, calm_s))
    safe, begun = committed(store), set(reads.names())
    killed_s = time.time()
    killed = kill(kind, made, run, chance)
    if kind == "command":
        safe = committed(store)
    else:
        finish(run)
    wait_for_no_shards()
    if kind == "command":
        begun = set(reads.names())  # its shards went on until they saw that it was gone
    again_s = time.time()
    finish(start(media, store, made))
    counts = Counter(reads.names())
    differing = compare(calm, store, "main", None, only_rows=False)
    with vifex.open(store) as opened:
        keys = opened.to_arrow()["key"].to_pylist()
    again = sum(counts.values()) - len(counts)
    found = {
        "killed": killed,
        "begun": len(begun),
        "committed": len(safe),
        "read_again": again,
        "uncommitted": len(begun - safe),
        "committed_read_again": len(
            safe & set(reads.names(max(killed_s, again_s if kind == "command" else 0)))
        ),
        "media_read_by_second_command": len(reads.names(again_s)),
        "rows_twice": len(keys) - len(set(keys)),
        "media_that_differ": len(differing),
        "media_missing": len(names - committed(store)),
    }
    print(kind, json.dumps(found), flush=True)
    return found


def check(kind: str, found: dict[str, Any]) -> None:
    """Raise where a promise is not kept."""
    zero = ["committed_read_again", "rows_twice", "media_that_differ", "media_missing"]
    zero += ["media_read_by_second_command"] if kind != "command" else []
    broken = [name for name in zero if found[name]]
    if broken or found["read_again"] > found["uncommitted"]:
        raise SystemExit(f"{kind}: {broken or 'more was read again than was uncommitted'}: {found}")


def wait_for_no_shards() -> None:
    """Wait until the shards of a command have ended with it."""
    until_s = time.monotonic() + GIVE_UP_S
    while shard_processes():
        if time.monotonic() > until_s:
            raise RuntimeError("shards outlive their command")
        time.sleep(0.1)


def make_media(folder: Path, images: int, work: Path) -> None:
    shutil.copytree(Images(PHOTOS, work).folder(images), folder)
    for number in range(CLIP_COPIES):
        shutil.copy(CLIPS / "clip-h264-ducks.mp4", folder / f"clip-{number:02d}.mp4")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--kills", type=int, default=20, help="default: %(default)s")
    words.add_argument("--images", type=int, default=200, help="default: %(default)s")
    words.add_argument(
        "--seed", type=int, default=24, help="of the moments and the choices; default: %(default)s"
    )
    words.add_argument("--drive", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.drive is not None:
        drive(asked.drive)
        return
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        media, calm, reads = work / "media", work / "calm.vifex", Reads(work / "reads.txt")
        make_media(media, asked.images, work)
        os.environ["VIFEX_BENCH_READS"] = str(reads.path)
        os.environ["PYTHONPATH"] = python_path(ROOT / "benchmarks" / "counting_decoders")
        vifex.extract(media, calm, fps=8, precision="fp32")
        reads.clear()
        found: list[tuple[str, dict[str, Any]]] = []
        with cluster(MACHINES) as made:
            calm_s = undisturbed(media, calm, made, reads)
            while len(found) < asked.kills:
                kind = KINDS[len(found) % len(KINDS)]
                one = trial(kind, media, calm, made, reads, chance, calm_s)
                check(kind, one)
                if one["killed"]:  # else the run was over before
                    found.append((kind, one))
    write(
        "cluster_kills",
        config={
            "machines": MACHINES,
            "media": asked.images + CLIP_COPIES,
            "seed": asked.seed,
            "commit_media": COMMIT_MEDIA,
            "commit_s": COMMIT_S,
            "undisturbed_s": round(calm_s, 1),
        },
        rounds=asked.kills,
        results={
            "kills": Counter(kind for kind, _ in found),
            **{name: sum(one[name] for _, one in found) for name in found[0][1] if name != "killed"},
            "each": [one for _, one in found],
        },
    )


if __name__ == "__main__":
    main()
