"""`vifex.copies` and its command on real photographs and edited copies of them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

import vifex
from vifex.cli import main
from vifex.values import InputError, StoreError

skimage = pytest.importorskip("skimage", reason="photographs come with scikit-image")
PHOTOS = Path(skimage.__file__).parent / "data"
NAMES = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "horse.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen photographs, and edited copies of two of them."""
    folder = tmp_path_factory.mktemp("media")
    for name in NAMES:
        with Image.open(PHOTOS / name) as image:
            small = image.convert("RGB")
        small.thumbnail((256, 256))
        small.save(folder / f"{Path(name).stem}.png")
    with Image.open(folder / "chelsea.png") as cat:
        cat.save(folder / "chelsea-copy.jpg", quality=30)
        cat.crop((10, 5, 240, 165)).save(folder / "chelsea-crop.png")
    with Image.open(folder / "coffee.png") as coffee:
        ImageEnhance.Brightness(coffee).enhance(1.2).resize((150, 100)).save(folder / "coffee-small.png")
    return folder


@pytest.fixture(scope="module")
def store(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "lib.vifex"
    vifex.extract(media, path)
    return path


def names(found: vifex.Copies) -> set[frozenset[str]]:
    return {frozenset(i.name for i in (g.representative, *g.copies)) for g in found.groups}


EXPECTED = {
    frozenset({"chelsea.png", "chelsea-copy.jpg", "chelsea-crop.png"}),
    frozenset({"coffee.png", "coffee-small.png"}),
}


def test_copies_are_found_with_a_threshold_of_the_store(store: Path) -> None:
    found = vifex.copies(store)
    assert names(found) == EXPECTED
    assert found.rows == 18
    threshold = found.threshold
    assert threshold is not None
    assert threshold.method == "edited copies"
    assert threshold.images == 9
    assert threshold.precision is not None
    assert threshold.precision > 0.9
    scores = [g.copies[0].score for g in found.groups]
    assert scores == sorted(scores, reverse=True)
    with vifex.open(store) as opened:
        unit = opened.to_numpy().astype(np.float64)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        keys = opened.to_arrow("key").column(0).to_pylist()
    for group in found.groups:
        for image in group.copies:
            expected = unit[keys.index(group.representative.key)] @ unit[keys.index(image.key)]
            assert image.similarity == pytest.approx(expected, abs=1e-5)
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_given_threshold_is_a_cosine(store: Path) -> None:
    found = vifex.copies(store, threshold=0.999)
    assert found.threshold == vifex.CopyThreshold("given", 0.999)
    assert all(i.similarity >= 0.999 for g in found.groups for i in g.copies)
    with pytest.raises(InputError, match=r"above 0 and up to 1, got 1\.5"):
        vifex.copies(store, threshold=1.5)


def test_without_edited_copies_the_precision_is_not_known(store: Path) -> None:
    found = vifex.copies(store, sample=0)
    assert found.threshold is not None
    assert found.threshold.method == "background"
    assert found.threshold.precision is None
    assert "not known" in found.threshold.sentence()


def test_two_stores_are_compared_with_each_other(store: Path, media: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    with Image.open(media / "rocket.png") as image:
        image.resize((200, 133)).save(new / "again.jpg", quality=60)
    Image.fromarray(np.random.default_rng(9).integers(0, 255, (40, 40, 3), np.uint8)).save(new / "none.png")
    vifex.extract(new, tmp_path / "new.vifex")
    found = vifex.copies(tmp_path / "new.vifex", store, threshold=0.7)
    assert [(g.representative.name, [i.name for i in g.copies]) for g in found.groups] == [
        ("again.jpg", ["rocket.png"])
    ]
    vifex.extract(new, tmp_path / "other.vifex", layers=["stem"])
    with pytest.raises(InputError, match="different recipes"):
        vifex.copies(tmp_path / "other.vifex", store)
    with pytest.raises(InputError, match=r"have \d+ and \d+ numbers"):
        vifex.copies(tmp_path / "other.vifex", store, anyway=True)


def test_marks_are_kept_in_the_store(
    store: Path, media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lib.vifex"
    shutil.copytree(store, path)
    with vifex.open(path) as opened:
        table = opened.to_arrow(["name", "key"])
        every = dict(zip(table["name"].to_pylist(), table["key"].to_pylist(), strict=True))
    wrong = {"kind": "image", "a": every["coffee.png"], "b": every["coffee-small.png"], "mark": "wrong"}
    right = {"kind": "image", "a": every["rocket.png"], "b": every["camera.png"], "mark": "confirmed"}
    marks = tmp_path / "marks.json"
    marks.write_text(json.dumps({"vifex_copies": 1, "marks": [wrong, right]}))
    with pytest.raises(SystemExit) as exit_status:
        main(["copies", str(path), "--marks", str(marks), "--json", "--sample", "6"])
    assert exit_status.value.code == 0
    shown = json.loads(capsys.readouterr().out)
    marks.unlink()
    later = vifex.copies(path, sample=6)
    assert later.to_dict()["groups"] == shown["groups"]
    assert names(later) == {
        frozenset({"chelsea.png", "chelsea-copy.jpg", "chelsea-crop.png"}),
        frozenset({"rocket.png", "camera.png"}),
    }
    assert [i.mark for g in later.groups for i in g.copies].count("confirmed") == 1
    with vifex.open(path) as opened:
        assert opened.verify().ok
    vifex.extract(media, path)  # a writer leaves the marks alone
    assert names(vifex.copies(path, sample=6)) == names(later)
    (path / "copies.json").write_text("{")
    with pytest.raises(StoreError, match="no file of marks"):
        vifex.copies(path)


def test_a_file_that_holds_no_marks_is_refused(store: Path, tmp_path: Path) -> None:
    for text in (
        "[]",
        "{}",
        '{"vifex_copies": 1, "marks": [{"kind": "image", "a": "x", "b": 1, "mark": "wrong"}]}',
    ):
        (tmp_path / "marks.json").write_text(text)
        with pytest.raises(InputError, match="no file of marks"):
            vifex.copies(store, marks=tmp_path / "marks.json")
    with pytest.raises(InputError, match="cannot be read"):
        vifex.copies(store, marks=tmp_path / "none.json")
    assert not (store / "copies.json").exists()


def test_the_page_shows_every_image_and_can_mark_each_pair(store: Path, tmp_path: Path) -> None:
    found = vifex.copies(store, sample=6)
    found.write_html(tmp_path / "copies.html")
    page = (tmp_path / "copies.html").read_text()
    assert page.count('src="data:image/jpeg') == 5
    assert not re.search(r'(?:src|href)="https?:', page)
    embedded = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert embedded is not None
    pairs = json.loads(embedded[1])["pairs"]
    assert len(pairs) == page.count("data-pair=") == 3
    expected = {(g.representative.key, i.key) for g in found.groups for i in g.copies}
    assert {(p["a"], p["b"]) for p in pairs} == expected
    with pytest.raises(InputError, match="exists already"):
        found.write_html(tmp_path / "copies.html")


def test_one_image_has_no_copies(media: Path, tmp_path: Path) -> None:
    vifex.extract(media / "rocket.png", tmp_path / "one.vifex")
    found = vifex.copies(tmp_path / "one.vifex")
    assert (found.rows, found.groups, found.threshold) == (1, (), None)
