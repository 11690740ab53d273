"""Deleting media and giving them other labels: nothing is computed, and no bit of a vector changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from store_maker import assert_whole, bits, by_key, feed, last_editions, medium, outcome, recipe, rows_of

from vifex.store import (
    CommitRule,
    LabelChange,
    MovedMedium,
    delete_rows,
    open_store,
    open_writer,
    relabel,
)
from vifex.store.commit import maintenance
from vifex.values import InputError, StoreError


@pytest.fixture
def store(folder: Path) -> Path:
    """Media in several commits; number 5 has rows that were spilled, number 8 has none."""
    path = folder / "s.vifex"
    with open_writer(path, run="{1}", rule=CommitRule(media=3)) as writer:
        view = writer.view("main", recipe())
        for number in range(12):
            what, rows = medium(number), 0 if number == 8 else 1 + number % 3
            spilled = view.spill(None, rows_of(what, 4)) if number == 5 else None
            batch = rows_of(what, rows, first=4 if spilled else 0) if rows else None
            count = rows + (4 if spilled else 0)
            view.add(outcome(what, count, "ok" if rows else "failed"), batch, spilled)
    return path


def names(*numbers: int) -> list[str]:
    return [medium(n).name for n in numbers]


def ids_of(rows: pa.Table) -> set[str]:
    return set(rows.column("medium_id").to_pylist())


def test_deleted_media_are_gone_and_the_rest_is_as_it_was(store: Path) -> None:
    before = assert_whole(store)
    assert delete_rows(store, "main", [*names(1, 5, 8), medium(9).uri], run="{2}") == 4
    after = assert_whole(store)
    gone = {medium(n).medium_id for n in (1, 5, 8, 9)}
    assert ids_of(before) - ids_of(after) == gone - {medium(8).medium_id}
    kept = before.filter(pa.array([m not in gone for m in before.column("medium_id").to_pylist()]))
    assert bits(kept.combine_chunks()) == bits(after)
    with open_store(store) as read:
        view = read.view()
        assert sorted(view.ledger(columns=["name"]).column(0).to_pylist()) == names(0, 2, 3, 4, 6, 7, 10, 11)
        deleted = view.ledger(history=True, where="kind = 'deleted'").to_pylist()
        assert {e["medium_id"] for e in deleted} == gone
        assert {view.runs()[e["run"]] for e in deleted} == {"{2}"}
        assert read.verify()[0].ok


def test_a_deleted_medium_is_made_again(store: Path) -> None:
    before = assert_whole(store)
    delete_rows(store, "main", names(4))
    with open_writer(store) as writer:
        view = writer.view("main", recipe())
        assert view.finished().status_of(medium(4), view.recipe.hash) is None
        assert view.finished().status_of(medium(3), view.recipe.hash) == "ok"
        view.add(outcome(medium(4), 2), rows_of(medium(4), 2))
    assert bits(assert_whole(store)) == bits(before)


def test_other_labels(store: Path) -> None:
    with open_store(store) as read:
        before = by_key(read.view().to_arrow())
    changes: dict[str, LabelChange] = {
        medium(1).name: {"label": "cat"},
        medium(5).uri: {"label": "dog", "split": None},
        medium(8).name: {"split": "val"},
        medium(3).name: {"split": "train"},  # as it is
    }
    assert relabel(store, "main", changes) == 3
    assert relabel(store, "main", changes) == 0
    with open_store(store) as read:
        view = read.view()
        after = by_key(view.to_arrow())
        entries = {e["name"]: e for e in view.ledger().to_pylist()}
        assert read.verify()[0].ok
    names_ = [n for n in before.schema.names if n not in ("label", "split")]
    assert bits(after.select(names_)) == bits(before.select(names_))
    labels = {1: ("cat", "train"), 5: ("dog", None), 8: (None, "val"), 3: (None, "train"), 2: (None, None)}
    for number, pair in labels.items():
        entry = entries[medium(number).name]
        assert (entry["label"], entry["split"]) == pair
        rows = after.filter(pa.compute.equal(after.column("medium_id"), medium(number).medium_id))
        found = set(zip(rows.column("label").to_pylist(), rows.column("split").to_pylist(), strict=True))
        assert found == ({pair} if number != 8 else set())
    assert entries[medium(5).name]["wall_s"] == 0.25
    with open_writer(store) as writer:
        view_ = writer.view("main", recipe())
        for number in range(12):
            what = replace(medium(number), label="cat", split="val")
            assert view_.finished().status_of(what, view_.recipe.hash) is not None, "nothing is computed"


def test_unknown_names_change_nothing(store: Path) -> None:
    before = bits(assert_whole(store))
    with pytest.raises(
        InputError, match=r"the view 'main' has no medium 'clips/clip 00099\.mp4'\. Did you mean"
    ):
        delete_rows(store, "main", names(1, 99))
    with pytest.raises(InputError, match="no medium 'x'"):
        relabel(store, "main", {"x": {"label": "cat"}, medium(1).name: {"label": "cat"}})
    with pytest.raises(StoreError, match=r"has no view 'mian'\. Did you mean main"):
        delete_rows(store, "mian", names(1))
    assert bits(assert_whole(store)) == before


@pytest.mark.parametrize("merging", [False, True])
def test_many_changes_find_their_rows_without_reading_the_others(
    merging: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replaced, deleted, relabelled, commit by commit; after the first change only new fragments are read."""
    from vifex.store.commit import row_places

    if merging:
        monkeypatch.setattr(maintenance, "EVERY_COMMITS", 3)
    read: list[int] = []
    real = row_places._read
    monkeypatch.setattr(row_places, "_read", lambda rows, number: read.append(number) or real(rows, number))
    store = folder / "s.vifex"
    with open_writer(store, rule=CommitRule(media=4)) as writer:
        view = writer.view("main", recipe())
        feed(view, last_editions(16))
        for edition in range(1, 6):
            for number in range(16):
                view.add(outcome(medium(number, edition), 2), rows_of(medium(number, edition), 2))
        view.commit()
        gone = [medium(n).medium_id for n in (1, 2)]
        assert view.delete([*gone, "no id"]) == 2
        assert view.delete(gone) == 0
        assert view.relabel({medium(3).medium_id: {"label": "cat"}}) == 1
        view.add(outcome(medium(3, 9), 3), rows_of(medium(3, 9), 3))
    assert len(read) == len(set(read)), "a fragment is read once"
    rows = assert_whole(store)
    assert rows.num_rows == 13 * 2 + 3


