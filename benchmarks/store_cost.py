"""What the store costs: features, ledger and fsync as a share of the run.

usage: store_cost.py [--network NAME] [--photos FOLDER] [--rounds N] [--seconds S]

Two measures from outside, alternating. `inside`: wall seconds that the commit thread spends in laying out
rows and in the store's calls (writing, syncing, committing), over the time from the first decode to the last
commit; all else goes on meanwhile, so it is the most that the store can cost. `difference`: the same run with
nothing handed to the commit_thread, against the real one, round by round.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inputs import PHOTOS, Images, network, parser
from record import spread, write

import vifex
from vifex.extraction.pipeline.view_sink import ViewSink
from vifex.store import StoreWriter, ViewWriter

FEWEST = 64


class Stopwatch:
    """Wall and processor seconds inside some methods; a call inside a call counts once."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0
        self._deep = False

    def watch(self, owner: type, name: str) -> None:
        """Time a method from now on."""
        method = getattr(owner, name)

        @functools.wraps(method)
        def timed(*args: Any, **options: Any) -> Any:
            if self._deep:
                return method(*args, **options)
            self._deep, wall_s, cpu_s = True, time.perf_counter(), time.thread_time()
            try:
                return method(*args, **options)
            finally:
                self.wall_s += time.perf_counter() - wall_s
                self.cpu_s += time.thread_time() - cpu_s
                self._deep = False

        setattr(owner, name, timed)


def keep_nothing() -> None:
    """Replace what hands rows to the store by what drops them."""
    for name in ("settle", "settle_spilled", "spill", "discard", "tick", "commit"):
        setattr(ViewSink, name, lambda *_: None)


def child(kind: str, folder: str, store: str, model: str) -> dict[str, float]:
    """Run in a process of its own: an extraction, watched."""
    inside, closing = Stopwatch(), Stopwatch()
    if kind == "without":
        keep_nothing()
    for name in ("_keep", "_keep_spilled", "_keep_some", "_drop"):
        inside.watch(ViewSink, name)
    for name in ("tick", "commit"):
        inside.watch(ViewWriter, name)
    closing.watch(StoreWriter, "close")
    report = vifex.extract([folder], store, model=model)
    return {
        "count": report.ok,
        "busy_s": report.busy_s,
        "inside_s": inside.wall_s,
        "inside_cpu_s": inside.cpu_s,
        "closing_s": closing.wall_s,
    }


def run(kind: str, folder: Path, model: str, work: Path) -> dict[str, float]:
    store = work / "cost.vifex"
    shutil.rmtree(store, ignore_errors=True)
    command = [sys.executable, __file__, "--child", kind, folder, store, model]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    words = parser(__doc__, rounds=8, seconds=60.0)
    words.add_argument("--network", default="resnet50", help="as in jpegs.py, or `default`")
    words.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of JPEGs")
    asked = words.parse_args()
    model = "default" if asked.network == "default" else str(network(asked.network))
    seen: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        images = Images(asked.photos, work)
        count = FEWEST
        for part in (0.1, 1.05):
            told = run("with", images.folder(count), model, work)
            count = max(FEWEST, int(part * asked.seconds * count / told["busy_s"]))

        for number in range(asked.rounds):
            # Each comes first as often as the other: a machine that grows slower must not look like a cost.
            for kind in seen if number % 2 == 0 else reversed(seen):
                seen[kind].append(run(kind, images.folder(count), model, work))
    stored = seen["with"]
    seconds = {f"{kind}_store": [r["busy_s"] for r in runs] for kind, runs in seen.items()}
    differences = [1 - without_s / with_s for with_s, without_s in zip(*seconds.values(), strict=True)]
    write(
        f"store_cost.{asked.network}",
        config={"images": count, "different_photographs": images.originals},
        rounds=asked.rounds,
        results={
            "seconds": {name: spread(values) for name, values in seconds.items()},
            "inside_share": spread([r["inside_s"] / r["busy_s"] for r in stored]),
            "inside_cpu_share": spread([r["inside_cpu_s"] / r["busy_s"] for r in stored]),
            "difference_share": spread(differences)["median"],
            "difference_of_rounds": spread(differences),
            "closing_seconds": spread([r["closing_s"] for r in stored]),
        },
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(*sys.argv[2:6])))
    else:
        main()
