"""Fragments are merged by the stated rule, versions cleaned, and open readers keep theirs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from store_maker import (
    assert_whole,
    bits,
    by_key,
    medium,
    outcome,
    recipe,
    rows_of,
    wide_recipe,
)

from vifex.store import CommitRule, delete_rows, open_store, open_writer
from vifex.store.commit import maintenance
from vifex.store.files.faults import BrokenTableError
from vifex.store.files.lance_adapter import Fragment, Table, manifests

MIB = 1 << 20


def pieces(*sizes: int, deleted: dict[int, int] | None = None) -> tuple[list[Fragment], list[int]]:
    gone = deleted or {}
    return [
        Fragment(i, 100 - gone.get(i, 0), gone.get(i, 0), (), None, None) for i in range(len(sizes))
    ], list(sizes)


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([], []),
        ([5], []),
        ([5, 5], [[0, 1]]),
        ([12, 10, 11], [[0, 1, 2]]),
        ([96, 32, *[1] * 32], [list(range(1, 34))]),  # the worked example
        ([96, 64], []),
        ([64 * MIB, 1, 1], [[1, 2]]),  # full ones rest
        ([1, 1, 64 * MIB, 1, 1], [[3, 4]]),  # merging the first two would move them to the end
        ([50 * MIB, 50 * MIB, 50 * MIB, 50 * MIB], [[0, 1], [2, 3]]),  # at most 128 MiB together
    ],
)
def test_the_rule_that_merges(sizes: list[int], groups: list[list[int]]) -> None:
    assert maintenance.choose(*pieces(*sizes)) == groups


def test_the_rule_for_deleted_rows() -> None:
    fragments, sizes = pieces(70 * MIB, 70 * MIB, 70 * MIB, 1, 1, deleted={0: 9, 2: 10, 3: 50})
    assert maintenance.choose(fragments, sizes) == [[2], [3, 4]]
    fragments, sizes = pieces(*[70 * MIB] * 5, deleted={0: 90, 1: 1, 3: 40})
    assert maintenance.choose(fragments, sizes) == [[0], [1], [2, 3, 4]]
    fragments, sizes = pieces(*[70 * MIB] * 6, 1, 1, deleted={0: 90})
    assert maintenance.choose(fragments, sizes) == [[0], [1, 2], [3, 4, 5], [6, 7]]
    fragments, sizes = pieces(*[70 * MIB] * 5, deleted={0: 40, 4: 9})
    assert maintenance.choose(fragments, sizes) == []  # nine of a hundred
    fragments, sizes = pieces(*[70 * MIB] * 5, deleted={0: 10})
    assert maintenance.choose(fragments, sizes) == []  # it would rewrite 500 rows for ten


def test_each_row_is_rewritten_a_logarithmic_number_of_times() -> None:
    sizes, written = [], 0
    for _ in range(64):
        sizes += [1] * 32
        for group in maintenance.choose(*pieces(*sizes)):
            merged = sum(sizes[i] for i in group)
            written += merged
            sizes[group[0] : group[-1] + 1] = [merged]
    assert written <= 8 * sum(sizes)
    assert len(sizes) <= 8


def test_many_commits_stay_small_and_quick_to_open(folder: Path) -> None:
    store, of, rows = folder / "s.vifex", wide_recipe(512), 16
    with open_writer(store, rule=CommitRule(media=1)) as writer:
        view = writer.view("main", of)
        for i in range(150):
            view.add(outcome(medium(i), rows), rows_of(medium(i), rows, of))
    on_disk = sum(Path(f, n).stat().st_size for f, _, names in os.walk(store) for n in names)
    assert on_disk <= 1.1 * 150 * rows * 512 * 4
    with open_store(store) as read:
        head = read.view()._head
        # What opening costs: fragments and versions to look at.
        assert len(head.rows.fragments()) <= 8
        assert len(head.ledger.fragments()) <= 8
        assert len(manifests(head.rows.path)) <= 2 + maintenance.AT_END_COMMITS
        assert len(manifests(head.ledger.path)) <= 2 + maintenance.AT_END_COMMITS
        reasons = [
            e["reason"] for e in read.view().ledger(history=True).to_pylist() if e["kind"] == "maintenance"
        ]
        assert reasons[1].startswith("merged 32 fragments of rows into 1")
        assert read.view().count_rows() == 150 * rows


def test_maintenance_keeps_the_order_of_rows(folder: Path) -> None:
    store = folder / "s.vifex"
    with open_writer(store, rule=CommitRule(media=1)) as writer:
        view = writer.view("main", recipe())
        for i in range(40):
            view.add(outcome(medium(i), 3), rows_of(medium(i), 3))
        view.add(outcome(medium(7, 1), 2), rows_of(medium(7, 1), 2))
    order = [f"{medium(i).medium_id}:{k}" for i in range(40) if i != 7 for k in range(3)]
    order += [f"{medium(7).medium_id}:{k}" for k in range(2)]
    with open_store(store) as read:
        view_ = read.view()
        assert view_.to_arrow(["key"]).column("key").to_pylist() == order
        assert view_.take([5, 0, 118], ["key"]).column("key").to_pylist() == [order[5], order[0], order[118]]


@pytest.mark.parametrize("full_bytes", [1, 20_000, 1 << 40])
def test_merging_some_fragments_keeps_the_order_of_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, full_bytes: int
) -> None:
    """Commits of unlike sizes, so that some are full, with deletions at the start and in the middle."""
    monkeypatch.setattr(maintenance, "FULL_BYTES", full_bytes)
    monkeypatch.setattr(maintenance, "MERGED_BYTES", 60_000)
    monkeypatch.setattr(maintenance, "EVERY_COMMITS", 5)
    store, of = folder / "s.vifex", wide_recipe(64)
    counts = [3, 30, 120, 4, 5, 100, 6, 7, 8, 90, 2, 3, 110, 1, 1, 1, 60, 60, 2, 2]
    with open_writer(store, rule=CommitRule(media=1)) as writer:
        view = writer.view("main", of)
        for i, rows in enumerate(counts):
            view.add(outcome(medium(i), rows), rows_of(medium(i), rows, of))
    gone = [2, 9, 13]
    delete_rows(store, "main", [medium(i).name for i in gone])
    kept = [i for i in range(len(counts)) if i not in gone]
    order = [f"{medium(i).medium_id}:{k}" for i in kept for k in range(counts[i])]
    with open_store(store) as read:
        assert read.view().to_arrow(["key"]).column("key").to_pylist() == order
    with open_writer(store, rule=CommitRule(media=1)) as writer:
        view = writer.view("main", of)
        for i in range(100, 112):
            view.add(outcome(medium(i), 2), rows_of(medium(i), 2, of))
    order += [f"{medium(i).medium_id}:{k}" for i in range(100, 112) for k in range(2)]
    with open_store(store) as read:
        assert read.view().to_arrow(["key"]).column("key").to_pylist() == order


def test_an_open_reader_keeps_its_version_through_maintenance(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "EVERY_COMMITS", 4)
    store = folder / "s.vifex"
    with open_writer(store, rule=CommitRule(media=1)) as writer:
        view = writer.view("main", recipe())
        for i in range(3):
            view.add(outcome(medium(i), 3), rows_of(medium(i), 3))
        reader = open_store(store)
        old = reader.view()
        before, commit = bits(by_key(old.to_arrow())), old.commit
        for i in range(20):
            view.add(outcome(medium(i, 1), 2), rows_of(medium(i, 1), 2))
        assert manifests(old._head.rows.path).keys() >= {old.versions[1]}
        assert bits(by_key(old.to_arrow())) == before
        assert old.ledger().num_rows == 3
        newer = reader.view()
        assert newer.commit > commit
        assert newer.count_rows() == 40
        assert bits(by_key(old.to_arrow())) == before
        ledger, rows = old.versions
        reader.close()
        for i in range(20, 30):
            view.add(outcome(medium(i), 2), rows_of(medium(i), 2))
        # With its reader gone the version goes too.
        for path, version in ((old._head.rows.path, rows), (old._head.ledger.path, ledger)):
            with pytest.raises(BrokenTableError):
                Table.open(path, version)
    assert_whole(store)


def test_a_forgotten_reader_gives_its_version_back(folder: Path) -> None:
    store = folder / "s.vifex"
    with open_writer(store) as writer:
        writer.view("main", recipe())
    view = open_store(store).view()
    assert len(list((store / "readers").iterdir())) == 1
    assert view.count_rows() == 0
    del view
    assert list((store / "readers").iterdir()) == []
