"""What differs between two stores: recipes, media, rows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.analysis.pairs import MediumEntry, pair_media
from vifex.cli.app import main
from vifex.values import InputError


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diff") / "media"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def store(media: Path) -> Path:
    vifex.extract(media, media.parent / "a.vifex", precision="fp32")
    return media.parent / "a.vifex"


@pytest.fixture(scope="module")
def moved(store: Path, media: Path) -> Path:
    """The store of a copy of the media in another folder."""
    folder = media.parent / "moved"
    shutil.copytree(media, folder)
    vifex.extract(folder, media.parent / "moved.vifex", precision="fp32")
    return media.parent / "moved.vifex"


@pytest.fixture(scope="module")
def video(shared_media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two views of a clip, of one and of two samples a second."""
    clips = [path for path in (shared_media / "good").iterdir() if path.suffix == ".mp4"]
    store = tmp_path_factory.mktemp("video") / "v.vifex"
    clip = min(clips, key=lambda path: path.stat().st_size)
    vifex.extract(clip, store, views={"one": {"fps": 1}, "two": {"fps": 2}}, precision="fp32")
    return store


def test_a_copy_of_the_media_elsewhere_gives_an_equal_store(store: Path, moved: Path) -> None:
    found = vifex.diff(store, moved)
    (view,) = found.views
    assert found.is_equal
    assert (view.media, view.rows, view.rows_only_a, view.rows_only_b) == (6, 6, 0, 0)
    (column,) = view.columns
    assert (column.rows, column.differing, column.largest, column.largest_at) == (6, 0, 0, None)
    assert column.cosine_min == pytest.approx(1)
    json.dumps(found.to_dict(), allow_nan=False)


def test_recipes_come_first_and_rows_only_when_asked(store: Path, media: Path, tmp_path: Path) -> None:
    vifex.extract(media, tmp_path / "b.vifex", precision="fp32", decode="exact", dtype="float16")
    (refused,) = vifex.diff(store, tmp_path / "b.vifex").views
    assert any("dtype" in line for line in refused.recipe)
    assert refused.columns == ()
    assert refused.not_compared == ("the rows: the recipes differ. Compare them with `anyway=True`.",)
    (view,) = vifex.diff(store, tmp_path / "b.vifex", anyway=True).views
    with vifex.open(store) as a, vifex.open(tmp_path / "b.vifex") as b:
        names = [one.to_arrow("name").column(0).to_pylist() for one in (a, b)]
        x = a.to_numpy().astype(np.float64)[np.argsort(names[0])]
        y = b.to_numpy().astype(np.float64)[np.argsort(names[1])]
    (column,) = view.columns
    cosines = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    assert column.largest == pytest.approx(np.abs(x - y).max())
    assert column.mean == pytest.approx(np.abs(x - y).mean())
    assert column.cosine_mean == pytest.approx(cosines.mean())
    assert column.cosine_min == pytest.approx(cosines.min())
    assert column.largest_at == sorted(names[0])[int(np.abs(x - y).max(axis=1).argmax())]
    assert column.differing == 6
    (near,) = vifex.diff(store, tmp_path / "b.vifex", anyway=True, tolerance=column.largest).views
    assert near.columns[0].differing == 0


def test_media_of_one_side_and_changed_labels(store: Path, moved: Path, tmp_path: Path) -> None:
    shutil.copytree(moved, tmp_path / "b.vifex")
    with vifex.open(tmp_path / "b.vifex") as opened:
        opened.delete("0.png")
        opened.relabel({"4.png": {"label": "cat"}})
    found = vifex.diff(store, tmp_path / "b.vifex")
    (view,) = found.views
    assert not found.is_equal
    assert (view.only_a, view.only_b, view.media) == (("0.png",), (), 5)
    assert [(one.name, one.what) for one in view.changed] == [("4.png", (("label", "None", "cat"),))]
    assert (view.rows, view.rows_only_a) == (5, 1)
    assert view.columns[0].differing == 0


def test_rows_of_videos_are_paired_by_time(video: Path) -> None:
    with vifex.open(video) as store:
        (view,) = vifex.diff(store["two"], store["one"], anyway=True).views
        times = [set(store[name].to_arrow("t_s").column(0).to_pylist()) for name in ("two", "one")]
    assert view.rows == len(times[0] & times[1]) >= 1
    assert view.rows_only_a == len(times[0] - times[1]) > 0
    assert view.columns[0].differing == 0
    assert any("sampling.fps" in line for line in view.recipe)


def test_views_of_one_side(store: Path, video: Path) -> None:
    found = vifex.diff(video, store)
    assert (found.only_a, found.only_b, found.views) == (("one", "two"), ("main",), ())
    assert not found.is_equal
    with pytest.raises(InputError, match="at least 0"):
        vifex.diff(store, store, tolerance=-1)
    with pytest.raises(vifex.StoreError, match="no view 'man'"):
        vifex.diff(store, store, view="man")


def test_media_are_paired_by_what_says_most() -> None:
    def entry(medium_id: str, name: str, content: str) -> MediumEntry:
        return MediumEntry(medium_id, name, content, "", "ok", 1, None, None)

    a = [entry("1", "a", "x"), entry("2", "b", "y"), entry("3", "b", "z"), entry("4", "d", "w")]
    b = [entry("9", "b", "z"), entry("8", "b", "y"), entry("7", "e", "w"), entry("1", "a", "v")]
    assert pair_media(a, b) == [(0, 3), (1, 1), (2, 0), (3, 2)]


def test_the_command_says_by_its_status_whether_something_differs(
    store: Path, moved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main(["diff", *words])
        return int(str(left.value.code)), capsys.readouterr().out

    status, text = run(str(store), str(moved))
    assert status == 0
    assert text.endswith("Nothing differs.\n")
    shutil.copytree(moved, tmp_path / "b.vifex")
    with vifex.open(tmp_path / "b.vifex") as opened:
        opened.delete([f"{number}.png" for number in range(1, 6)])
    status, text = run(str(store), str(tmp_path / "b.vifex"))
    assert status == 3
    assert "5 only in A, 0 only in B" in text
    assert "only in A: 3.png" in text
