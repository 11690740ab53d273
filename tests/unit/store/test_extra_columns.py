"""Extra columns of rows in a store: added when the first come, read as texts of JSON, filtered by value."""

from __future__ import annotations

import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from store_maker import bits, by_key, feed, last_editions, medium, outcome, recipe, rows_of

from vifex.store import (
    CommitRule,
    IndexPlan,
    MovedMedium,
    compact_view,
    merge_store,
    open_store,
    open_writer,
    relabel,
)
from vifex.values import InputError

EXTRA = {
    1: {"camera": "A", "score": 0.5},
    2: {"camera": 'B "x"', "score": 3, "ok": True},
    3: {"track id": 7, "tags": ["a", "b"]},
}
OLD = Path(__file__).parents[2] / "support" / "stores" / "format-1.tar.xz"


def text(number: int) -> str | None:
    extra = EXTRA.get(number)
    return None if extra is None else json.dumps(extra, sort_keys=True, separators=(",", ":"))


def add(store: Path, *numbers: int, rule: CommitRule | None = None) -> Path:
    with open_writer(store, rule=rule or CommitRule(media=2)) as writer:
        view = writer.view("main", recipe())
        for number in numbers:
            what = replace(medium(number), extra=text(number))
            view.add(outcome(what, 2), rows_of(what, 2))
    return store


def extras(store: Path) -> dict[str, list[str | None]]:
    """The extra columns of the rows of each medium."""
    with open_store(store) as read:
        assert read.verify()[0].ok
        found: dict[str, list[str | None]] = {}
        for row in read.view().to_arrow(["name", "extra"]).to_pylist():
            found.setdefault(row["name"], []).append(row["extra"])
        return found


def expected(*numbers: int) -> dict[str, list[str | None]]:
    return {medium(n).name: [text(n)] * 2 for n in numbers}


def test_a_view_without_them_is_as_it_always_was(tmp_path: Path) -> None:
    add(tmp_path / "s", 0, 4)
    with open_store(tmp_path / "s") as read:
        view = read.view()
        assert not view.has_extra
        assert "extra" not in view.schema.names
        with pytest.raises(InputError, match="the rows have no extra columns"):
            view.count_rows("extra.score > 1")


@pytest.mark.parametrize("at_once", [True, False])
def test_the_first_ones_add_the_column(tmp_path: Path, at_once: bool) -> None:
    """Rows before and after have none; a second run over the same media changes nothing."""
    add(tmp_path / "s", 0, 4, 5)
    reader = open_store(tmp_path / "s")
    before = reader.view()
    if at_once:
        add(tmp_path / "s", 1, 6, 2, 3, 7, rule=CommitRule())
    else:
        for number in (1, 6, 2, 3, 7):
            add(tmp_path / "s", number)
    assert extras(tmp_path / "s") == expected(0, 4, 5, 1, 6, 2, 3, 7)
    with reader:
        assert before.to_arrow().num_rows == 6, "an open reader stays as it was"
        assert "extra" not in before.schema.names
    with open_store(tmp_path / "s") as read:
        view = read.view()
        assert view.take([6, 0], ["extra"]).column(0).to_pylist() == [text(1), None]
        assert str(view.schema.field("extra").type) == "string"
        assert view.to_numpy().shape == (16, 16)
        assert view.mapped("head_fc") is None or len(view.mapped("head_fc")) == 16  # type: ignore[arg-type]


