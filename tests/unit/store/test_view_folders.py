"""Removing and renaming whole views, and what is listed of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from store_maker import assert_whole, bits, by_key, feed, last_editions, recipe

import vifex
from vifex.cli.views import views as views_command
from vifex.store import folder_bytes, open_store, open_writer
from vifex.values import InputError, StoreError
from vifex.values.fusion import Fusion, FusionInput, Tree


@pytest.fixture
def store(folder: Path) -> Path:
    """Two views of the same media; `other` was made by a run that said when it began."""
    path = folder / "s.vifex"
    for name, run in (("main", ""), ("other", json.dumps({"started_unix_s": 86400.0}))):
        with open_writer(path, run=run) as writer:
            feed(writer.view(name, recipe()), last_editions(7))
    return path


def made_from(store: Path, name: str, source: str) -> None:
    """Make a view of the tree, without rows, whose recipe names another view."""
    with open_writer(store) as writer:
        writer.view(name, recipe(tree=Tree(source, recipe().hash, "head_fc", "shot")))


def test_views_are_listed_with_size_and_times(store: Path) -> None:
    main, other = vifex.views(store)
    assert (main.view, main.model, main.layers, main.media) == ("main", "toy-1", ("head.fc", "stages.1"), 7)
    assert main.rows == other.rows == assert_whole(store).num_rows
    assert main.size_bytes == folder_bytes(store / "views" / "main") > 1000
    assert (main.made, main.changed) == (None, None)
    assert other.to_dict()["made"] == other.to_dict()["changed"] == "1970-01-02T00:00:00+00:00"


def test_a_removed_view_is_gone_and_the_other_is_as_it_was(store: Path) -> None:
    before = bits(assert_whole(store))
    told = vifex.remove_view(store, "other", dry_run=True)
    assert (told.dry_run, told.media) == (True, 7)
    assert len(vifex.views(store)) == 2
    assert vifex.remove_view(store, "other").size_bytes == told.size_bytes
    assert [view.view for view in vifex.views(store)] == ["main"]
    assert [path.name for path in (store / "views").iterdir()] == ["main"]
    assert bits(assert_whole(store)) == before
    with open_writer(store) as writer:  # the name is free for another recipe
        writer.view("other", recipe(model="toy-2"))


def test_a_renamed_view_keeps_its_rows_and_its_id(store: Path) -> None:
    with open_store(store) as opened:
        view = opened.view("other")
        before = bits(view.to_arrow()), view.id, view.checksum
    vifex.rename_view(store, "other", "Frames of ü")
    with open_store(store) as opened:
        assert opened.views() == ["Frames of ü", "main"]
        view = opened.view("Frames of ü")
        assert (bits(view.to_arrow()), view.id, view.checksum) == before
        assert all(check.ok for check in opened.verify())


def test_what_is_refused(store: Path) -> None:
    with pytest.raises(StoreError, match=r"no view 'othr'\. Did you mean other"):
        vifex.rename_view(store, "othr", "x")
    with pytest.raises(InputError, match="has a view 'main' already"):
        vifex.rename_view(store, "other", "main")
    with pytest.raises(InputError, match="cannot be named ''"):
        vifex.rename_view(store, "other", "")
    with pytest.raises(StoreError, match="there is no store here"):
        vifex.rename_view(store.with_name("none"), "a", "b")
    assert not store.with_name("none").exists()
    with open_store(store) as reader:
        view = reader.view("other")
        for change in (
            lambda: vifex.rename_view(store, "other", "x"),
            lambda: vifex.remove_view(store, "other", dry_run=True),
            lambda: vifex.remove_view(store, "other", force=True),
        ):
            with pytest.raises(StoreError, match="'other' is open for reading"):
                change()
        vifex.rename_view(store, "main", "first")  # nobody reads that
        assert view.count_rows() == by_key(view.to_arrow()).num_rows


def test_inputs_of_other_views_and_the_last_view_need_force(store: Path) -> None:
    made_from(store, "tree.shot", "other")
    with open_writer(store) as writer:
        parts = tuple(FusionInput(name, recipe().hash, "head_fc", 16) for name in ("main", "other"))
        writer.view("fused", recipe(fusion=Fusion("concat", parts)))
    with pytest.raises(StoreError, match=r"'other' is what 'fused', 'tree.shot' was made from"):
        vifex.remove_view(store, "other")
    with pytest.raises(StoreError, match=r"recipe of 'fused', 'tree.shot' names the view 'other'"):
        vifex.rename_view(store, "other", "x")
    for name in ("other", "fused", "tree.shot"):
        vifex.remove_view(store, name, force=name == "other")
    with pytest.raises(StoreError, match="'main' is the only view"):
        vifex.remove_view(store, "main")
    vifex.remove_view(store, "main", force=True)
    assert vifex.views(store) == ()


def test_a_damaged_view_is_listed_and_can_be_removed(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for manifest in (store / "views" / "other" / "ledger.lance" / "_versions").iterdir():
        manifest.write_bytes(b"")
    main, other = vifex.views(store)
    assert (main.media, other.media, other.rows, other.model) == (7, None, None, "toy-1")
    assert views_command(store) == views_command(store, remove="other") == 0
    printed = capsys.readouterr().out
    assert "damaged" in printed
    assert "view other removed (damaged, " in printed
    assert [view.view for view in vifex.views(store)] == ["main"]
