"""Images of several pages: the first and a note, or a row for each; and recipes made before that choice."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.data import astronaut, chelsea, coffee

import vifex
from vifex.values import Sampling

PAGES = [np.asarray(Image.fromarray(photo()).resize((160, 120))) for photo in (coffee, chelsea, astronaut)]
NAMES = ["coffee", "chelsea", "astronaut"]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of three pages, of kinds that are read in three ways, and each page alone."""
    folder = tmp_path_factory.mktemp("pages")
    with tifffile.TiffWriter(folder / "pages.tif") as tif:
        tif.write(PAGES[0], photometric="rgb", compression="zlib")
        tif.write(PAGES[0][::4, ::4], photometric="rgb", subfiletype=1)  # a smaller copy is no page
        tif.write(PAGES[1].astype("f4") / 255, photometric="rgb", planarconfig="contig")
        tif.write(np.moveaxis(PAGES[2], 2, 0), photometric="rgb", planarconfig="separate")
    for name, page in zip(NAMES, PAGES, strict=True):
        Image.fromarray(page).save(folder / f"{name}.png")
    return folder


def _extract(media: Path, store: Path, **choices: Any) -> vifex.Report:
    return vifex.extract(media, store, precision="fp32", decode="exact", **choices)


def test_the_first_page_and_a_note(media: Path, tmp_path: Path, vifex_command: Any) -> None:
    store = tmp_path / "first.vifex"
    report = _extract(media, store)
    assert (report.ok, report.rows, report.exit_status) == (4, 4, 0)
    (note,) = report.problems
    said = 'It has 3 pages, of which the first was read (`pages="all"` reads each).'
    assert (note.name, note.status, note.reason) == ("pages.tif", "ok", said)
    with vifex.open(store) as opened:
        reasons = {e["name"]: e["reason"] for e in opened.ledger().to_pylist()}
        assert reasons == {"pages.tif": said, **{f"{name}.png": "" for name in NAMES}}
        hits = opened.search(media / "coffee.png", k=2)
        assert {hit.name for hit in hits} == {"pages.tif", "coffee.png"}
        assert min(hit.score for hit in hits) > 0.9999
        assert all(hit.frame_index is None for hit in hits)
    shown = vifex_command("show", store)
    assert "3 pages" in shown.stdout
    told = vifex_command("extract", media, "-o", tmp_path / "again.vifex", "--precision", "fp32")
    assert told.returncode == 0
    assert (
        "note: pages.tif: It has 3 pages, of which the first was read (--pages all reads each)."
        in told.stderr
    )


def test_each_page_is_a_row_like_the_image_of_it(media: Path, tmp_path: Path, vifex_command: Any) -> None:
    store = tmp_path / "all.vifex"
    done = vifex_command("extract", media, "-o", store, "--pages", "all", "--decode", "exact", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["rows"], report["problems"]) == (0, 6, [])
    with vifex.open(store) as opened:
        assert opened.recipe.sampling.pages == "all"
        for page, name in enumerate(NAMES):
            hits = opened.search(media / f"{name}.png", k=2)
            assert {hit.name for hit in hits} == {"pages.tif", f"{name}.png"}
            (of_page,) = [hit for hit in hits if hit.name == "pages.tif"]
            assert (of_page.ordinal, of_page.frame_index, of_page.page, of_page.t_s) == (
                page,
                page,
                page,
                None,
            )
            assert of_page.score > 0.999
        opened.contact_sheet(tmp_path / "sheet.html", opened.search(media / "astronaut.png", k=6))
    assert "<dt>page</dt><dd>2</dd>" in (tmp_path / "sheet.html").read_text(encoding="utf-8")


def test_the_thumbnail_is_the_pages_own(media: Path) -> None:
    from vifex.media.read import thumbnail

    for page, pixels in enumerate(PAGES):
        shown = np.asarray(thumbnail(media / "pages.tif", None, None, 160, page=page)).astype(int)
        assert np.abs(shown - pixels).max() <= 1


def test_boxes_of_pages_count_on(media: Path, tmp_path: Path) -> None:
    store = tmp_path / "grid.vifex"
    report = _extract(media / "pages.tif", store, pages="all", regions="crop", grid="1x2")
    assert report.rows == 6
    with vifex.open(store) as opened:
        rows = opened.to_arrow(columns=["ordinal", "frame_index", "x0"]).sort_by("ordinal").to_pylist()
    assert [row["ordinal"] for row in rows] == list(range(6))
    assert [row["frame_index"] for row in rows] == [0, 0, 1, 1, 2, 2]


def test_two_views_of_one_decoding_have_pages_of_their_own(media: Path, tmp_path: Path) -> None:
    store = tmp_path / "two.vifex"
    views: Any = {"first": {}, "each": {"pages": "all"}}
    vifex.extract(media, store, views=views, precision="fp32")
    with vifex.open(store, view="first") as first, vifex.open(store, view="each") as each:
        assert (first.count_rows(), each.count_rows()) == (4, 6)
    vifex.fuse(store, ["each", "first"], name="both")
    with vifex.open(store, view="both") as both:
        pages = both.to_arrow(columns=["name", "frame_index"]).to_pylist()
    # Only the first page has a partner in the view of first pages.
    assert sorted(row["frame_index"] or 0 for row in pages) == [0, 0, 0, 0]


def test_a_page_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "mixed.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(PAGES[0].astype("c8"), photometric="rgb")
        tif.write(PAGES[1], photometric="rgb")
    report = _extract(path, tmp_path / "mixed.vifex", pages="all")
    assert (report.partial, report.rows) == (1, 1)
    assert report.problems[0].reason.startswith("Page 1 could not be read: it is a TIFF of a kind")


def test_a_single_page_has_no_note_and_no_number(media: Path, tmp_path: Path) -> None:
    report = _extract(media / "coffee.png", tmp_path / "one.vifex", pages="all")
    assert not report.problems
    with vifex.open(tmp_path / "one.vifex") as opened:
        assert opened.to_arrow(columns=["frame_index"]).column(0).to_pylist() == [None]


def test_recipes_made_before_there_were_pages_keep_their_hash() -> None:
    assert "pages" not in Sampling().to_dict()
    assert Sampling(**Sampling(pages="all").to_dict()) == Sampling(pages="all")  # type: ignore[arg-type]


@pytest.mark.shared
def test_the_reported_file(shared_cases: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = _extract(shared_cases / "19-pages.tif", tmp_path / "all.vifex", pages="all")
    assert report.rows == 3
    with vifex.open(tmp_path / "all.vifex") as opened:
        best = opened.search(shared_cases / "photo.png", k=1)[0]
        assert (best.page, best.score > 0.9999) == (1, True)
