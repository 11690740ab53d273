"""The page of a map: one HTML file with its points, names, colours and thumbnails.

Numbers stand in elements that hold data, as base64, most of them gzipped. The script and the style are the
files in `page/`.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal, TextIO

import numpy as np
import numpy.typing as npt

from vifex.analysis.mapping.colourings import Colouring
from vifex.analysis.mapping.sprites import Sprites
from vifex.search.files import written_whole
from vifex.values.page_style import PAGE_STYLE
from vifex.values.pages import html_text, page_data, page_head, page_script

__all__ = ["SCRIPTS", "MapPage", "write_map_page"]

SCRIPTS: Final = (
    "data.js",
    "colours.js",
    "view.js",
    "grid.js",
    "points.js",
    "thumbnails.js",
    "panels.js",
    "app.js",
    "input.js",
    "main.js",
)
"""The script of the page, in the order in which its files are joined."""

_KINDS: Final = {"uint8": "u8", "uint16": "u16", "uint32": "u32", "int32": "i32"}

_HEAD: Final = """<header>
<h1>{title}</h1>
<p class="facts">{facts}</p>
</header>
<main>
<div id="map" tabindex="0" role="application" aria-label="{label}" aria-describedby="keys">
<canvas id="points" aria-hidden="true"></canvas>
<canvas id="overlay" aria-hidden="true"></canvas>
<div class="tools">
<button id="zoom-in" aria-label="zoom in">+</button>
<button id="zoom-out" aria-label="zoom out">&minus;</button>
<button id="zoom-reset">All</button>
<button id="lasso" aria-pressed="false">Lasso</button>
<label{no_thumbnails}><input type="checkbox" id="thumbnails-shown" checked>Images</label>
</div>
<div id="tip" hidden></div>
<p id="problem" role="alert" hidden></p>
</div>
"""

_PANELS: Final = """<aside aria-label="Points" tabindex="-1">
<section id="details" aria-label="Details of a point" hidden>
<div id="details-image"></div>
<h2 id="details-name"></h2>
<dl id="details-facts"></dl>
<p class="line"><a id="details-link" href="#">Open the file</a><button id="details-close">Close</button></p>
</section>
<section aria-label="Search">
<label class="field">Search in names
<input type="search" id="search" autocomplete="off" spellcheck="false"></label>
<p class="soft" id="search-said" role="status"></p>
<button id="search-select" hidden>Choose what was found</button>
<ul id="search-found" tabindex="-1" aria-label="Points found"></ul>
</section>
<section id="selected" aria-label="Chosen points" hidden>
<h2 id="selected-count"></h2>
<p class="line"><button id="selected-copy">Copy names</button>
<button id="selected-save">Save as CSV</button><button id="selected-clear">Clear</button></p>
<ul id="selected-rows" tabindex="-1" aria-label="Chosen points"></ul>
</section>
<section id="colours" aria-label="Colours">
<label class="field">Colour by <select id="colour-by"></select></label>
<p class="line soft"><span id="shown"></span><button id="legend-all">Show all</button>
<button id="legend-none">Hide all</button></p>
<ul id="legend" tabindex="-1" aria-label="Legend"></ul>
</section>
<section id="facts" aria-label="About this map">
<details><summary>About this map</summary>
<dl>{facts}</dl>
{notes}<p class="soft" id="keys">Arrows move the map, <kbd>+</kbd> and <kbd>-</kbd> zoom,
<kbd>0</kbd> shows all, <kbd>Enter</kbd> opens the point nearest to the middle, <kbd>L</kbd> starts a
lasso (or hold Shift and drag),
<kbd>/</kbd> searches, <kbd>Esc</kbd> closes.</p>
</details>
</section>
</aside>
</main>
<div class="said" id="said" role="status" aria-live="polite"></div>
<noscript><p>The map needs JavaScript, which is part of this file.</p></noscript>
"""


@dataclass(frozen=True, slots=True, eq=False)
class MapPage:
    """What a page shows."""

    title: str
    positions: npt.NDArray[np.uint16]
    """`[N, 2]`, 0 to 65,535; y grows upwards."""
    names: Sequence[str]
    """`[M]`: of media."""
    rows_of: npt.NDArray[np.uint32]
    """`[M]`: number of rows of each medium; the rows of a medium follow each other."""
    colourings: Sequence[Colouring]
    """At least one; the first is shown first."""
    facts: Mapping[str, str]
    notes: Sequence[str] = ()
    uris: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    """`[M]`: the `medium_id`s, from which keys of rows are made."""
    ordinals: npt.NDArray[np.uint32] | None = None
    times_ms: npt.NDArray[np.int32] | None = None
    """`[N]`: milliseconds, -1 for none."""
    sprites: Sprites | None = None
    renderer: Literal["canvas", "webgl"] | None = None
    """`canvas` or `webgl` alone; by default WebGL where it has a GPU, else a 2D canvas."""


def write_map_page(path: str | os.PathLike[str], page: MapPage, *, overwrite: bool = False) -> None:
    """Write a map to one HTML file. The file appears complete or not at all.

    Raises:
        InputError: If the file cannot be written.
    """
    home = files("vifex.analysis.mapping") / "page"
    own = "\n".join((home / name).read_text(encoding="utf-8") for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{own}\n}})();'
    style = PAGE_STYLE + (home / "map.css").read_text(encoding="utf-8")
    with written_whole(path, overwrite=overwrite) as aside, aside.open("w", encoding="utf-8") as file:
        file.write(page_head(page.title, style, script, reads_files=True))
        _write_body(file, page)
        file.write(page_data("map-header", _header(page)))
        file.writelines(_sections(page))
        file.write(page_script(script))
        file.write("</body>\n</html>\n")


def _write_body(file: TextIO, page: MapPage) -> None:
    shown = " · ".join(f"<b>{html_text(v)}</b> {html_text(k)}" for k, v in list(page.facts.items())[:2])
    listed = "".join(f"<dt>{html_text(k)}</dt><dd>{html_text(v)}</dd>" for k, v in page.facts.items())
    notes = "".join(f'<p class="soft">{html_text(note)}</p>\n' for note in page.notes)
    file.write(
        _HEAD.format(
            title=html_text(page.title),
            facts=shown,
            label=html_text(f"Map of {len(page.positions):,} points"),
            no_thumbnails="" if page.sprites is not None or page.uris is not None else " hidden",
        )
    )
    file.write(_PANELS.format(facts=listed, notes=notes))


def _header(page: MapPage) -> dict[str, Any]:
    header: dict[str, Any] = {"colours": [colouring.facts() for colouring in page.colourings]}
    if page.renderer is not None:
        header["renderer"] = page.renderer
    if page.sprites is not None:
        header["atlas"] = {
            "cell": page.sprites.cell,
            "columns": page.sprites.columns,
            "per_sheet": page.sprites.columns**2,
            "sizes": page.sprites.sizes.ravel().tolist(),
        }
    return header


def _sections(page: MapPage) -> Iterator[str]:
    """Yield the elements that hold data, those that the first image needs first."""
    yield _numbers("positions", page.positions, zipped=False)
    for place, colouring in enumerate(page.colourings):
        yield _numbers(f"codes-{place}", colouring.codes)
    yield _numbers("counts", page.rows_of)
    yield _text("names", page.names)
    if page.uris is not None:
        yield _text("uris", page.uris)
    if page.ids is not None:
        yield _text("ids", page.ids)
    if page.ordinals is not None:
        yield _numbers("ordinals", page.ordinals)
    if page.times_ms is not None:
        yield _numbers("times", page.times_ms)
    if page.sprites is not None:
        yield _numbers("thumbnails", page.sprites.rows)
        for place, sheet in enumerate(page.sprites.sheets):
            yield _section(f"sheet-{place}", "jpeg", sheet, zipped=False)


def _numbers(name: str, values: npt.NDArray[Any], *, zipped: bool = True) -> str:
    little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    return _section(name, _KINDS[values.dtype.name], little.tobytes(), zipped=zipped)


def _text(name: str, values: Sequence[str]) -> str:
    return _section(name, "json", json.dumps(list(values), separators=(",", ":")).encode("ascii"))


def _section(name: str, kind: str, data: bytes, *, zipped: bool = True) -> str:
    held = gzip.compress(data, 6, mtime=0) if zipped else data
    mark = ' data-gzip="1"' if zipped else ""
    text = base64.b64encode(held).decode("ascii")
    return f'<script type="text/plain" id="map-{name}" data-kind="{kind}"{mark}>{text}</script>\n'
