"""The page of `vifex map` with many points in a browser without a window: until the points are drawn.

The points are synthetic: as many media as points, each with a name, an address and an identity, 50 labels and
a table's value. The page's own performance marks say when the points were drawn, and when all its names were
there; they count from the start of the navigation. A frame is a step by an arrow key. Needs Chromium. Without
a GPU the page draws by a 2D canvas; WebGL in software is measured beside it.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from inputs import parser
from record import ROOT, spread, write

sys.path.insert(0, str(ROOT / "tests" / "support"))

from browser import CHROMIUM, opened_page

from vifex.analysis.mapping.colourings import Colouring
from vifex.analysis.mapping.page import MapPage, write_map_page

READY = "document.documentElement?.dataset.state === 'ready'"
MARK = "performance.getEntriesByName('{}')[0].startTime"
FRAMES = """(async () => {
  const key = (k) => document.getElementById('map').dispatchEvent(new KeyboardEvent('keydown', {key: k}));
  const next = () => new Promise((done) => requestAnimationFrame(done));
  const begun = performance.now();
  for (let i = 0; i < 20; i++) { key(i % 2 ? 'ArrowLeft' : 'ArrowRight'); await next(); await next(); }
  return (performance.now() - begun) / 20;
})()"""
SEARCH = """(async () => {
  const input = document.getElementById('search');
  const begun = performance.now();
  input.value = 'n00000012/';
  input.dispatchEvent(new Event('input'));
  const said = document.getElementById('search-said');
  while (!said.textContent) await new Promise((done) => setTimeout(done, 5));
  return performance.now() - begun;
})()"""


def content(points: int, renderer: Literal["webgl", "canvas"]) -> MapPage:
    """Give clusters of points."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 50, points)
    places = rng.uniform(8_000, 57_000, (50, 2))[label] + rng.normal(size=(points, 2)) * 2_000
    names = [f"train/n{i % 2000:08}/n{i % 2000:08}_{i}.JPEG" for i in range(points)]
    return MapPage(
        title=f"{points:,} points",
        positions=places.clip(0, 65_535).astype(np.uint16),
        names=names,
        rows_of=np.ones(points, np.uint32),
        colourings=[
            Colouring("label", label.astype(np.uint8), tuple(f"class {n}" for n in range(50))),
            Colouring("value", rng.integers(0, 65_535, points).astype(np.uint16), None, 0, 1),
        ],
        facts={"points": f"{points:,}"},
        uris=[f"file:///data/{name}" for name in names],
        ids=[hashlib.sha256(name.encode()).hexdigest()[:32] for name in names],
        renderer=renderer,
    )


def measured(path: Path) -> dict[str, float]:
    """Open the page in a new browser."""
    with opened_page(path) as tab:
        tab.wait(READY, seconds=120)
        return {
            "drawn_s": tab.run(MARK.format("vifex-map-drawn")) / 1000,
            "ready_s": tab.run(MARK.format("vifex-map-ready")) / 1000,
            "frame_ms": tab.run(FRAMES),
            "search_ms": tab.run(SEARCH),
        }


def main() -> None:
    words = parser(__doc__, rounds=5)
    words.add_argument("--points", type=int, default=1_000_000)
    given = words.parse_args()
    if CHROMIUM is None:
        sys.exit("There is no Chromium.")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        pages = {name: Path(folder) / f"{name}.html" for name in ("canvas", "webgl")}
        for name, path in pages.items():
            write_map_page(path, content(given.points, name))  # type: ignore[arg-type]
        rounds = [{name: measured(path) for name, path in pages.items()} for _ in range(given.rounds)]
        for name, path in pages.items():
            taken = {what: spread([one[name][what] for one in rounds]) for what in rounds[0][name]}
            results[name] = {"megabytes": round(path.stat().st_size / 1e6, 1), **taken}
    write("map_page", config={"points": given.points}, rounds=given.rounds, results=results)


if __name__ == "__main__":
    main()
