"""`vifex search` from a cold start in 100,000 rows of 512 numbers: a new process each time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from inputs import parser, seconds_of_video
from record import alternate, spread, timed, write

from vifex.extraction.pipeline.rows import MediumRows, RowChunk, build_rows
from vifex.extraction.planning.view_plan import plan_view
from vifex.store import open_writer, row_schema
from vifex.values import Medium, Outcome
from vifex.values.sample_facts import Records

ROWS, DIMENSIONS, PER_MEDIUM = 100_000, 512, 500


def media() -> Iterator[tuple[Medium, Records, dict[str, np.ndarray]]]:
    rng = np.random.default_rng(0)
    for number in range(ROWS // PER_MEDIUM):
        medium = Medium(f"file:///none/{number}.mp4", f"{number}.mp4", "video", 1, 1)
        facts = seconds_of_video(PER_MEDIUM)
        vectors = rng.standard_normal((PER_MEDIUM, DIMENSIONS), dtype=np.float32)
        yield medium, facts, {"embedding": vectors}


def make_store(path: Path) -> None:
    recipe = plan_view("main", "default", precision="fp32").recipe
    schema = row_schema(recipe)
    with open_writer(path) as writer:
        view = writer.view("main", recipe)
        for medium, facts, vectors in media():
            rows = build_rows(
                [MediumRows(medium, [(RowChunk(facts, vectors), 0, len(facts))])], schema, recipe
            )
            view.add(Outcome(medium, "ok", rows=len(facts)), rows)
        view.commit()


def main() -> None:
    rounds = parser(__doc__, rounds=7).parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        store, query = Path(folder) / "many.vifex", Path(folder) / "query.npy"
        make_store(store)
        np.save(query, np.random.default_rng(1).standard_normal(DIMENSIONS).astype(np.float32))
        command = [sys.executable, "-m", "vifex", "search", str(store), str(query), "-k", "10", "--json"]
        hits = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["hits"]
        assert len(hits) == 10
        contenders = {"vector file": lambda: timed(command)}
        values = alternate(contenders, rounds)
    write(
        "search_cold",
        config={"rows": ROWS, "dimensions": DIMENSIONS, "k": 10, "process": "new", "file cache": "warm"},
        rounds=rounds,
        results={name: {"seconds": spread(v)} for name, v in values.items()},
    )


if __name__ == "__main__":
    main()
