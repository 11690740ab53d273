"""Exact search in float16 rows of 512 numbers: 4,000,000 against FAISS's float16 index, and 10,000,000 alone.

Warm is a `Searcher` that is asked again and again; FAISS holds its index in memory. Each runs in a process of
its own, in turn. Alone is `nearest` without a `Searcher`, as `vifex search` calls it, over files in the file
cache; `anonymous_mib` is the peak of its `RssAnon`. `one_processor` is the processor time of one query, which
other work on the machine changes less than the seconds on the wall. 4,000,000 rows need 8 GB of memory and
4 GB of disk, 10,000,000 need 11 GB of each.
"""

from __future__ import annotations

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
from inputs import parser, seconds_of_video
from peers.environment import python_of
from peers.faiss_halves import CHUNK, DIMENSIONS, chunk
from record import spread, write

from vifex.extraction.pipeline.rows import MediumRows, RowChunk, build_rows
from vifex.extraction.planning.view_plan import plan_view
from vifex.search.exact import Searcher, nearest, nearest_many
from vifex.store import open_store, open_writer, row_schema
from vifex.values import Medium, Outcome

MANY, FEW, K = 100, 12, 10
CORES = len(os.sched_getaffinity(0))


def make(store: Path, rows: int) -> None:
    recipe = plan_view("main", "default", precision="fp32", dtype="float16").recipe
    schema = row_schema(recipe)
    facts = seconds_of_video(CHUNK)
    with open_writer(store) as writer:
        view = writer.view("main", recipe)
        for number in range(rows // CHUNK):
            medium = Medium(f"file:///none/{number:06d}.mp4", f"{number}.mp4", "video", 1, 1)
            part = {"embedding": chunk(number).astype(np.float16)}
            batch = build_rows([MediumRows(medium, [(RowChunk(facts, part), 0, CHUNK)])], schema, recipe)
            view.add(Outcome(medium, "ok", rows=CHUNK), batch)


def ours(store: Path, queries: Path) -> dict[str, Any]:
    """What runs in a process of its own: `search_halves.py --ours STORE QUERIES`."""
    asked = np.load(queries)
    with open_store(store) as opened, peak_anonymous() as anonymous:
        view = opened.view("main")
        began_s = time.perf_counter()
        searcher = Searcher(view, "embedding")
        ready_s = time.perf_counter() - began_s
        one = [timed(lambda q=q: searcher.nearest(q, k=K)) for q in asked[:FEW]]
        many = min(timed(lambda: searcher.nearest_many(asked, k=K))[0] for _ in range(2))
    return {
        "ready": ready_s,
        "one": [s for s, _ in one[2:]],
        "one_processor": [s for _, s in one[2:]],
        "many": many,
        "anonymous_mib": anonymous(),
    }


def alone(store: Path, queries: Path) -> dict[str, Any]:
    """What runs in a process of its own: `search_halves.py --alone STORE QUERIES`."""
    asked = np.load(queries)
    with open_store(store) as opened, peak_anonymous() as anonymous:
        view = opened.view("main")
        one = [timed(lambda q=q: nearest(view, q, column="embedding", k=K)) for q in asked[:5]]
        many = timed(lambda: nearest_many(view, asked, column="embedding", k=K))[0]
    return {
        "one": [s for s, _ in one[1:]],
        "one_processor": [s for _, s in one[1:]],
        "many": many,
        "anonymous_mib": anonymous(),
    }


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds on the wall and of the processor."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


@contextmanager
def peak_anonymous() -> Iterator[Callable[[], float]]:
    """Watch the anonymous memory of this process, MiB; mapped files do not count."""
    peak, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            status = Path("/proc/self/status").read_text()
            peak = max(peak, int(status.partition("RssAnon:")[2].split()[0]) / 1024)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: peak
    finally:
        done.set()
        watcher.join()


def run(*command: object) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        subprocess.run([str(w) for w in command], check=True, capture_output=True).stdout
    )
    return told


def summed(seen: list[dict[str, Any]]) -> dict[str, Any]:
    """Spreads over all rounds."""
    every = {kind: [s for told in seen for s in told[kind]] for kind in ("one", "one_processor")}
    results: dict[str, Any] = {kind: {"seconds": spread(values)} for kind, values in every.items()}
    results["many"] = {"seconds": spread([told["many"] for told in seen])}
    if "anonymous_mib" in seen[0]:
        results["anonymous_mib"] = round(max(told["anonymous_mib"] for told in seen), 1)
    if "ready" in seen[0]:
        results["ready"] = {"seconds": spread([told["ready"] for told in seen])}
    return results


def ratio(over: dict[str, Any], under: dict[str, Any], kind: str = "one") -> float:
    return round(float(over["seconds"]["median"] / under["seconds"]["median"]), 3)


def main() -> None:
    words = parser(__doc__, rounds=3)
    words.add_argument("--rows", type=int, default=4_000_000, help="against FAISS; default: %(default)s")
    words.add_argument("--alone", type=int, default=10_000_000, help="alone; default: %(default)s")
    words.add_argument("--folder", type=Path, help="where the stores are made; default: the system's")
    asked = words.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        queries = Path(folder) / "q.npy"
        numbers = np.random.default_rng(1).standard_normal((MANY, DIMENSIONS)).astype(np.float32)
        np.save(queries, numbers)
        store = Path(folder) / "compared.vifex"
        make(store, asked.rows)
        seen: dict[str, list[dict[str, Any]]] = {"vifex": [], "faiss": []}
        peer = Path(__file__).parent / "peers" / "faiss_halves.py"
        for _ in range(asked.rounds):
            seen["vifex"].append(run(sys.executable, __file__, "--ours", store, queries))
            seen["faiss"].append(run(python_of("faiss"), peer, asked.rows, queries, K, CORES))
        results = {name: summed(told) for name, told in seen.items()}
        for kind in ("one", "one_processor"):
            results[f"{kind}_over_faiss"] = ratio(results["vifex"][kind], results["faiss"][kind])
        if asked.alone != asked.rows:
            subprocess.run(["rm", "-r", store], check=True)
            store = Path(folder) / "alone.vifex"
            make(store, asked.alone)
        results["alone"] = summed(
            [run(sys.executable, __file__, "--alone", store, queries) for _ in range(asked.rounds)]
        )
        for name in ("vifex", "alone"):
            results[f"{name}_many_over_one"] = ratio(results[name]["many"], results[name]["one"])
    config = {
        "rows": asked.rows,
        "alone": asked.alone,
        "dimensions": DIMENSIONS,
        "dtype": "float16",
        "k": K,
        "many": MANY,
    }
    write("search_halves", config=config, rounds=asked.rounds, results=results)


if __name__ == "__main__":
    modes = {"--ours": ours, "--alone": alone}
    if sys.argv[1:2] and sys.argv[1] in modes:
        print(json.dumps(modes[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        main()
