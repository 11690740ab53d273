"""The page of a map in a real browser: what it shows, how it is used, and that it asks for nothing."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Tab, opened_page
from PIL import Image

from vifex.analysis.mapping.colourings import Colouring
from vifex.analysis.mapping.page import MapPage, write_map_page
from vifex.analysis.mapping.sprites import make_sprites

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

HOSTILE = '</script><img src=x onerror="document.title=1">\u202e'
READY = "document.documentElement?.dataset.state === 'ready'"


def _content() -> MapPage:
    """400 points of two labels: `left` on the left side, `right` on the right, from 200 media."""
    rng = np.random.default_rng(0)
    positions = rng.integers(0, 20_000, (400, 2))
    positions[200:, 0] += 45_000
    positions[:, 1] += 22_000
    label = Colouring("label", np.repeat([0, 1], 200).astype(np.uint8), ("left", "right"))
    time = Colouring("time", np.linspace(0, 65_534, 400).astype(np.uint16), None, 0, 100, "s")
    sprites = make_sprites(
        np.arange(8),
        lambda rows, side: ((r, Image.new("RGB", (side, side), (250, 0, 200))) for r in rows.tolist()),
    )
    return MapPage(
        title="test <b>",
        positions=positions.astype(np.uint16),
        names=[HOSTILE, *(f"clip {n:03}.mp4" for n in range(1, 200))],
        rows_of=np.full(200, 2, np.uint32),
        colourings=[label, time],
        facts={"points": "400", "trustworthiness": "0.900"},
        uris=[f"file:///media/{n}.mp4" for n in range(200)],
        ids=[f"id{n}" for n in range(200)],
        ordinals=np.tile([0, 1], 200).astype(np.uint32),
        times_ms=(np.arange(400) * 250).astype(np.int32),
        sprites=sprites,
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "map.html"
    write_map_page(path, _content())
    return path


@pytest.fixture(scope="module")
def browser(page: Path) -> Iterator[Tab]:
    with opened_page(page) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab) -> Tab:
    """The page, freshly loaded."""
    browser.wait(READY)
    browser.run("document.documentElement.dataset.state = ''")
    browser.forget()
    browser.call("Page.reload")
    browser.wait(READY)
    return browser


def _text(tab: Tab, name: str) -> str:
    return str(tab.run(f"document.getElementById('{name}').innerText"))


def _change(tab: Tab, selector: str, value: int, event: str) -> None:
    found = f"document.querySelector('{selector}')"
    tab.run(f"{found}.value = {value}; {found}.dispatchEvent(new Event('{event}'))")


def _pixels(tab: Tab) -> np.ndarray:
    tab.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")
    shot = base64.b64decode(tab.call("Page.captureScreenshot", format="png")["data"])
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def _near(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(pixels[60:, :870] - colour).max(axis=2) < 40


def test_it_draws_and_asks_for_nothing(tab: Tab, page: Path) -> None:
    assert tab.requests() == [page.as_uri()]
    assert not [text for text in tab.said() if "rror" in text or "efused" in text]
    assert tab.run("document.title") == "test <b>"
    assert _text(tab, "shown") == "400 points"
    left, right = (_near(_pixels(tab), colour) for colour in ((76, 141, 214), (232, 134, 47)))
    assert left[:, :435].sum() > 2000 > 50 > left[:, 435:].sum()
    assert right[:, 435:].sum() > 2000 > 50 > right[:, :435].sum()
    assert _near(_pixels(tab), (250, 0, 200)).sum() > 300, "thumbnails are drawn on the points"


def test_webgl_draws_the_same_as_the_canvas(tab: Tab, tmp_path: Path) -> None:
    """Without a GPU the page takes a 2D canvas by itself."""
    by_canvas = _near(_pixels(tab), (76, 141, 214))
    assert tab.run("document.documentElement.dataset.renderer") == "Canvas 2D"
    write_map_page(tmp_path / "webgl.html", replace(_content(), renderer="webgl"))
    with opened_page(tmp_path / "webgl.html") as other:
        other.wait(READY)
        assert other.run("document.documentElement.dataset.renderer") == "WebGL"
        by_webgl = _near(_pixels(other), (76, 141, 214))
    assert np.count_nonzero(by_canvas & by_webgl) > 0.8 * np.count_nonzero(by_canvas | by_webgl)


def test_a_thumbnail_opens_its_point(tab: Tab) -> None:
    """The first 8 points, which belong to the first 4 media, have one."""
    lines, columns = np.nonzero(_near(_pixels(tab), (250, 0, 200)))
    place = (float(columns[0] + 1), float(lines[0] + 60))
    tab.drag(place, place)
    tab.wait("document.getElementById('details-name').innerText")
    names = [HOSTILE.replace("\u202e", "\\u202e"), "clip 001.mp4", "clip 002.mp4", "clip 003.mp4"]
    assert _text(tab, "details-name") in names


def test_the_legend_filters(tab: Tab) -> None:
    assert _text(tab, "legend").split() == ["left", "200", "only", "right", "200", "only"]
    tab.run("document.getElementById('legend-0').click()")
    assert _text(tab, "shown") == "200 of 400 points"
    assert _near(_pixels(tab), (76, 141, 214)).sum() < 50
    tab.run("document.querySelector('#legend .only').click()")
    assert _text(tab, "shown") == "200 of 400 points"
    assert tab.run("document.activeElement.id") == "legend-0"
    tab.run("document.getElementById('legend-all').click()")
    assert _text(tab, "shown") == "400 points"


def test_a_range_of_numbers_filters(tab: Tab) -> None:
    _change(tab, "#colour-by", 1, "change")
    tab.wait("document.querySelector('#legend input[type=range]')")
    _change(tab, "#legend input", 500, "input")
    assert _text(tab, "shown") == "200 of 400 points"
    assert _text(tab, "legend").strip() == "00:50.00 to 01:40.00"


def test_search_by_the_keyboard(tab: Tab) -> None:
    tab.run("document.getElementById('map').focus()")
    tab.key("/")
    for letter in "CLIP 00":
        tab.key(letter)
    tab.wait("document.getElementById('search-said').innerText")
    assert _text(tab, "search-said") == "18 points found"
    tab.key("Enter")
    tab.wait("!document.getElementById('details').hidden")
    tab.wait("document.getElementById('details-name').innerText")
    assert _text(tab, "details-name") == "clip 001.mp4"
    assert "key\nid1:0" in _text(tab, "details-facts")
    assert "time\n00:00.50" in _text(tab, "details-facts")
    assert tab.run("document.getElementById('details-link').href") == "file:///media/1.mp4#t=0.500"
    tab.run("document.getElementById('search-select').click()")
    assert _text(tab, "selected-count") == "18 points chosen"


def test_names_stay_text(tab: Tab) -> None:
    tab.run("document.getElementById('search').focus()")
    for letter in "onerror":
        tab.key(letter)
    tab.wait("document.getElementById('search-found').children.length === 2")
    shown = '</script><img src=x onerror="document.title=1">\\u202e @ 00:00.00'
    assert tab.run("document.querySelector('#search-found button').innerText") == shown
    assert tab.run("document.images.length") == 0


def test_the_lasso_chooses_and_saves(tab: Tab) -> None:
    tab.run("""{
      window.saved = [];
      const make = URL.createObjectURL;
      URL.createObjectURL = (blob) => {
        blob.text().then((text) => window.saved.push(text));
        return make(blob);
      };
    }""")
    tab.drag((20, 130), (430, 130), (430, 790), (20, 790), shift=True)
    assert _text(tab, "selected-count") == "200 points chosen"
    tab.run("document.getElementById('selected-save').click()")
    tab.wait("window.saved.length")
    lines = str(tab.run("window.saved[0]")).split("\r\n")
    assert lines[0] == "name,time_s,key,label,time"
    assert "clip 001.mp4,0.500,id1:0,left,00:00.50" in lines
    body = sorted(line.rsplit(",", 3)[1] for line in lines[1:-1])
    assert body == sorted(f"id{n}:{o}" for n in range(100) for o in range(2))
    tab.run("document.getElementById('map').focus()")
    tab.key("Escape")
    assert tab.run("document.getElementById('selected').hidden")


def test_arrows_and_zoom_by_the_keyboard(tab: Tab) -> None:
    tab.run("document.getElementById('map').focus()")
    before = _pixels(tab)
    tab.key("ArrowRight")
    moved = _pixels(tab)
    assert np.abs(moved[200:, :700] - before[200:, 60:760]).max(axis=2).mean() < 12
    for _ in range(8):
        tab.key("+")
    assert _near(_pixels(tab), (232, 134, 47)).sum() != _near(moved, (232, 134, 47)).sum()
    tab.key("0")
    assert np.abs(_pixels(tab)[:, :870] - before[:, :870]).max(axis=2).mean() < 1
    tab.key("Enter")
    tab.wait("document.getElementById('details-name').innerText")
    tab.key("Escape")
    assert tab.run("document.getElementById('details').hidden")


def test_touch_pans_and_pinches(page: Path) -> None:
    with opened_page(page, width=360, height=740) as tab:
        tab.wait(READY)
        assert tab.run("document.documentElement.scrollWidth") == 360
        tab.call("Emulation.setTouchEmulationEnabled", enabled=True)
        before = _near(_pixels(tab), (76, 141, 214)).sum()

        def touch(kind: str, *places: tuple[int, int]) -> None:
            points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
            tab.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)

        touch("touchStart", (60, 300), (100, 300))
        for step in range(1, 6):
            touch("touchMove", (60 - 6 * step, 300), (100 + 20 * step, 300))
        touch("touchEnd")
        assert _near(_pixels(tab), (76, 141, 214)).sum() > 1.3 * before


def test_images_without_a_thumbnail_come_from_their_files(tmp_path: Path) -> None:
    """There are 20 points, so that few that their files are read; one file is gone."""
    for number in range(19):
        Image.new("RGB", (40, 40), (250, 0, 200)).save(tmp_path / f"{number}.png")
    rng = np.random.default_rng(0)
    few = replace(
        _content(),
        positions=rng.integers(0, 65_535, (20, 2)).astype(np.uint16),
        names=[f"{n}.png" for n in range(20)],
        rows_of=np.ones(20, np.uint32),
        colourings=[Colouring("none", np.zeros(20, np.uint8), (None,))],
        uris=[(tmp_path / f"{n}.png").as_uri() for n in range(20)],
        ids=[f"id{n}" for n in range(20)],
        ordinals=None,
        times_ms=None,
        sprites=None,
    )
    write_map_page(tmp_path / "few.html", few)
    with opened_page(tmp_path / "few.html") as tab:
        tab.wait(READY)
        end = time.monotonic() + 20
        while _near(_pixels(tab), (250, 0, 200)).sum() < 5_000:
            assert time.monotonic() < end
        assert all(address.startswith("file:") for address in tab.requests())


def test_a_page_of_another_renderer_and_without_extras(tmp_path: Path) -> None:
    bare = replace(
        _content(), uris=None, ids=None, ordinals=None, times_ms=None, sprites=None, renderer="canvas"
    )
    write_map_page(tmp_path / "bare.html", bare)
    with opened_page(tmp_path / "bare.html") as tab:
        tab.wait(READY)
        assert tab.run("document.documentElement.dataset.renderer") == "Canvas 2D"
        tab.run("document.getElementById('map').focus()")
        tab.key("Enter")
        tab.wait("document.getElementById('details-name').innerText")
        assert not [text for text in tab.said() if "rror" in text]
