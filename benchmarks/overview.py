"""The page of what is in a store, over stores of made-up media: time, memory and size of the page.

usage: overview.py [--media N...] [--folder FOLDER]

A store has one row of each medium. The page must not grow with the store, and memory holds 8 bytes of each
medium beside what every read takes. Each figure is of a process of its own. About 2 minutes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ledger import _draw, command, make, measured, sizes_and_folder
from record import write

SIZES = (10_000, 100_000, 1_000_000)


def main() -> None:
    asked = sizes_and_folder(__doc__, SIZES)
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="vifex-overview-", dir=asked.folder) as folder:
        photo = Path(folder) / "photo.png"
        _draw(photo)
        for media in asked.media:
            store, page = Path(folder) / f"{media}.vifex", Path(folder) / f"{media}.html"
            make(store, media, photo)
            figures = measured(command("show", store, "--html", page))
            results[str(media)] = {**figures, "page_bytes": page.stat().st_size}
            print(media, results[str(media)], flush=True)
    sizes = [results[str(media)]["page_bytes"] for media in (min(asked.media), max(asked.media))]  # type: ignore[index]
    results["page of the largest store over that of the smallest"] = round(sizes[1] / sizes[0], 3)
    write("overview", config={"media": asked.media}, rounds=1, results=results)


if __name__ == "__main__":
    main()
