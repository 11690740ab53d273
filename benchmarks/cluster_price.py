"""What `--on ray` costs on one machine: the same command with and without, one shard, the same cores.

usage: cluster_price.py [--images N] [--rounds N] [--cores N]

The cluster is there before the command, as clusters are. The rate is that from the first decode to the last
commit; start-up stands beside as `startup_s`. Contenders alternate. Takes about eight minutes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from clusters import cluster
from inputs import PHOTOS, Images, parser
from record import alternate, spread, write
from vifex_run import VifexRun

ALONE, ON_RAY = "one process", "--on ray, one shard"


def main() -> None:
    words = parser(__doc__, rounds=7)
    words.add_argument("--images", type=int, default=12_000, help="default: %(default)s")
    words.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="default: all")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch, cluster(1, asked.cores) as made:
        os.environ["RAY_ADDRESS"] = made.address
        work = Path(scratch)
        folder = Images(PHOTOS, work).folder
        shares: list[str | Path] = ["--cores", str(asked.cores), "--workers", str(asked.cores), "-q"]
        runs = {
            ALONE: VifexRun(shares, folder=folder, work=work),
            ON_RAY: VifexRun([*shares, "--on", "ray", "--shards", "1"], folder=folder, work=work),
        }

        def rate(name: str) -> float:
            told = runs[name].run(asked.images)
            print(name, round(told.count / told.seconds, 1), flush=True)
            return told.count / told.seconds

        rates = alternate({name: lambda n=name: rate(n) for name in runs}, asked.rounds)  # type: ignore[misc]
    medians = {name: spread(values)["median"] for name, values in rates.items()}
    results: dict[str, Any] = {
        "images_per_s": {name: spread(values) for name, values in rates.items()},
        "startup_s": {name: spread(run.startup_s) for name, run in runs.items()},
        "on_ray_over_one_process": round(medians[ON_RAY] / medians[ALONE], 3),
    }
    config = {"images": asked.images, "cores": asked.cores}
    write("cluster_price", config=config, rounds=asked.rounds, results=results)


if __name__ == "__main__":
    main()
