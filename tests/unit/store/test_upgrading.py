"""A store of format 1 reads as it is, and becomes one of format 2 without computing anything.

`format-1.tar.xz` was made by the last code that wrote format 1 (commit 41502f7): twelve media with labels,
splits, a span and boxes, two of them failed, in two views by two runs; a view that is fused from both, and
the tree of one.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from store_maker import bits, by_key, medium, outcome, recipe, rows_of

import vifex
from vifex.store import open_store, open_writer, upgrade
from vifex.store.files import format_1, layout
from vifex.store.ledger.proving import false_commits
from vifex.values import Box, Medium, Span

STORES = Path(__file__).parents[2] / "support" / "stores"
VIEWS = ["fused", "main", "other", "tree.scene", "tree.shot", "tree.video"]


def media() -> list[Medium]:
    """The media of the store as its sources gave them."""
    found = []
    for number in range(12):
        what = medium(number)
        if number in (1, 2, 9):
            what = replace(what, label="cat", split="train")
        if number == 3:
            what = replace(what, label="dog")
        if number == 4:
            what = replace(what, span=Span(1.0, 2.5), label="cat")
        if number == 5:
            what = replace(what, boxes=(Box(0, 0, 4, 4), Box(1, 1, 5, 5)), split="val")
        found.append(what)
    return found


@pytest.fixture
def old(tmp_path: Path) -> Path:
    with tarfile.open(STORES / "format-1.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path / "format-1.vifex"


def contents(store: Path) -> dict[str, object]:
    """Rows and ledger of every view."""
    found: dict[str, object] = {}
    with open_store(store) as read:
        for name in read.views():
            view = read.view(name)
            columns = [
                "name",
                "uri",
                "medium_id",
                "size_bytes",
                "mtime_ns",
                "status",
                "reason",
                "rows",
                "commit",
            ]
            texts = view.runs()
            found[name] = (
                bits(by_key(view.to_arrow())),
                bits(view.ledger(columns=columns)),
                [texts[number] for number in view.ledger(columns=["run"]).column(0).to_pylist()],
                list(texts.values()),
                view.id,
                view.recipe,
            )
    return found


def files(store: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(store)): p.read_bytes()
        for p in store.rglob("*")
        if p.is_file() and p.parent.name != "readers"
    }


def assert_nothing_is_left_to_do(store: Path) -> None:
    """Every medium still holds, with the labels that it had and with others, and so do the derived views."""
    with open_writer(store) as writer:
        for name, of in (("main", recipe()), ("other", recipe(precision="bf16"))):
            finished = writer.view(name, of).finished()
            assert len(finished) >= 12
            for what in media():
                status = "failed" if what.name in (medium(7).name, medium(9).name) else "ok"
                assert finished.status_of(what, of.hash) == status
                assert finished.has_labels_of(what)
                assert finished.status_of(replace(what, label="new", split="new"), of.hash) == status
                assert finished.status_of(replace(what, mtime_ns=99), of.hash) is None
            boxes = replace(media()[5], boxes=(Box(0, 0, 4, 5),))
            assert finished.status_of(boxes, of.hash) is None
            assert finished.status_of(replace(media()[6], boxes=(Box(0, 0, 4, 4),)), of.hash) is None
    assert vifex.fuse(store, ["main:head_fc", "other:head_fc"], name="fused").already_done == 12
    assert vifex.tree(store, view="main", column="head_fc").already_done == 12


def test_it_reads_as_it_is(old: Path) -> None:
    before = files(old)
    found = contents(old)
    assert list(found) == VIEWS
    with open_store(old) as read:
        assert all(check.ok for check in read.verify())
        view = read.view()
        assert view.recipe == recipe()
        assert view.ledger(where="status = 'failed'", columns=["name"]).column(0).to_pylist() == [
            medium(7).name,
            medium(9).name,
        ]
        history = view.ledger(history=True)
        assert set(history.column("kind").to_pylist()) == {"medium", "maintenance", "files"}
    assert files(old) == before


def test_upgrading_keeps_everything_and_computes_nothing(old: Path) -> None:
    before = contents(old)
    assert upgrade(old)
    assert not upgrade(old)
    after = contents(old)
    with open_store(old) as read:
        assert all(check.ok for check in read.verify())
        for name in VIEWS:
            view = read.view(name)
            assert not format_1.is_format_1(view._head.ledger)
            assert view._head.seal.commit == 1 + max(
                view.ledger(history=True).column("commit").to_pylist()[:-2]
            )
            assert not false_commits(view._head.ledger)
            data = json.loads((view.folder / "recipe.json").read_text())
            assert data["hash"] == view.recipe.hash
            assert data["recipe"]["layers"][0]["layer_shape"]
            assert set(view.ledger(columns=["recipe_hash"]).column(0).to_pylist()) == {view.recipe.hash}
            labels = view.ledger(columns=["name", "label", "split"]).to_pylist()
            of_rows = {
                (r["name"], r["label"], r["split"])
                for r in view.to_arrow(["name", "label", "split"]).to_pylist()
            }
            assert of_rows <= {(e["name"], e["label"], e["split"]) for e in labels}
    assert json.loads((old / "STORE.json").read_text())["vifex_store"] == 2
    assert after == before
    with open_store(old) as read:
        fusion = read.view("fused").recipe.fusion
        assert fusion is not None
        assert [part.recipe_hash for part in fusion.inputs] == [
            read.view(part.view).recipe.hash for part in fusion.inputs
        ]
    assert_nothing_is_left_to_do(old)
    assert {name: found[0] for name, found in contents(old).items()} == {  # type: ignore[index]
        name: found[0]  # type: ignore[index]
        for name, found in before.items()
    }


def test_the_first_writer_upgrades(old: Path) -> None:
    with open_writer(old, run='{"by": "a writer"}') as writer:
        view = writer.view("main", recipe())
        view.add(outcome(medium(20), 2), rows_of(medium(20), 2))
    with open_store(old) as read:
        view_ = read.view()
        assert view_.count_rows(f"name = '{medium(20).name}'") == 2
        assert list(view_.runs().values())[-1] == '{"by": "a writer"}'
        assert all(check.ok for check in read.verify())
    assert_nothing_is_left_to_do(old)


def test_a_reader_reads_on_through_the_upgrade(old: Path) -> None:
    with open_store(old) as read:
        view = read.view()
        rows, entries = bits(by_key(view.to_arrow())), bits(view.ledger())
        upgrade(old)
        for number in range(30, 70):  # maintenance comes meanwhile
            with open_writer(old) as writer:
                writer.view("main", recipe()).add(outcome(medium(number), 1), rows_of(medium(number), 1))
        assert bits(by_key(view.to_arrow())) == rows
        assert bits(view.ledger()) == entries


def test_a_derived_view_whose_input_is_gone_still_reads(old: Path) -> None:
    shutil.rmtree(old / "views" / "other")
    upgrade(old)
    with open_store(old) as read:
        assert read.view("fused").count_rows() > 0
        assert set(read.view("fused").ledger(columns=["spec_hash"]).column(0).to_pylist()) == {""}


def test_a_changed_input_makes_a_derived_medium_anew(old: Path) -> None:
    what = media()[6]
    with open_writer(old) as writer:
        view = writer.view("main", recipe())
        edited = replace(what, mtime_ns=5)
        view.add(outcome(edited, 1), rows_of(edited, 1))
    report = vifex.fuse(old, ["main:head_fc", "other:head_fc"], name="fused")
    assert (report.already_done, report.media) == (11, 12)


def test_a_newer_format_is_not_upgraded(old: Path) -> None:
    (old / "STORE.json").write_text('{"vifex_store": 3, "id": "x"}')
    with pytest.raises(vifex.StoreError, match="format 3"):
        upgrade(old)
    assert layout.FORMAT == 2


def test_an_old_store_without_checksums_of_files(tmp_path: Path) -> None:
    with tarfile.open(Path(__file__).parent / "stores" / "without-checksums.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    store = tmp_path / "without-checksums.vifex"
    with open_store(store) as read:
        rows = bits(by_key(read.view().to_arrow()))
    assert upgrade(store)
    with open_store(store) as read:
        assert bits(by_key(read.view().to_arrow())) == rows
        assert read.verify()[0].ok


def test_texts_of_any_size_are_taken(old: Path) -> None:
    """A column of plain strings overflows at 2 GiB; those of the ledger are large ones."""
    upgrade(old)
    with open_store(old) as read:
        table = read.view().ledger(history=True)
    texts = [f.type for f in table.schema if not pa.types.is_primitive(f.type)]
    assert texts
    assert all(kind == pa.large_string() for kind in texts)


def test_the_overview_has_the_labels_of_the_rows(old: Path) -> None:
    """A ledger of format 1 has no labels. The upgrade knows one more, of a medium that failed."""
    before = vifex.overview(old)
    upgrade(old)
    after = vifex.overview(old)
    assert {(one.name, one.media) for one in before.collection.labels} == {("cat", 3), ("dog", 1)}
    assert {(one.name, one.media) for one in after.collection.labels} == {("cat", 4), ("dog", 1)}
    assert before.samples == after.samples
    assert "cat" in {sample.label for sample in before.samples}


def test_damage_of_a_derived_view_names_the_command_that_makes_it(old: Path) -> None:
    upgrade(old)
    makers = {"main": "vifex extract", "fused": "vifex fuse", "tree.shot": "vifex tree"}
    for name, maker in makers.items():
        file = next((old / "views" / name / "rows.lance" / "data").iterdir())
        file.write_bytes(file.read_bytes()[:-40])
        (found,) = vifex.repair(old, view=name, dry_run=True).views
        assert found.made_by == found.to_dict()["made_by"] == maker
        assert found.to_do


def test_a_filter_on_a_new_column_says_what_to_do(old: Path) -> None:
    with (
        open_store(old) as read,
        pytest.raises(vifex.InputError, match=r"no column 'label'.*`vifex upgrade` gives its ledger all"),
    ):
        read.view().ledger(where="label = 'cat'")
    upgrade(old)
    with open_store(old) as read:
        found = read.view().ledger(where="label = 'cat'", columns=["name"]).column(0).to_pylist()
    assert sorted(found) == [medium(n).name for n in (1, 2, 4, 9)]
