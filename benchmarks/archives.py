"""Images in tar shards, zip archives and Parquet files against the same images as loose files.

usage: archives.py [--images N] [--shards N] [--rounds N]

The images are those of a Parquet set of 64-pixel JPEGs, so what it costs to reach an image weighs as much as
it can. Each form is extracted by the command into a new store, in turn; the figure is images per second from
the first decode to the last commit. Then a run over shards is killed, and the same command resumes it: which
shards it opens (the kernel tells), how many bytes it reads in all, and what it computes again.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
from inputs import SHARED, parser
from record import ROOT, alternate, spread, write

import vifex

sys.path.append(str(ROOT / "tests" / "support"))
from opened_files import opened

SOURCE = SHARED / "data" / "tiny-imagenet-train.parquet"
PER_SHARD = 5000


def command(source: list[Path], store: Path) -> list[str | Path]:
    return [sys.executable, "-m", "vifex", "extract", *source, "-o", store, "--json", "--quiet"]


def rate(source: list[Path]) -> float:
    """Give images per second of one run."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command(source, Path(folder, "s.vifex")), check=True, capture_output=True)
        said = json.loads(done.stdout)
        assert said["ok"] == said["media"], said
        return float(said["ok"] / said["busy_s"])


def forms(folder: Path, images: int) -> dict[str, list[Path]]:
    """Write the same images, with their labels, in each form."""
    loose, tar, stored, packed, parquet = (
        folder / n for n in ("loose", "a.tar", "a.zip", "packed.zip", "train.parquet")
    )
    table = pq.read_table(SOURCE).slice(0, images)
    pq.write_table(table, parquet, row_group_size=2000, compression="zstd")
    loose.mkdir()
    manifest = ["uri,label\n"]
    with (
        tarfile.open(tar, "w") as shard,
        zipfile.ZipFile(stored, "w") as first,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as second,
    ):
        for number, row in enumerate(rows(table)):
            (loose / f"{number:06d}.jpg").write_bytes(row["image"])
            manifest.append(f"loose/{number:06d}.jpg,{row['label']}\n")
            for name, data in (
                (f"{number:06d}.jpg", row["image"]),
                (f"{number:06d}.cls", str(row["label"]).encode()),
            ):
                add(shard, name, data)
                first.writestr(name, data)
                second.writestr(name, data)
    (folder / "loose.csv").write_text("".join(manifest))
    return {
        "loose": [loose],
        "manifest": [folder / "loose.csv"],
        "tar": [tar],
        "zip": [stored],
        "packed zip": [packed],
        "parquet": [parquet],
    }


def rows(table: Any) -> Any:
    for batch in table.to_batches(max_chunksize=1000):
        yield from batch.to_pylist()


def add(shard: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    shard.addfile(info, io.BytesIO(data))


def resume(folder: Path, shards: int) -> dict[str, Any]:
    """Kill a run over shards when half of the images are committed, and resume it."""
    table = pq.read_table(SOURCE)
    endless = itertools.cycle(rows(table))
    sources = []
    for number in range(shards):
        path = folder / f"shard-{number:06d}.tar"
        with tarfile.open(path, "w") as shard:
            for place, row in enumerate(itertools.islice(endless, PER_SHARD)):
                add(shard, f"{number:03d}-{place:05d}.jpg", row["image"])
        sources.append(path)
    store, total = folder / "s.vifex", shards * PER_SHARD
    first = subprocess.Popen(command(sources, store), stdout=subprocess.DEVNULL, start_new_session=True)
    while committed(store) < total // 2:
        assert first.poll() is None
        time.sleep(1)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = committed(store)
    with vifex.open(store) as left:
        of_shard = Counter(entry["uri"].partition("#")[0] for entry in left.ledger().to_pylist())
    finished = {Path(uri).name for uri, count in of_shard.items() if count == PER_SHARD}
    with opened(folder) as in_resumed:
        said, resumed = counted(command(sources, store))
    assert said["already_done"] + said["ok"] == total, said
    with opened(folder) as at_last:
        _, nothing = counted(command(sources, store))
    of_shards = sum(path.stat().st_size for path in sources)
    return {
        "members": total,
        "shards_bytes": of_shards,
        "committed_before": before,
        "already_done": said["already_done"],
        "computed": said["ok"],
        "resumed": resumed,
        "with_nothing_left_to_do": nothing,
        "shards_finished_before": len(finished),
        "of_these_opened_again": len(finished & in_resumed),
        "shards_opened_with_nothing_left_to_do": len(at_last & {path.name for path in sources}),
    }


def counted(words: list[str | Path]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the command; give what it says, its seconds, and the bytes that it and its decoders read."""
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    tree, seen = psutil.Process(process.pid), dict[int, int]()
    while process.poll() is None:
        for one in [tree, *children(tree)]:
            seen[one.pid] = max(seen.get(one.pid, 0), io_of(one))
        time.sleep(0.02)
    assert process.stdout is not None
    assert process.returncode == 0
    seconds = round(time.perf_counter() - began, 1)
    return json.loads(process.stdout.read()), {"seconds": seconds, "bytes_read": sum(seen.values())}


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def committed(store: Path) -> int:
    try:
        with vifex.open(store) as opened:
            return opened.count_rows()
    except (vifex.VifexError, OSError):
        return 0


def io_of(process: psutil.Process) -> int:
    try:
        return int(process.io_counters().read_chars)
    except psutil.Error:
        return 0


def main() -> None:
    words = parser(__doc__, rounds=3)
    words.add_argument("--images", type=int, default=20_000, help="default: %(default)s")
    words.add_argument("--shards", type=int, default=20, help="for resuming; default: %(default)s")
    asked = words.parse_args()
    config = {"images": asked.images, "shards": asked.shards}
    results: dict[str, Any] = {}
    if asked.shards:
        with tempfile.TemporaryDirectory() as work:
            results["resume"] = resume(Path(work), asked.shards)
        print(results["resume"])
    with tempfile.TemporaryDirectory() as work:
        made = forms(Path(work), asked.images)
        contenders = {name: lambda source=source: rate(source) for name, source in made.items()}
        rates = {name: spread(values) for name, values in alternate(contenders, asked.rounds).items()}
    for name, images_per_s in rates.items():
        share = images_per_s["median"] / rates["loose"]["median"]
        results[name] = {"images_per_s": images_per_s, "of_loose": round(share, 3)}
    write("archives", config=config, rounds=asked.rounds, results=results)


if __name__ == "__main__":
    main()
