"""Approximate search in 1,000,000 clustered rows of 512 numbers, beside FAISS's IVF and Voyager's HNSW.

The rows are features of real images, multiplied: each is a feature of an image of Tiny ImageNet by the
embedded network with noise of its own. Queries are further such rows, which are not in the store. Half of
them choose the parameters of the peers; all figures are of the other half. Vifex chooses its parameters by
itself, from rows of the store. Each contender runs in a process of its own. Recall is of ten hits.

1,000,000 rows need 6 GB of memory, 5 GB of disk and about half an hour, most of it for HNSW.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from inputs import SHARED, parser, seconds_of_video
from peers.environment import CannotInstallError, cache_folder, python_of
from peers.index_rows import CHUNK, QUERIES, chunk, queries
from record import spread, write

import vifex
from vifex.extraction.pipeline.rows import MediumRows, RowChunk, build_rows
from vifex.extraction.planning.view_plan import plan_view
from vifex.search.approximate.nearest import search_by_index
from vifex.search.exact import Searcher
from vifex.store import open_store, open_writer, row_schema
from vifex.values import Medium, Outcome

K, RECALLS, TIMED = 10, (0.9, 0.95, 0.99), 100
IMAGES = SHARED / "data" / "tiny-imagenet-val.parquet"
CORES = len(os.sched_getaffinity(0))


def features(count: int) -> Path:
    """Give the features of some real images, extracted once."""
    path = cache_folder() / f"tiny-imagenet-{count}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            images = Path(folder, "images")
            images.mkdir()
            table = pq.read_table(IMAGES, columns=["name", "image"]).slice(0, count)
            for number, data in enumerate(table.column("image").to_pylist()):
                (images / f"{number:06d}.jpg").write_bytes(data)
            vifex.extract(images, Path(folder, "s.vifex"))
            with vifex.open(Path(folder, "s.vifex")) as store:
                np.save(path, store.to_numpy().astype(np.float32))
    return path


def make(store: Path, rows: int, real: Path, noise: float) -> None:
    recipe = plan_view("main", "default", precision="fp32").recipe
    schema, facts = row_schema(recipe), seconds_of_video(CHUNK)
    base = np.load(real)
    with open_writer(store) as writer:
        view = writer.view("main", recipe)
        for number in range(rows // CHUNK):
            medium = Medium(f"file:///none/{number:06d}.mp4", f"{number}.mp4", "video", 1, 1)
            part = {"embedding": chunk(base, number, noise)}
            batch = build_rows([MediumRows(medium, [(RowChunk(facts, part), 0, CHUNK)])], schema, recipe)
            view.add(Outcome(medium, "ok", rows=CHUNK), batch)


def ours(store: Path, asked: Path, truth: Path) -> dict[str, Any]:
    """What runs in a process of its own: `index.py --ours STORE QUERIES TRUTH`."""
    vectors = np.load(asked)
    began_s = time.perf_counter()
    made = vifex.index(store, recall=0.95)
    result: dict[str, Any] = {"made_s": time.perf_counter() - began_s, "bytes": made.size_bytes}
    with open_store(store) as opened:
        view = opened.view("main")
        searcher = Searcher(view)
        exact = [searcher.nearest(v, k=K) for v in vectors[:3]]
        seconds = [timed(lambda v=v: searcher.nearest(v, k=K)) for v in vectors[:20]]
        exact = searcher.nearest_many(vectors, k=K)
        true = np.array([[m.place for m in hits] for hits in exact])
        np.save(truth, true)
        result["exact_s"] = seconds
        index = view.indices()["embedding"]
        for recall in RECALLS:
            setting = made.facts.setting_for(K, recall)
            if setting is None:
                continue
            for vector in vectors[:50]:
                search_by_index(view, index, setting, vector[None], k=K)
            seconds, shares = [], []
            for vector, near in zip(vectors[QUERIES:], true[QUERIES:], strict=True):
                began_s = time.perf_counter()
                [hits] = search_by_index(view, index, setting, vector[None], k=K)
                seconds.append(time.perf_counter() - began_s)
                shares.append(len({m.place for m in hits} & set(near.tolist())) / K)
            result[str(recall)] = {
                "recall": float(np.mean(shares)),
                "promised": setting.measured,
                "probes": setting.probes,
                "candidates": setting.candidates,
                "seconds": seconds,
            }
    return result


def timed(call: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    call()
    return time.perf_counter() - began_s


def run(command: Sequence[str | Path]) -> dict[str, Any]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def shown(told: dict[str, Any]) -> dict[str, Any]:
    """Turn lists of seconds into their spread, in milliseconds."""
    table: dict[str, Any] = {"made_s": round(told["made_s"], 1), "bytes": told.get("bytes")}
    if "exact_s" in told:
        table["exact_ms"] = spread([1000 * s for s in told["exact_s"]])
    for recall in map(str, RECALLS):
        if recall in told:
            one = told[recall]
            table[recall] = {n: v for n, v in one.items() if n != "seconds"}
            table[recall]["ms"] = spread([1000 * s for s in one["seconds"]])
    return table


def main() -> None:
    words = parser(__doc__, rounds=1)
    words.add_argument("--rows", type=int, default=1_000_000, help="default: %(default)s")
    words.add_argument("--features", type=int, default=10_000, help="real images; default: %(default)s")
    words.add_argument(
        "--noise", type=float, default=0.5, help="of a row over its length; default: %(default)s"
    )
    words.add_argument("--peers", nargs="*", default=["faiss", "voyager"], help="default: %(default)s")
    asked = words.parse_args()
    real = features(asked.features)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        store, questions, truth = (Path(folder) / n for n in ("s.vifex", "q.npy", "t.npy"))
        make(store, asked.rows, real, asked.noise)
        np.save(questions, queries(np.load(real), asked.noise))
        mine = shown(run([sys.executable, __file__, "--ours", store, questions, truth]))
        results["vifex"] = mine
        for recall in RECALLS:
            if str(recall) in mine:
                ratio = mine[str(recall)]["ms"]["median"] / mine["exact_ms"]["median"]
                mine[str(recall)]["over_exact"] = round(ratio, 4)
        for peer in asked.peers:
            script = Path(__file__).parent / "peers" / f"index_{peer}.py"
            try:
                told = run(
                    [
                        python_of(peer),
                        script,
                        real,
                        str(asked.rows),
                        str(asked.noise),
                        questions,
                        truth,
                        str(CORES),
                    ]
                )
                results[peer] = shown(told)
            except CannotInstallError as exc:
                results[peer] = {"missing": str(exc)}
    config = {
        "rows": asked.rows,
        "dimensions": 512,
        "k": K,
        "features": asked.features,
        "noise": asked.noise,
        "test_queries": QUERIES,
    }
    name = "index" if asked.rows == 1_000_000 else f"index.{asked.rows}"
    write(name, config=config, rounds=asked.rounds, results=results)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        print(json.dumps(ours(*map(Path, sys.argv[2:5]))))
    else:
        main()
