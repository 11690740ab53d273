"""Two stores merged, compacted and read at a tag: time, memory, and whether every row is what it was.

usage: merging.py [--media N...] [--folder FOLDER]

Each store has N media with one row of 512 float16 each, and half of the media are in both. The media are made
up, and a row follows from the number of its medium, so that every row of the result is compared. Commits of
256 media leave many small fragments. Each figure is of a process of its own; `rss_anon_mib` is the most
anonymous memory that it had. About 3 minutes.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from ledger import command, measured, medium, sizes_and_folder
from record import write

from vifex.store import CommitRule, folder_bytes, open_store, open_writer, row_schema
from vifex.values import Layer, LayerSpec, Medium, Outcome, PixelSpec, Recipe, Sampling

SIZES = (20_000, 100_000, 400_000)
COMMIT = 256
DIMS = 512
KNOWN = np.random.default_rng(0).standard_normal((4096, DIMS)).astype(np.float16)
"""The vector of a medium is the one of its number, modulo their count."""

RECIPE = Recipe(
    model="made-up-1",
    weights_sha256="0" * 64,
    preprocess={},
    pixels=PixelSpec(8, 8),
    sampling=Sampling(),
    layers=(LayerSpec(Layer("pooled", "vector", (DIMS,)), "none", (DIMS,), True, "float16"),),
    precision="fp32",
    engine="none",
)


def make(store: Path, first: int, count: int) -> None:
    """Make a store of the media from a number on; every eighth commit replaces media of the one before."""
    with open_writer(
        store, run=json.dumps({"command": ["made up"]}), rule=CommitRule(media=COMMIT)
    ) as writer:
        view = writer.view("main", RECIPE)
        for start in range(first, first + count, COMMIT):
            numbers = range(start, min(start + COMMIT, first + count))
            for _ in range(1 + (start // COMMIT % 8 == 7)):
                media = [medium(number) for number in numbers]
                outcomes = [replace(Outcome(m, "ok", rows=1), content_hash=m.medium_id) for m in media]
                view.add_many(outcomes, rows(media, numbers))
            view.commit()
        # As a killed run leaves it: without the maintenance at the end.
        writer._views = {}


def rows(media: list[Medium], numbers: range) -> pa.RecordBatch:
    flat = pa.array(KNOWN[np.array(numbers) % len(KNOWN)].reshape(-1))
    columns = {
        "key": [f"{m.medium_id}:0" for m in media],
        "medium_id": [m.medium_id for m in media],
        "uri": [m.uri for m in media],
        "name": [m.name for m in media],
        "ordinal": np.zeros(len(media), np.int64),
        "pooled": pa.FixedSizeListArray.from_arrays(flat, DIMS),
    }
    schema = row_schema(RECIPE)
    arrays = [
        pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(len(media), f.type)
        for f in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def compared(store: Path, count: int, at: str | None = None) -> bool:
    """Return whether a store holds each of so many media once, with its row, bit for bit."""
    seen: list[int] = []
    with open_store(store, at=at) as opened:
        for batch in opened.view().batches(["name", "pooled"]):
            numbers = [int(name[-12:-4]) for name in batch.column("name").to_pylist()]
            found = batch.column("pooled").flatten().to_numpy().reshape(-1, DIMS)
            if not np.array_equal(found, KNOWN[np.array(numbers) % len(KNOWN)]):
                return False
            seen += numbers
    return sorted(seen) == list(range(count))


def figures(folder: Path, media: int) -> dict[str, object]:
    a, b = folder / "a.vifex", folder / "b.vifex"
    make(a, 0, media)
    make(b, media // 2, media)
    print(f"{media:,} media: made", file=sys.stderr, flush=True)
    found: dict[str, object] = {"size_mib": round(folder_bytes(b) / 2**20, 1)}
    jobs = {
        "merge": command("merge", a, b),
        "merge_again": command("merge", a, b),
        "tag": command("tag", a, "merged"),
        "compact": command("compact", a),
        "check": command("check", a),
    }
    for name, words in jobs.items():
        if name == "compact":
            found["fragments"] = fragments(a)
            found["merged_mib"] = round(folder_bytes(a) / 2**20, 1)
        found[name] = measured(words)
        print(f"  {name}: {json.dumps(found[name])}", file=sys.stderr, flush=True)
    total = media // 2 + media
    found["equals_one_extraction"] = compared(a, total)
    found["fragments_compacted"] = fragments(a)
    measured(command("prune", a))
    found["tag_holds_all_rows"] = compared(a, total, "merged")
    measured(command("tag", a, "merged", "--remove"))
    measured(command("compact", a))
    found["emptied_mib"] = round(folder_bytes(a) / 2**20, 1)
    for store in (a, b):
        shutil.rmtree(store)
    return found


def fragments(store: Path) -> int:
    with open_store(store) as opened:
        return len(opened.view().tables[1].fragments())


def main() -> None:
    asked = sizes_and_folder(__doc__, SIZES)
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="vifex-merging-", dir=asked.folder) as folder:
        for media in asked.media:
            results[str(media)] = figures(Path(folder), media)
    write(
        "merging",
        config={"media": asked.media, "commit_media": COMMIT, "dims": DIMS},
        rounds=1,
        results=results,
    )


if __name__ == "__main__":
    main()
