"""Removing, pruning and labelling: what goes, what stays, and what is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex

Vifex = Callable[..., Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six images in two folders, in a store with two views."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    for name in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "dog/3.png", "x.png"):
        path = folder / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(path)
    for view in ("main", "other"):
        vifex.extract(folder / "media", folder / "s.vifex", view=view)
    return folder


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    """A copy of the media and of the store. The addresses in the store are those of the first media."""
    shutil.copytree(made / "s.vifex", tmp_path / "s.vifex")
    return tmp_path / "s.vifex"


def names(store: Path, view: str = "main") -> list[str]:
    with vifex.open(store) as opened:
        rows = sorted(opened[view].to_arrow(["name"])["name"].to_pylist())
        assert rows == sorted(e["name"] for e in opened[view].ledger().to_pylist())
        return rows


def test_remove_by_name_from_all_views_or_from_one(work: Path) -> None:
    before = names(work)
    told = vifex.remove(work, "cat/1.png", dry_run=True)
    assert (told.names, told.media, told.views, told.dry_run) == (("cat/1.png",), 2, ("main", "other"), True)
    assert names(work) == before
    assert vifex.remove(work, ["cat/1.png", "x.png"]).media == 4
    assert names(work) == names(work, "other") == [n for n in before if n not in ("cat/1.png", "x.png")]
    assert vifex.remove(work, "dog/1.png", view="other").views == ("other",)
    assert "dog/1.png" in names(work)


def test_remove_by_filter_by_address_and_by_path(work: Path, made: Path) -> None:
    assert vifex.remove(work, where="name LIKE 'dog/%'").names == ("dog/1.png", "dog/2.png", "dog/3.png")
    assert vifex.remove(work, made / "media" / "x.png").names == ("x.png",)
    assert vifex.remove(work, (made / "media" / "cat" / "1.png").as_uri()).names == ("cat/1.png",)
    assert names(work) == ["cat/2.png"]


def test_remove_refuses_what_it_cannot_mean(work: Path) -> None:
    before = names(work)
    with pytest.raises(vifex.InputError, match="nothing says which media"):
        vifex.remove(work)
    with pytest.raises(vifex.InputError, match=r"no medium 'cat/9.png'.*cat/"):
        vifex.remove(work, ["cat/1.png", "cat/9.png"])
    with pytest.raises(vifex.InputError, match="nothing"):
        vifex.remove(work, where="nothing = 1")
    assert names(work) == before


def test_prune_takes_what_is_gone(made: Path, tmp_path: Path) -> None:
    media = tmp_path / "media"
    shutil.copytree(made / "media", media)
    store = tmp_path / "s.vifex"
    vifex.extract(media, store)
    (media / "x.png").unlink()
    (media / "cat" / "1.png").rename(media / "cat" / "renamed.png")
    told = vifex.prune(store, dry_run=True)
    assert told.names == ("cat/1.png", "x.png")
    assert len(names(store)) == 6
    assert vifex.prune(store).names == told.names
    assert vifex.prune(store).names == ()
    assert names(store) == ["cat/2.png", "dog/1.png", "dog/2.png", "dog/3.png"]
    assert vifex.extract(media, store).rows == 1


def test_prune_by_sources(work: Path, made: Path) -> None:
    assert vifex.prune(work, [made / "media" / "dog", made / "media" / "x.png"]).names == (
        "cat/1.png",
        "cat/2.png",
    )
    with pytest.raises(vifex.InputError, match="no such file"):
        vifex.prune(work, made / "nothing")
    assert len(names(work)) == 4


def test_labels_of_a_table(work: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("name,label,split\ncat/1.png,cat,train\ndog/1.png,dog,\nnowhere.png,?,\n")
    with vifex.open(work) as store:
        before = {name: store["main"].item(name).features for name in names(work)}
    done = vifex.label(work, table)
    assert (done.changed, done.views) == (4, ("main", "other"))
    assert any("nowhere.png" in note for note in done.notes)
    assert vifex.label(work, table).changed == 0
    with vifex.open(work) as store:
        found = {row["name"]: (row["label"], row["split"]) for row in store["main"].to_arrow().to_pylist()}
        assert found["cat/1.png"] == ("cat", "train")
        assert found["dog/1.png"] == ("dog", None)
        assert found["x.png"] == (None, None)
        for name, vectors in before.items():
            np.testing.assert_array_equal(store["main"].item(name).features, vectors)


def test_labels_of_folders_and_of_a_mapping(work: Path) -> None:
    assert vifex.label(work, "folder", view="main").changed == 5
    assert vifex.label(work, {"x.png": "none"}, view="main").changed == 1
    with vifex.open(work) as store:
        counted = store["main"].to_arrow(["label"])["label"].to_pylist()
    assert sorted(counted) == ["cat", "cat", "dog", "dog", "dog", "none"]


def test_a_removed_medium_comes_back_by_the_next_extraction(work: Path, made: Path) -> None:
    vifex.remove(work, "x.png", view="main")
    report = vifex.extract(made / "media", work, view="main")
    assert (report.already_done, report.rows) == (5, 1)
    assert "x.png" in names(work)


def test_the_commands(work: Path, tmp_path: Path, vifex_command: Vifex) -> None:
    dry = vifex_command("rm", work, "x.png", "--dry-run")
    assert "1 media would be removed from the views main, other" in dry.stdout
    said = json.loads(vifex_command("rm", work, "--where", "name = 'x.png'", "--json").stdout)
    assert (said["names"], said["media"], said["dry_run"]) == (["x.png"], 2, False)
    assert "0 media removed" in vifex_command("prune", work).stdout
    (tmp_path / "labels.csv").write_text("path,label\ncat/1.png,cat\nnowhere.png,cat\n")
    done = vifex_command("label", work, tmp_path / "labels.csv")
    assert "2 media have another label or split now" in done.stdout
    assert "note: " in done.stderr
    wrong = vifex_command("rm", work, "nothing.png")
    assert wrong.returncode == 4
    assert "no medium 'nothing.png'" in wrong.stderr


def test_history_tells_of_each_run(work: Path, made: Path, vifex_command: Vifex) -> None:
    vifex.remove(work, "x.png", view="main")
    vifex.label(work, {"cat/1.png": "cat"}, view="main")
    vifex.extract(made / "media", work, view="main")
    first, removed, labelled, again = vifex.history(work, view="main")
    assert (first.media, first.rows, first.deleted) == ({"ok": 6}, 6, 0)
    assert (removed.media, removed.deleted) == ({}, 1)
    assert (labelled.media, labelled.rows) == ({"ok": 1}, 1)
    assert (again.media, again.rows) == ({"ok": 1}, 1)
    assert [run.number for run in (first, removed, labelled, again)] == sorted(
        {first.number, removed.number, labelled.number, again.number}
    )
    assert all(run.version == vifex.__version__ and run.started is not None for run in (first, removed))
    assert {run.view for run in vifex.history(work)} == {"main", "other"}
    told = vifex_command("history", work, "--view", "main")
    assert told.returncode == 0
    assert "6 ok" in told.stdout
    assert len(json.loads(vifex_command("history", work, "--json").stdout)) == 5
