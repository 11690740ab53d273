"""Seconds from the start of `vifex extract` to its first durable row: ten photographs, embedded model.

The store is watched from outside. The first row is durable when the ledger has a new version after the first
version of the rows that holds data. The file cache and the cache of compiled networks are warm. The yardstick
is a Python process that imports NumPy, Pillow, OpenVINO and Lance, which every run needs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from inputs import PHOTOS, Images, parser
from record import alternate, spread, timed, write

LEAST = "import numpy, PIL.Image, openvino, lance"
COUNT = 10
_POLL_S = 0.002
_LIMIT_S = 60.0


def versions(table: Path) -> int:
    """Count the versions of a table on disk."""
    try:
        return sum(1 for p in (table / "_versions").iterdir() if p.suffix == ".manifest")
    except FileNotFoundError:
        return 0


def first_row(photos: Path, store: Path) -> float:
    """Run the command; return seconds to the first durable row."""
    view = store / "views" / "main"
    rows, ledger = view / "rows.lance", view / "ledger.lance"
    began_s = time.perf_counter()
    command = [sys.executable, "-m", "vifex", "extract", str(photos), "-o", str(store)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        before: int | None = None
        while True:
            if before is None and versions(rows) > 1:
                before = versions(ledger)
            if before is not None and versions(ledger) > before:
                seconds = time.perf_counter() - began_s
                break
            if time.perf_counter() - began_s > _LIMIT_S or process.poll() not in (None, 0):
                raise SystemExit("no row came")
            if process.poll() == 0 and before is not None:  # the ledger's version came between two looks
                seconds = time.perf_counter() - began_s
                break
            time.sleep(_POLL_S)
        process.wait()
    return seconds


def whole(photos: Path, store: Path) -> float:
    """Return seconds of the whole command."""
    return timed([sys.executable, "-m", "vifex", "extract", str(photos), "-o", str(store)])


def main() -> None:
    rounds = parser(__doc__, rounds=11).parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        photos = Images(PHOTOS, Path(scratch)).folder(COUNT)
        stores = (Path(scratch) / f"{n}.vifex" for n in range(10_000))
        values = alternate(
            {
                "first row": lambda: first_row(photos, next(stores)),
                "whole command": lambda: whole(photos, next(stores)),
                LEAST: lambda: timed([sys.executable, "-c", LEAST]),
                "import numpy": lambda: timed([sys.executable, "-c", "import numpy"]),
            },
            rounds,
        )
    results = {name: {"seconds": spread(v)} for name, v in values.items()}
    write("first_row", config={"photographs": COUNT, "model": "default"}, rounds=rounds, results=results)


if __name__ == "__main__":
    main()
