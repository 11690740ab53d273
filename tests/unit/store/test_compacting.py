"""Compaction: no small fragment, no deleted row and no old version is left; no row changes or moves."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_maker import assert_whole, bits, medium, outcome, recipe, rows_of

import vifex
from vifex.cli.compacting import compact as compact_command
from vifex.store import CommitRule, delete_rows, open_store, open_writer
from vifex.store.commit import maintenance
from vifex.store.files.lance_adapter import Fragment, manifests

GIB = 1 << 30


def fragments(sizes: list[float], deleted: dict[int, int]) -> tuple[list[Fragment], list[int]]:
    made = [Fragment(10 + i, 100, deleted.get(i, 0), (), None, None) for i in range(len(sizes))]
    return made, [int(size * GIB) for size in sizes]


@pytest.mark.parametrize(
    ("sizes", "deleted", "groups"),
    [
        ([], {}, []),
        ([0.1], {}, []),
        ([0.1], {0: 1}, [[10]]),
        ([0.1, 0.2], {}, [[10, 11]]),
        ([0.9, 0.9, 0.9], {}, []),
        ([0.9, 0.3, 0.3], {}, [[11, 12]]),
        ([0.3, 0.3, 0.9], {}, [[10, 11, 12]]),  # what follows has to move along
        ([0.3, 0.3, 0.9, 0.9, 0.9], {}, [[10, 11], [12, 13, 14]]),
        ([0.3, 0.3, 0.9, 0.9, 0.2, 0.2], {}, [[10, 11], [12, 13], [14, 15]]),
        ([0.9, 0.9, 0.9, 0.9], {1: 5}, [[11], [12, 13]]),
        ([0.9, 0.9], {1: 100}, [[11]]),
    ],
)
def test_the_rule(sizes: list[float], deleted: dict[int, int], groups: list[list[int]]) -> None:
    assert maintenance.choose_all(*fragments(sizes, deleted)) == groups


def fill(store: Path) -> None:
    """Fourteen commits, with deletions at the start and in the middle; no maintenance is due."""
    for start in (0, 7):
        with open_writer(store, rule=CommitRule(media=1)) as writer:
            view = writer.view("main", recipe())
            for number in range(start, start + 7):
                view.add(outcome(medium(number), 3), rows_of(medium(number), 3))
    delete_rows(store, "main", [medium(n).name for n in (0, 8)])


def state(store: Path) -> list[object]:
    with open_store(store) as read:
        view = read.view()
        assert read.verify()[0].ok
        return [*bits(view.to_arrow()), *bits(view.ledger(columns=["name", "rows", "run", "status"]))]


@pytest.fixture
def store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(maintenance, "AT_END_COMMITS", 100)
    fill(folder / "s.vifex")
    return folder / "s.vifex"


def test_a_store_of_many_small_runs_becomes_small(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(store)
    assert compact_command(store) == 0
    assert "fragments, 0 deleted rows" in capsys.readouterr().out  # a fragment without rows is no fragment
    assert state(store) == before
    with open_store(store) as read:
        ledger, rows = read.view().tables
        assert [f.deleted for f in rows.fragments()] == [0]
        assert len(ledger.fragments()) == 3
        assert len(manifests(rows.path)) == len(manifests(ledger.path)) == 2
        commit = read.view().commit
    (again,) = vifex.compact(store).views
    assert again.size_bytes_before == again.size_bytes_after
    with open_store(store) as read:
        assert read.view().commit == commit, "there was nothing to do"


@pytest.mark.parametrize("most", [1, 3000, 9000])
def test_rows_keep_their_order_whatever_is_merged(
    most: int, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "FOLDED_BYTES", most)
    delete_rows(store, "main", [medium(5).name])
    before = state(store)
    vifex.compact(store)
    assert state(store) == before
    with open_store(store) as read:
        count = len(read.view().tables[1].fragments())
    vifex.compact(store)
    with open_store(store) as read:
        assert len(read.view().tables[1].fragments()) == count


def test_an_open_reader_goes_on_and_its_versions_stay(store: Path) -> None:
    with open_store(store) as reader:
        view = reader.view()
        before = bits(view.to_arrow())
        (one,) = vifex.compact(store).views
        assert one.kept_versions == 2
        assert bits(view.to_arrow()) == before
    (two,) = vifex.compact(store).views
    assert two.kept_versions == 0
    assert two.size_bytes_after < two.size_bytes_before


def test_damaged_fragments_are_left_as_they_are(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_store(store) as read:
        rows = read.view().tables[1]
        damaged = rows.data / rows.fragments()[3].files[0]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 3] ^= 1
    damaged.write_bytes(content)
    vifex.compact(store)
    assert "damaged fragments are not merged" in caplog.text
    with open_store(store) as read:
        (found,) = read.verify()
        assert [Path(p.file).name for p in found.problems] == [damaged.name]


def test_deleted_rows_are_dropped(store: Path) -> None:
    whole = assert_whole(store).num_rows
    with open_writer(store, rule=CommitRule(media=9)) as writer:
        view = writer.view("main", recipe())
        for number in range(20, 29):
            view.add(outcome(medium(number), 3), rows_of(medium(number), 3))
    delete_rows(store, "main", [medium(22).name])
    (one,) = vifex.compact(store, view="main").views
    assert one.deleted_rows == 3
    assert one.fragments_after == 1
    assert assert_whole(store).num_rows == whole + 24
