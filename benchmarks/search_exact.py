"""Exact search in 1,000,000 rows of 512 numbers, against FAISS's flat index on the same cores.

Cold is a new process with a warm file cache: opening, reading and answering once. Warm is a `Searcher`
that holds the column, asked again and again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from inputs import parser, seconds_of_video
from peers.environment import python_of
from record import spread, write

from vifex.extraction.pipeline.rows import MediumRows, RowChunk, build_rows
from vifex.extraction.planning.view_plan import plan_view
from vifex.search.exact import Searcher
from vifex.store import open_store, open_writer, row_schema
from vifex.values import Medium, Outcome

DIMENSIONS, PER_MEDIUM, QUERIES, K = 512, 5_000, 32, 10
CORES = len(os.sched_getaffinity(0))


def make(store: Path, vectors: Path, rows: int) -> None:
    recipe = plan_view("main", "default", precision="fp32").recipe
    schema = row_schema(recipe)
    rng = np.random.default_rng(0)
    facts = seconds_of_video(PER_MEDIUM)
    out = np.lib.format.open_memmap(vectors, mode="w+", dtype=np.float32, shape=(rows, DIMENSIONS))
    with open_writer(store) as writer:
        view = writer.view("main", recipe)
        for number in range(rows // PER_MEDIUM):
            part = rng.standard_normal((PER_MEDIUM, DIMENSIONS), dtype=np.float32)
            out[number * PER_MEDIUM : (number + 1) * PER_MEDIUM] = part
            medium = Medium(f"file:///none/{number:06d}.mp4", f"{number}.mp4", "video", 1, 1)
            view.add(
                Outcome(medium, "ok", rows=PER_MEDIUM),
                build_rows(
                    [MediumRows(medium, [(RowChunk(facts, {"embedding": part}), 0, PER_MEDIUM)])],
                    schema,
                    recipe,
                ),
            )
    out.flush()


def ours(store: Path, queries: Path) -> dict[str, Any]:
    """What runs in a process of its own: `search_exact.py --ours STORE QUERIES`."""
    began_s = time.perf_counter()
    asked = np.load(queries)
    with open_store(store) as opened:
        searcher = Searcher(opened.view("main"), "embedding")
        searcher.nearest(asked[0], k=K, metric="cosine")
        cold_s = time.perf_counter() - began_s
        seconds = []
        for query in asked:
            start_s = time.perf_counter()
            searcher.nearest(query, k=K, metric="cosine")
            seconds.append(time.perf_counter() - start_s)
    return {"cold": cold_s, "one": seconds[2:]}


def main() -> None:
    words = parser(__doc__, rounds=3)
    words.add_argument("--rows", type=int, default=1_000_000, help="default: 1,000,000")
    asked = words.parse_args()
    rows, rounds = asked.rows, asked.rounds
    with tempfile.TemporaryDirectory() as folder:
        store, vectors, queries = (Path(folder) / n for n in ("s.vifex", "v.npy", "q.npy"))
        make(store, vectors, rows)
        np.save(queries, np.random.default_rng(1).standard_normal((QUERIES, DIMENSIONS)).astype(np.float32))
        peer = Path(__file__).parent / "peers" / "faiss_search.py"
        commands = {
            "vifex": [sys.executable, __file__, "--ours", store, queries],
            "faiss": [python_of("faiss"), peer, vectors, queries, str(K), str(CORES)],
        }
        seen: dict[str, dict[str, list[float]]] = {n: {"cold": [], "one": []} for n in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
                if number:
                    seen[name]["cold"].append(told["cold"])
                    seen[name]["one"] += told["one"]
    results: dict[str, Any] = {
        name: {kind: {"seconds": spread(v)} for kind, v in kinds.items()} for name, kinds in seen.items()
    }
    for kind in ("cold", "one"):
        ratio = results["vifex"][kind]["seconds"]["median"] / results["faiss"][kind]["seconds"]["median"]
        results[f"{kind}_over_faiss"] = round(ratio, 3)
    config = {"rows": rows, "dimensions": DIMENSIONS, "k": K}
    write("search_exact", config=config, rounds=rounds, results=results)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        print(json.dumps(ours(Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        main()
