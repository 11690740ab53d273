"""A store after 1,000 commits of 100 rows x 512: its size on disk, and how long opening it takes.

A reader stays open all the while and must still read its version at the end.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from inputs import parser, seconds_of_video
from record import alternate, spread, write

from vifex.extraction.pipeline.rows import MediumRows, RowChunk, build_rows
from vifex.extraction.planning.view_plan import plan_view
from vifex.store import CommitRule, open_store, open_writer, row_schema
from vifex.values import Medium, Outcome

COMMITS, ROWS, DIMENSIONS = 1_000, 100, 512


def fill(path: Path, commits: int) -> None:
    recipe = plan_view("main", "default", precision="fp32").recipe
    schema = row_schema(recipe)
    facts = seconds_of_video(ROWS)
    rng = np.random.default_rng(0)
    with open_writer(path, rule=CommitRule(media=1)) as writer:
        view = writer.view("main", recipe)
        for number in range(commits):
            medium = Medium(f"file:///none/{number}.mp4", f"{number}.mp4", "video", 1, 1)
            vectors = {"embedding": rng.standard_normal((ROWS, DIMENSIONS), dtype=np.float32)}
            rows = build_rows(
                [MediumRows(medium, [(RowChunk(facts, vectors), 0, len(facts))])], schema, recipe
            )
            view.add(Outcome(medium, "ok", rows=ROWS), rows)


def size_bytes(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def opening_s(path: Path) -> float:
    began_s = time.perf_counter()
    with open_store(path) as store:
        store.view("main").count_rows()
    return time.perf_counter() - began_s


def main() -> None:
    words = parser(__doc__, rounds=21)
    words.add_argument("--commits", type=int, default=COMMITS, help="default: %(default)s")
    asked = words.parse_args()
    commits, rounds = asked.commits, asked.rounds
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "one.vifex", Path(folder) / "many.vifex"
        fill(one, 1)
        fill(many, 1)
        with open_store(many) as early:
            view = early.view("main")
            first = view.to_numpy()
            began_s = time.perf_counter()
            fill(many, commits)
            filling_s = time.perf_counter() - began_s
            assert np.array_equal(view.to_numpy(), first), "the early reader lost its version"
        raw = commits * ROWS * DIMENSIONS * 4
        with_reader = size_bytes(many) / raw
        values = alternate({"one": lambda: opening_s(one), "many": lambda: opening_s(many)}, rounds)
    opening = {name: spread(v) for name, v in values.items()}
    write(
        "commits",
        config={"commits": commits, "rows": ROWS, "dimensions": DIMENSIONS},
        rounds=rounds,
        results={
            "size_over_raw": round(with_reader, 3),
            "seconds_per_commit": round(filling_s / commits, 4),
            "opening_seconds": opening,
            "opening_many_over_one": round(opening["many"]["median"] / opening["one"]["median"], 2),
        },
    )


if __name__ == "__main__":
    main()
