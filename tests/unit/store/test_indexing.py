"""Approximate indexes lie in the store like rows: committed whole, checked, kept right by every change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from store_maker import bits, by_key, medium, outcome, rows_of, wide_recipe

from vifex.store import IndexPlan, View, index_name, open_store, open_writer
from vifex.store.commit import maintenance
from vifex.store.files.lance_adapter import Table
from vifex.store.files.lock import FileLock
from vifex.values import StoreError

RECIPE = wide_recipe(64)
PER_MEDIUM = 20
PLAN = IndexPlan(index_name("pool"), "pool", "IVF_SQ", "cosine", 8)
FACTS = {"column": "pool", "metric": "cosine", "said": 1}


def fill(store: Path, numbers: range, edition: int = 0) -> None:
    with open_writer(store) as writer:
        view = writer.view("main", RECIPE)
        for i in numbers:
            view.add(outcome(medium(i, edition), PER_MEDIUM), rows_of(medium(i, edition), PER_MEDIUM, RECIPE))


def make(store: Path) -> None:
    with open_writer(store) as writer:
        view = writer.stored_view("main")
        view.make_index(PLAN, lambda _: FACTS)
        view.remove_old_versions()


def index_files(store: Path) -> list[str]:
    return sorted(p.name for p in (store / "views/main/rows.lance/_indices").glob("*/*"))


@pytest.fixture
def indexed(folder: Path) -> Path:
    store = folder / "s.vifex"
    fill(store, range(20))
    fill(store, range(20, 30))
    make(store)
    return store


@pytest.fixture
def view(indexed: Path) -> Iterator[View]:
    with open_store(indexed) as opened:
        yield opened.view()


def found(view: View, count: int = 1000) -> set[int]:
    """Places of all rows that the index gives for a query, with every partition looked at."""
    query = np.random.default_rng(3).standard_normal(64)
    [places] = view.indices()["pool"].candidates(query[None], count=count, probes=8)
    assert len(set(places.tolist())) == len(places)
    return set(places.tolist())


def test_an_index_changes_no_row_and_is_told_by_the_ledger(folder: Path) -> None:
    store = folder / "s.vifex"
    fill(store, range(30))
    with open_store(store) as opened:
        before, commit = bits(opened.view().to_arrow()), opened.view().commit
        assert opened.view().indices() == {}
    make(store)
    with open_store(store) as opened:
        view = opened.view()
        assert bits(view.to_arrow()) == before
        assert view.commit > commit
        index = view.indices()["pool"]
        assert index.facts == FACTS
        assert (index.kind, index.metric, index.rows_held) == ("IVF_SQ", "cosine", 600)
        assert len(index.places_not_held) == 0
        assert found(view) == set(range(600))
        # Entries of the index are no media.
        assert view.count_media() == 30


def test_the_nearest_by_the_index_come_first(view: View) -> None:
    vectors = view.to_numpy()
    query = vectors[137].astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = np.argsort(-(unit @ unit[137]))
    [places] = view.indices()["pool"].candidates(query[None], count=20, probes=8)
    assert places[0] == 137
    assert len(set(places.tolist()) & set(nearest[:20].tolist())) >= 18  # numbers of 8 bits err a little


def test_a_check_covers_the_files_of_an_index(indexed: Path) -> None:
    with open_store(indexed) as opened:
        [whole] = opened.verify()
    assert whole.ok
    assert whole.without_checksum == 0
    file = next((indexed / "views/main/rows.lance/_indices").glob("*/auxiliary.idx"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with open_store(indexed) as opened:
        [check] = opened.verify()
    assert [p.what for p in check.problems] == [
        "its bytes are not what was written; it belongs to an approximate index, "
        "which vifex index makes again"
    ]
    assert check.affected == ()
    file.unlink()
    with open_store(indexed) as opened:
        [check] = opened.verify()
    assert check.problems[0].what.startswith("it is gone; it belongs to an approximate index")


def test_added_and_relabelled_rows_are_not_held_and_deleted_ones_never_come_back(indexed: Path) -> None:
    fill(indexed, range(30, 32))
    with open_writer(indexed) as writer:
        writer.stored_view("main").delete([medium(3).medium_id, medium(25).medium_id])
    with open_writer(indexed) as writer:
        writer.stored_view("main").relabel({medium(7).medium_id: {"label": "cat"}})
    with open_store(indexed) as opened:
        view = opened.view()
        index = view.indices()["pool"]
        keys = view.to_arrow(["medium_id"]).column(0).to_pylist()
        owners = {keys[place] for place in index.places_not_held.tolist()}
        assert owners == {medium(i).medium_id for i in (30, 31, 7)}
        assert index.rows_held == 27 * PER_MEDIUM
        held = set(range(view.count_rows())) - set(index.places_not_held.tolist())
        assert found(view) == held


def test_maintenance_moves_indexed_rows_with_their_index(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "AT_END_COMMITS", 1)
    fill(indexed, range(5), edition=1)
    with open_store(indexed) as opened:
        view = opened.view()
        [check] = opened.verify()
        assert check.ok
        assert check.without_checksum == 0
        index = view.indices()["pool"]
        assert all(not f.deleted for f in view._head.rows.fragments())  # they were written anew
        assert index.rows_held == 25 * PER_MEDIUM
        query = view.to_numpy()[60].astype(np.float64)
        assert index.candidates(query[None], count=1, probes=8)[0].tolist() == [60]
        assert found(view) == set(range(30 * PER_MEDIUM)) - set(index.places_not_held.tolist())


def test_maintenance_drops_a_damaged_index(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "AT_END_COMMITS", 1)
    with open_store(indexed) as opened:
        before = bits(by_key(opened.view().to_arrow(where=f"medium_id <> '{medium(0).medium_id}'")))
    next((indexed / "views/main/rows.lance/_indices").glob("*/auxiliary.idx")).write_bytes(b"x" * 100)
    with open_writer(indexed) as writer:
        writer.stored_view("main").delete([medium(0).medium_id, medium(1).medium_id, medium(2).medium_id])
    fill(indexed, range(1, 3))
    with open_store(indexed) as opened:
        view = opened.view()
        assert view.indices() == {}
        assert bits(by_key(view.to_arrow())) == before
        [check] = opened.verify()
        assert check.ok


def test_a_new_index_takes_the_place_of_the_old_one_and_dropping_removes_the_files(indexed: Path) -> None:
    fill(indexed, range(30, 32))
    first = index_files(indexed)
    make(indexed)
    with open_store(indexed) as opened:
        assert opened.view().indices()["pool"].rows_held == 32 * PER_MEDIUM
    assert index_files(indexed) == first  # as many: those of the old one are gone
    with open_writer(indexed) as writer:
        dropped = {"column": "pool", "dropped": True}
        view = writer.stored_view("main")
        assert view.drop_index(PLAN.name, dropped)
        assert not view.drop_index(PLAN.name, dropped)
    assert index_files(indexed) == []
    with open_store(indexed) as opened:
        assert opened.view().indices() == {}
        assert opened.view().count_rows() == 32 * PER_MEDIUM
        assert opened.verify()[0].ok


def test_an_index_whose_measurement_fails_was_never_there(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(indexed, range(30, 31))
    with open_store(indexed) as opened:
        before = opened.view().commit

    def fail(rows: Table) -> dict[str, object]:
        assert rows.vector_indices()
        raise RuntimeError("the measurement failed")

    with pytest.raises(RuntimeError, match="the measurement failed"), open_writer(indexed) as writer:
        writer.stored_view("main").make_index(PLAN, fail)
    with open_store(indexed) as opened:
        view = opened.view()
        assert view.commit >= before
        assert view.indices()["pool"].rows_held == 30 * PER_MEDIUM
    monkeypatch.setattr(maintenance, "AT_END_COMMITS", 1)
    fill(indexed, range(31, 32))  # maintenance removes the files of the index that was not committed
    assert len(index_files(indexed)) == 2


def test_a_reader_keeps_its_index_while_a_writer_drops_it(indexed: Path) -> None:
    with open_store(indexed) as opened:
        view = opened.view()
        assert view.indices()
        with open_writer(indexed) as writer:
            writer.stored_view("main").drop_index(PLAN.name, {"column": "pool", "dropped": True})
        assert found(view) == set(range(30 * PER_MEDIUM))


def test_a_second_writer_is_refused(indexed: Path) -> None:
    lock = FileLock.take(indexed / "LOCK")
    assert lock is not None
    try:
        with pytest.raises(StoreError, match="another process"):
            make(indexed)
    finally:
        lock.free()
