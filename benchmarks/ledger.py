"""Views of 100,000, 1,000,000 and 5,000,000 media: time and memory of what looks at the ledger.

The store has one row for each medium, with the vectors of the embedded model. Its media are made up and are
not on disk. Each figure is of a process of its own. `rss_anon_mib` is the most anonymous memory that it had
(RssAnon, looked at every 10 ms): memory that the system cannot take back as it can the cache of files.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from record import write

import vifex
from vifex.store import StoreWriter, open_writer
from vifex.store.files.sums import LEDGER
from vifex.store.ledger.sealing import Seal, seal
from vifex.store.schema import LEDGER_SCHEMA, maintenance_entry, media_entries, row_schema
from vifex.values import Medium, Outcome
from vifex.values.models import LayerSpec

SIZES = (100_000, 1_000_000, 5_000_000)
COMMIT = 2_048
ROWS = 16_384
FAILED_EVERY = 1_000
LOOKUPS = 100_000


def medium(number: int) -> Medium:
    """Return a medium as a folder of photographs gives it."""
    name = f"photographs/{number // 1000:05d}/IMG_{number:08d}.jpg"
    return Medium(f"file:///data/{name}", name, "image", 100_000 + number % 50_000, 1_700_000_000_000_000_000)


def make(store: Path, media: int, photo: Path) -> None:
    """Make a view of made-up media beside the one of `photo`, whose recipe it has."""
    vifex.extract(photo, store, precision="fp32", layers=["embedding"], dtype="float16")
    with open_writer(store, run=json.dumps({"command": ["made up"]})) as writer:
        view = writer.stored_view("main")
        tables = view._tables
        rows, ledger = tables.rows, tables.ledger
        new = rows.write(
            _rows(view.recipe.layers[0], row_schema(view.recipe), media), row_schema(view.recipe)
        )
        rows.sync_data(new)
        rows.commit("rows.manifest", new)
        entries = _Entries(tables.seal, rows.table.version, view.recipe.hash, media)
        fragments = ledger.write(entries.batches(), LEDGER_SCHEMA)
        ledger.sync_data(fragments)
        ledger.commit("ledger.manifest", fragments)
        # The commit after it names the checksums of all files.
        files = rows.take_sums() | {LEDGER: ledger.sum_of_data()}
        end = maintenance_entry("made up", view.recipe.hash)
        batch, tables.seal = seal(end, entries.last, rows.table.version, files)
        fragments = ledger.write([batch], LEDGER_SCHEMA)
        ledger.sync_data(fragments)
        ledger.commit("ledger.manifest", fragments)
        _leave(writer)


def _leave(writer: StoreWriter) -> None:
    """Close without maintenance, as a killed run does."""
    writer._views = {}


def _rows(spec: LayerSpec, schema: pa.Schema, media: int) -> Iterator[pa.RecordBatch]:
    # One block of vectors in another order each time: to draw as many as there are media takes longer.
    chance = np.random.default_rng(0)
    known = chance.standard_normal((ROWS, spec.size), np.float32)
    known = (known / np.linalg.norm(known, axis=1, keepdims=True)).astype(spec.dtype)
    began_s = time.perf_counter()
    for start in range(0, media, ROWS):
        _say_how_far("rows", start, media, began_s)
        made = [medium(n) for n in range(start, min(start + ROWS, media)) if n % FAILED_EVERY]
        count = len(made)
        flat = pa.array(known[chance.permutation(ROWS)[:count]].reshape(-1))
        columns = {
            "key": pa.array([f"{m.medium_id}:0" for m in made]),
            "medium_id": pa.array([m.medium_id for m in made]),
            "uri": pa.array([m.uri for m in made]),
            "name": pa.array([m.name for m in made]),
            "ordinal": pa.array(np.zeros(count, np.int64)),
            spec.column: pa.FixedSizeListArray.from_arrays(flat, spec.size),
        }
        yield pa.RecordBatch.from_arrays(
            [columns[f.name] if f.name in columns else pa.nulls(count, f.type) for f in schema], schema=schema
        )


def _say_how_far(what: str, done: int, media: int, began_s: float) -> None:
    """Print progress, at about every twentieth of a store."""
    step = media // 20 or 1
    if done and done // step > (done - (ROWS if what == "rows" else COMMIT)) // step:
        seconds = time.perf_counter() - began_s
        print(f"  {done:,} of {media:,} {what} after {seconds:.0f} s", file=sys.stderr, flush=True)


class _Entries:
    """Entries of made-up media, sealed commit by commit."""

    def __init__(self, before: Seal, rows_version: int, recipe_hash: str, media: int) -> None:
        self.last = before
        self._rows_version, self._recipe_hash, self._media = rows_version, recipe_hash, media

    def batches(self) -> Iterator[pa.RecordBatch]:
        began_s = time.perf_counter()
        for start in range(0, self._media, COMMIT):
            _say_how_far("entries", start, self._media, began_s)
            outcomes = [_outcome(n) for n in range(start, min(start + COMMIT, self._media))]
            entries = media_entries(outcomes, self._recipe_hash)
            batch, self.last = seal(entries, self.last, self._rows_version, run=1)
            yield batch


def _outcome(number: int) -> Outcome:
    what = medium(number)
    if number % FAILED_EVERY == 0:
        return Outcome(what, "failed", "It cannot be read: it is made up.", content_hash=what.medium_id)
    return Outcome(what, "ok", rows=1, wall_s=0.004, content_hash=what.medium_id)


# -- what is measured, each in a process of its own -----------------------------------------------------


def index(store: Path, media: int) -> dict[str, float]:
    """Open the view for writing, as a resume does, and ask for media as it does."""
    began_s = time.perf_counter()
    with open_writer(store) as writer:
        view = writer.stored_view("main")
        finished, recipe_hash = view.finished(), view.recipe.hash
        ready_s = time.perf_counter() - began_s
        asked = [medium(n) for n in np.random.default_rng(1).integers(0, media, LOOKUPS).tolist()]
        began_s = time.process_time()
        known = sum(finished.status_of(what, recipe_hash) is not None for what in asked)
        lookup_s = time.process_time() - began_s
        assert known == LOOKUPS, "every medium is known"
        bytes_per_medium = finished.nbytes / (media + 1)
        _leave(writer)
    return {
        "ready_s": round(ready_s, 2),
        "lookup_us": round(lookup_s / LOOKUPS * 1e6, 2),
        "bytes_per_medium": round(bytes_per_medium, 1),
    }


def filtered(store: Path, media: int) -> dict[str, float]:
    """Read the entries of the failed media."""
    began_s = time.perf_counter()
    with vifex.open(store) as opened:
        found = opened.ledger(where="status = 'failed'")
    assert found.num_rows == -(-media // FAILED_EVERY), "every failed medium is there"
    return {"seconds": round(time.perf_counter() - began_s, 2)}


def deleted(store: Path, media: int) -> dict[str, float]:
    """Delete 2,048 media, and as many again: only the first time are the names of all rows read."""
    seconds = []
    with open_writer(store) as writer:
        view = writer.stored_view("main")
        numbers = np.random.default_rng(3).choice(media, min(2 * COMMIT, media) // 2 * 2, replace=False)
        for part in numbers.reshape(2, -1).tolist():
            began_s = time.perf_counter()
            assert view.delete(medium(number).medium_id for number in part) == len(part), "all were known"
            seconds.append(round(time.perf_counter() - began_s, 2))
        _leave(writer)
    return {"ready_s": sum(seconds), "first_s": seconds[0], "next_s": seconds[1]}


def sizes_and_folder(about: str | None, sizes: Sequence[int]) -> argparse.Namespace:
    """Read the command line of a benchmark over stores of several sizes: `media` and `folder`."""
    words = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument(
        "--media", type=int, nargs="+", default=list(sizes), help="sizes (default: %(default)s)"
    )
    words.add_argument("--folder", type=Path, help="where the stores are made (default: a temporary folder)")
    words.add_argument("--rounds", type=int, default=1, help="kept for the sake of run.py")
    return words.parse_args()


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "vifex", *map(str, words)]


def measured(words: list[str]) -> dict[str, float]:
    """Run a process to its end; its time, its memory, and what it prints as the last line if that is JSON."""
    began_s, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        most, status = 0, Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            lines = status.read_text().splitlines() if status.exists() else []
            most = max([most, *(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))])
            time.sleep(0.01)
        assert process.stdout is not None
        said = process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"{words} ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    seconds = round(time.perf_counter() - began_s, 2)
    figures = {"seconds": seconds, "cpu_s": round(cpu_s, 2), "rss_anon_mib": round(most / 1024, 1)}
    last = said.strip().splitlines()[-1:]
    return {**figures, **(json.loads(last[0]) if last and last[0].startswith('{"ready') else {})}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument(
        "--media", type=int, nargs="+", default=list(SIZES), help="sizes (default: %(default)s)"
    )
    words.add_argument("--folder", type=Path, help="where the stores are made (default: a temporary folder)")
    words.add_argument("--do", choices=["index", "filtered", "deleted"], help=argparse.SUPPRESS)
    words.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    words.add_argument("--rounds", type=int, default=1, help="kept for the sake of run.py")
    asked = words.parse_args()
    if asked.do:
        job = {"index": index, "filtered": filtered, "deleted": deleted}[asked.do]
        print(json.dumps(job(asked.store, asked.media[0])))
        return
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="vifex-ledger-", dir=asked.folder) as folder:
        photo = Path(folder) / "photo.png"
        _draw(photo)
        for media in asked.media:
            store = Path(folder) / f"{media}.vifex"
            began_s = time.perf_counter()
            make(store, media, photo)
            seconds = time.perf_counter() - began_s
            print(f"{media:,} media: made in {seconds:.0f} s", file=sys.stderr, flush=True)
            results[str(media)] = _figures(store, media, photo)
            print(media, json.dumps(results[str(media)]), flush=True)
            shutil.rmtree(store)
            # After each size: what was measured stays, whatever comes of the next one.
            config = {"media": [*map(int, results)], "commit_media": COMMIT, "failed_every": FAILED_EVERY}
            write("ledger", config=config, rounds=1, results=results)


def _figures(store: Path, media: int, photo: Path) -> dict[str, dict[str, float]]:
    size = sum(p.stat().st_size for p in (store / "views/main/ledger.lance").rglob("*") if p.is_file())
    myself = [sys.executable, __file__, "--store", str(store), "--media", str(media), "--do"]
    jobs = {
        "index": [*myself, "index"],
        "show": command("show", store),
        "search": command("search", store, photo),
        "filtered": [*myself, "filtered"],
        "check": command("check", store),
        "deleted": [*myself, "deleted"],
    }
    figures: dict[str, dict[str, float]] = {"ledger": {"bytes_per_medium": round(size / media, 1)}}
    for name, words in jobs.items():
        figures[name] = measured(words)
        print(f"  {name}: {json.dumps(figures[name])}", file=sys.stderr, flush=True)
    return figures


def _draw(photo: Path) -> None:
    from PIL import Image

    noise = np.random.default_rng(2).integers(0, 255, (240, 320, 3), np.uint8)
    Image.fromarray(noise).save(photo)


if __name__ == "__main__":
    main()
