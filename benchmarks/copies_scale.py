"""Groups of near-duplicates among 200,000 and 1,000,000 images: time, memory, and recall of the exact pairs.

The rows are features of real images (10,000 of Tiny-ImageNet by the embedded network, `--source`), each
multiplied with noise; one row in fifty is a copy of another one with less noise. They lie in a store in
float16. A process of its own opens the store and does all that `vifex.copies` does without its images: a
threshold from the background, all pairs above a cosine of 0.95, the groups with their facts. Then the pairs
of `--sample` rows are computed exactly, in float64, and compared. 1,000,000 rows need 3 GB of disk and take
half an hour on two cores, 200,000 rows three minutes.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import pyarrow.parquet as pq
from inputs import SHARED, parser
from PIL import Image
from record import spread, write

import vifex
from vifex.analysis.copies.pairs import SAME, Pairs
from vifex.extraction.pipeline.rows import MediumRows, RowChunk, build_rows
from vifex.extraction.planning.view_plan import plan_view
from vifex.store import open_writer, row_schema
from vifex.values import Medium, Outcome, Sample
from vifex.values.sample_facts import FactsBuilder

SOURCE = SHARED / "data" / "tiny-imagenet-val.parquet"
BLOCK = 20_000
EVERY = 50
"""One row in so many is a copy."""
NOISE, COPY_NOISE = 0.35, 0.02
THRESHOLD = 0.95
"""Cosine. Rows of one image without a copy have about 0.89."""


def features(source: Path, count: int) -> npt.NDArray[np.float32]:
    """Compute the features of real images, `[count, 512]`."""
    column = pq.read_table(source, columns=["image"]).column("image").slice(0, count)
    images = [np.asarray(Image.open(io.BytesIO(v)).convert("RGB")) for v in column.to_pylist()]
    with vifex.load_model("vifex-small-1") as model:
        return model.encode(images, normalize=True)


def vectors(base: npt.NDArray[np.float32], number: int, count: int) -> npt.NDArray[np.float16]:
    """Make one block of rows."""
    rng = np.random.default_rng(number)
    rows = base[rng.integers(0, len(base), count)]
    rows = rows * (1 + NOISE * rng.standard_normal(rows.shape, np.float32))
    copies = np.arange(EVERY - 1, count, EVERY)
    noise = 1 + COPY_NOISE * rng.standard_normal((len(copies), rows.shape[1]), np.float32)
    rows[copies] = rows[rng.permutation(count)[: len(copies)]] * noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def make(store: Path, base: npt.NDArray[np.float32], rows: int) -> None:
    recipe = plan_view("main", "default", precision="fp32", dtype="float16").recipe
    schema = row_schema(recipe)
    facts = FactsBuilder()
    facts.add(Sample(0, 0, np.empty(0, np.uint8)))
    fact, column = facts.take().records, recipe.layers[0].column
    with open_writer(store) as writer:
        view = writer.view("main", recipe)
        for start in range(0, rows, BLOCK):
            made = vectors(base, start, min(BLOCK, rows - start))
            media = [
                Medium(f"file:///none/{n:07d}.jpg", f"{n}.jpg", "image", 1, 1)
                for n in range(start, start + len(made))
            ]
            chunk = RowChunk(np.repeat(fact, len(made)), {column: made})
            each = [MediumRows(medium, [(chunk, i, i + 1)]) for i, medium in enumerate(media)]
            outcomes = [Outcome(medium, "ok", rows=1) for medium in media]
            view.add_many(outcomes, build_rows(each, schema, recipe))


def measure(store: Path, sample: int) -> dict[str, Any]:
    """What runs in a process of its own: `copies_scale.py --measure STORE SAMPLE`."""
    from vifex.analysis.copies.find import MarkedPairs, find_groups
    from vifex.api.answers.compared_images import ComparedImages

    began_s, used_s = time.perf_counter(), time.process_time()
    steps: dict[str, float] = {}

    def step(name: str) -> None:
        steps[name] = round(time.perf_counter() - began_s - sum(steps.values()), 2)

    with vifex.open(store) as opened, peak_anonymous() as anonymous:
        images = ComparedImages(opened["main"], None, None, None)
        step("facts")
        collection = images.collection()
        step("vectors")
        images.calibrated(collection, None, 0, print)
        step("threshold")
        calibrated = images.calibrated(collection, THRESHOLD, 0, print)
        found = find_groups(collection, calibrated, MarkedPairs())
        step("pairs and groups")
        groups = list(images.groups(found, []))
        step("facts of groups")
        seconds, processor = time.perf_counter() - began_s, time.process_time() - used_s
        peak = anonymous()
        print(f"{seconds:.0f} s, {processor:.0f} s of the processor, {steps}", file=sys.stderr, flush=True)
        right, missed = recalled(collection.unit, calibrated.radius()[0], found.pairs, sample)
    return {
        "seconds": seconds,
        "processor_seconds": processor,
        "steps": steps,
        "anonymous_mib": peak,
        "rows": len(collection.unit),
        "threshold": calibrated.threshold.threshold,
        "pairs": len(found.pairs),
        "groups": len(groups),
        "exact_pairs_of_the_sample": right + missed,
        "recall": right / max(1, right + missed),
    }


def recalled(
    unit: npt.NDArray[np.float32], radius: npt.NDArray[np.float32], pairs: Pairs, sample: int
) -> tuple[int, int]:
    """Count the exact pairs of some rows that were found, and those that were not."""
    known = set((pairs.first.astype(np.int64) << 32 | pairs.second).tolist())
    some = np.random.default_rng(3).permutation(len(unit))[:sample]
    right = missed = 0
    for start in range(0, len(unit), 4096):
        part = slice(start, start + 4096)
        bar = 1 - np.maximum(radius[part, None] + radius[some], SAME)
        # float32 only leaves out what is far below.
        i, j = np.nonzero(unit[part] @ unit[some].T >= bar - 1e-4)
        rows, others = some[j], i + start
        exact = np.einsum("nd,nd->n", unit[rows].astype(np.float64), unit[others].astype(np.float64))
        near = (exact >= bar[i, j]) & (rows != others)
        for a, b in zip(rows[near].tolist(), others[near].tolist(), strict=True):
            pair = min(a, b) << 32 | max(a, b)
            right, missed = right + (pair in known), missed + (pair not in known)
    return right, missed


@contextmanager
def peak_anonymous() -> Iterator[Callable[[], float]]:
    """Watch the anonymous memory of this process, MiB; mapped files do not count."""
    peak, done, own = 0.0, threading.Event(), psutil.Process()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            status = Path(f"/proc/{own.pid}/status").read_text()
            peak = max(peak, int(status.partition("RssAnon:")[2].split()[0]) / 1024)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: peak
    finally:
        done.set()
        watcher.join()


def main() -> None:
    words = parser(__doc__, rounds=1)
    words.add_argument(
        "--rows", type=int, nargs="+", default=[200_000, 1_000_000], help="default: %(default)s"
    )
    words.add_argument("--sample", type=int, default=10_000, help="default: %(default)s")
    words.add_argument("--source", type=Path, default=SOURCE, help="default: %(default)s")
    words.add_argument("--folder", type=Path, help="where the stores are made; default: the system's")
    asked = words.parse_args()
    base = features(asked.source, 10_000)
    results: dict[str, Any] = {}
    for rows in asked.rows:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            store = Path(folder) / "made.vifex"
            began_s = time.perf_counter()
            make(store, base, rows)
            print(f"{rows} rows were made in {time.perf_counter() - began_s:.0f} s", file=sys.stderr)
            command = [sys.executable, __file__, "--measure", str(store), str(min(asked.sample, rows))]
            seen = []
            for _ in range(asked.rounds):
                seen.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
                print(seen[-1], file=sys.stderr)
        results[f"{rows}"] = seen[-1] | {
            name: spread([one[name] for one in seen]) for name in ("seconds", "processor_seconds")
        }
        results[f"{rows}"]["anonymous_mib"] = round(max(one["anonymous_mib"] for one in seen), 1)
    config = {
        "rows": asked.rows,
        "size": int(base.shape[1]),
        "threshold": THRESHOLD,
        "noise": NOISE,
        "copy_noise": COPY_NOISE,
    }
    config |= {"copies": 1 / EVERY, "sample": asked.sample, "cores": len(os.sched_getaffinity(0))}
    write("copies_scale", config=config, rounds=asked.rounds, results=results)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()