def test_two_media_change_places_in_one_commit(store: Path) -> None:
    """Names of files were swapped: each medium has the rows of the other, under its own id."""
    with open_store(store) as read:
        column = read.view().columns[0]
        before = {row["key"]: row[column] for row in read.view().to_arrow().to_pylist()}
    one, other = medium(2), medium(5)
    moves = {
        old.medium_id: MovedMedium(new.medium_id, new.uri, new.name, 7)
        for old, new in ((one, other), (other, one))
    }
    with open_writer(store) as writer:
        assert writer.stored_view("main").move(moves) == 2
    with open_store(store) as read:
        assert read.verify()[0].ok
        after = {row["key"]: row[column] for row in read.view().to_arrow().to_pylist()}
    swap = {one.medium_id: other.medium_id, other.medium_id: one.medium_id}
    expected = {f"{swap.get(k[:32], k[:32])}{k[32:]}": vector for k, vector in before.items()}
    assert after == expected


def test_no_medium_moves_to_where_another_one_stays(store: Path) -> None:
    new = medium(5)
    move = {medium(2).medium_id: MovedMedium(new.medium_id, new.uri, new.name, 7)}
    with open_writer(store) as writer, pytest.raises(ValueError, match="where another one is"):
        writer.stored_view("main").move(move)
    assert_whole(store)