def test_filters_compare_values_as_what_they_are_compared_with(tmp_path: Path) -> None:
    add(tmp_path / "s", 0, 1, 2, 3)
    media = {
        "extra.score > 0.4": (1, 2),
        "extra.score BETWEEN 1 AND 3 AND extra.ok = TRUE": (2,),
        "extra.camera = 'A' OR extra.\"track id\" IN (7, 8)": (1, 3),
        "extra.camera LIKE 'B%'": (2,),
        "extra.camera = 'B \"x\"'": (2,),
        "extra.score = '3'": (2,),
        "extra.camera > 0": (),  # no number
        "extra.nothing IS NULL": (0, 1, 2, 3),
        "extra IS NULL": (0,),
        "length(extra.camera) = 1 AND label IS NULL": (1,),
        "0 = CAST(extra.score AS double) - 3": (2,),
        "name = 'extra.score'": (),
    }
    with open_store(tmp_path / "s") as read:
        view = read.view()
        for where, numbers in media.items():
            names = view.to_arrow(["name"], where).column(0).to_pylist()
            assert names == [medium(n).name for n in numbers for _ in range(2)], where
            assert view.count_rows(where) == len(view.places(where)) == len(names), where
        with pytest.raises(InputError, match="a value of an extra column is a list or an object"):
            view.count_rows("extra.tags = 'a'")


def test_maintenance_labels_moves_and_deletions_keep_them(tmp_path: Path) -> None:
    store = add(tmp_path / "s", 0, 1, 2, 3, 4)
    relabel(store, "main", {medium(1).name: {"label": "cat"}})
    with open_writer(store) as writer:
        view = writer.view("main", recipe())
        moved = replace(medium(2), uri="file:///media/moved.mp4")
        view.move({medium(2).medium_id: MovedMedium(moved.medium_id, moved.uri, "moved.mp4", 1)})
        view.delete([medium(0).medium_id])
        again = replace(medium(3), size_bytes=5, extra='{"new":1}')
        view.add(outcome(again, 1), rows_of(again, 1))
    compact_view(store, "main")
    wanted = {**expected(1, 4), "moved.mp4": [text(2)] * 2, medium(3).name: ['{"new":1}']}
    assert extras(store) == wanted


@pytest.mark.parametrize("first", ["with", "without"])
def test_merging_keeps_them(tmp_path: Path, first: str) -> None:
    a = add(tmp_path / "a", *((1, 2) if first == "with" else (0, 4)))
    b = add(tmp_path / "b", *((0, 4) if first == "with" else (1, 2)))
    merge_store(a, b)
    assert extras(a) == expected(*((1, 2, 0, 4) if first == "with" else (0, 4, 1, 2)))
    merge_store(tmp_path / "new", a)
    assert extras(tmp_path / "new") == extras(a)


def test_an_index_stays_and_holds_the_rows_before(tmp_path: Path) -> None:
    store = tmp_path / "s"
    with open_writer(store) as writer:
        view = writer.view("main", recipe())
        feed(view, last_editions(40))
        plan = IndexPlan("vifex:head_fc", "head_fc", "IVF_SQ", "cosine", 2)
        view.make_index(plan, lambda table: {"column": "head_fc", "metric": "cosine"})
    with open_store(store) as read:
        held = read.view().indices()["head_fc"].rows_held
    add(store, 101)
    with open_writer(store) as writer:
        what = replace(medium(200), extra='{"a":1}')
        writer.view("main", recipe()).add(outcome(what, 2), rows_of(what, 2))
    with open_store(store) as read:
        assert read.view().indices()["head_fc"].rows_held == held
        assert read.verify()[0].ok
        assert read.view().count_rows("extra.a = 1") == 2


def test_a_store_of_format_1_gets_them_after_its_upgrade(tmp_path: Path) -> None:
    with tarfile.open(OLD) as packed:
        packed.extractall(tmp_path, filter="data")
    store = tmp_path / "format-1.vifex"
    with open_store(store) as read:
        before = bits(by_key(read.view("main").to_arrow()))
        stored = read.view("main").recipe
    what = replace(medium(50), extra='{"a":1}')
    with open_writer(store) as writer:
        writer.view("main", stored).add(outcome(what, 2), rows_of(what, 2, stored))
    with open_store(store) as read:
        view = read.view("main")
        assert all(check.ok for check in read.verify())
        assert view.to_arrow(["extra"], "extra.a = 1").column(0).to_pylist() == ['{"a":1}'] * 2
        old = view.to_arrow(where="extra IS NULL").drop_columns(["extra"])
        assert bits(by_key(old)) == before
    shutil.rmtree(store)
