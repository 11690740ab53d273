"""Memory of exports and imports: a store of 5 GiB of random vectors in each format, and back into a store.

    PYTHONPATH=benchmarks python benchmarks/export_memory.py --folder /big/disk

`rss_anon_mib` is the peak of the command's own memory (RssAnon, looked at every 10 ms), which the system
cannot take back as it can the cache of files; it is to stay within 600 MB. The vectors are float32, 16 rows
for each medium, with times, labels and addresses. CSV and JSONL are exported from as many rows as give a file
of that size. An import reads the file that was exported and writes a store of its own. At most three times
the size is on the disk at once; about half an hour on two cores.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from ledger import command, measured
from record import write

from vifex.store import open_writer, row_schema
from vifex.values import NO_PIXELS, Layer, LayerSpec, Medium, Outcome, Recipe, Sampling

SIZE = 1024
EACH = 16
"""Rows of a medium."""
BATCH = 128
"""Media of a batch."""
SUFFIXES = {
    "npy": ".npy",
    "npz": ".npz",
    "parquet": ".parquet",
    "safetensors": ".safetensors",
    "hdf5": ".h5",
    "huggingface": "",
    "lance": ".lance",
    "each": "",
    "csv": ".csv",
    "jsonl": ".jsonl",
}
TEXTS = {"csv": 0.36, "jsonl": 0.33}
"""The share of the rows that gives a file of the same size."""


def make(store: Path, rows: int) -> None:
    """Write a store of random vectors through the store's own writer."""
    layer = LayerSpec(Layer("head", "vector", (SIZE,)), "none", (SIZE,), normalized=False, dtype="float32")
    recipe = Recipe(
        model="random-1",
        weights_sha256="0" * 64,
        preprocess={},
        pixels=NO_PIXELS,
        sampling=Sampling(),
        layers=(layer,),
        precision="fp32",
        engine="numpy",
    )
    schema, rng = row_schema(recipe), np.random.default_rng(5)
    with open_writer(store) as writer:
        view = writer.view("main", recipe)
        for first in range(0, rows // EACH, BATCH):
            count = min(BATCH, rows // EACH - first)
            media = [
                Medium(f"file:///videos/{n:07d}.mp4", f"{n:07d}.mp4", "video", 1, 1, f"class {n % 50}")
                for n in range(first, first + count)
            ]
            view.add_many([Outcome(m, "ok", rows=EACH) for m in media], _batch(media, schema, rng))


def _batch(media: list[Medium], schema: pa.Schema, rng: np.random.Generator) -> pa.RecordBatch:
    owners = [medium for medium in media for _ in range(EACH)]
    ordinals = list(range(EACH)) * len(media)
    vectors = rng.standard_normal(len(owners) * SIZE, np.float32)
    columns = {
        "key": [f"{m.medium_id}:{n}" for m, n in zip(owners, ordinals, strict=True)],
        "medium_id": [m.medium_id for m in owners],
        "uri": [m.uri for m in owners],
        "name": [m.name for m in owners],
        "label": [m.label for m in owners],
        "ordinal": ordinals,
        "t_s": [n / 2 for n in ordinals],
    }
    arrays = [
        pa.FixedSizeListArray.from_arrays(pa.array(vectors), SIZE)
        if field.name == "head"
        else pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(len(owners), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def size_of(path: Path) -> int:
    """Bytes of a file or a folder."""
    return sum(p.stat().st_size for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file())


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def figures(store: Path, work: Path, form: str, rows: int, *, back: bool) -> dict[str, dict[str, float]]:
    """Export in one format, import it again, and measure both."""
    target, again = work / f"x{SUFFIXES[form]}", work / "again.vifex"
    words: list[object] = ["--each", "medium"] if form == "each" else ["--to", form]
    if form in TEXTS:
        media = int(rows / EACH * TEXTS[form])
        words += ["--where", f"name < '{media:07d}.mp4'"]
    found = {"export": measured(command("export", store, "-o", target, *words))}
    found["export"]["file_gib"] = round(size_of(target) / (1 << 30), 2)
    if back:
        found["import"] = measured(command("import", target, "-o", again, "-q"))
        remove(again)
    remove(target)
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--gib", type=float, default=5, help="of vectors (default: %(default)s)")
    words.add_argument("--folder", type=Path, help="where all is made (default: a temporary folder)")
    words.add_argument("--store", type=Path, help="a store that an earlier run has made with the same --gib")
    words.add_argument("--formats", nargs="+", default=list(SUFFIXES), choices=list(SUFFIXES))
    words.add_argument("--no-imports", action="store_true", help="only export")
    words.add_argument("--rounds", type=int, default=1, help="kept for the sake of run.py")
    asked = words.parse_args()
    rows = int(asked.gib * (1 << 30) / 4 / SIZE / EACH) * EACH
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="vifex-exports-", dir=asked.folder) as folder:
        store, work = asked.store or Path(folder) / "s.vifex", Path(folder)
        if asked.store is None:
            began_s = time.perf_counter()
            make(store, rows)
            print(f"{rows:,} rows made in {time.perf_counter() - began_s:.0f} s", file=sys.stderr, flush=True)
        for form in asked.formats:
            results[form] = figures(store, work, form, rows, back=not asked.no_imports)
            print(form, results[form], file=sys.stderr, flush=True)
            # After each format: what was measured stays, whatever comes of the next one.
            config = {"vectors_gib": asked.gib, "rows": rows, "size": SIZE, "rows_per_medium": EACH}
            write("export_memory", config=config, rounds=1, results=results)


if __name__ == "__main__":
    main()
