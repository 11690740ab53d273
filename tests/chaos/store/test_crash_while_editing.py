"""A crash right after any step of deleting, pruning, relabelling and moving: each medium is as it was, or as
it was to be."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from crash_maker import crashes
from store_maker import bits, by_key, feed, last_editions, medium, recipe

import vifex
from vifex.store import CommitRule, MovedMedium, editing, open_store, open_writer
from vifex.values import Medium
from vifex.values.media import path_to_uri

RULE = CommitRule(media=2)
DELETED = [0, 1, 4, 9]
RELABELLED = [2, 3, 6, 7]


def edit(store: Path) -> None:
    with open_writer(store, run="{}", rule=RULE) as writer:
        view = writer.view("main", recipe())
        view.delete(medium(n).medium_id for n in DELETED)
        view.relabel({medium(n).medium_id: {"label": "cat"} for n in RELABELLED})


def contents(store: Path) -> list[object]:
    with open_store(store) as read:
        view = read.view()
        assert read.verify()[0].ok
        return bits(by_key(view.to_arrow()))


@pytest.mark.usefixtures("eager_maintenance")
@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_crash_at_any_step_of_deleting_and_relabelling(
    power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = folder / "s.vifex"
    with open_writer(store, rule=RULE) as writer:
        feed(writer.view("main", recipe()), last_editions(12))
    (folder / "copies").mkdir()
    found = crashes(
        store, folder / "copies", monkeypatch if power else None, lambda: edit(store), occurrences=[3]
    )
    wanted = contents(store)
    assert {"rows.deletions_written", "rows.manifest_synced", "ledger.manifest_synced"} <= {
        step for step, _, _ in found
    }
    for step, copy, _ in found:
        with open_store(copy) as read:
            view = read.view()
            # After a power failure the newest commit may be damaged: the one before counts.
            assert power or read.verify()[0].ok, step
            entries = {e["medium_id"]: (e["rows"], e["label"]) for e in view.ledger().to_pylist()}
            rows = view.to_arrow(["medium_id", "label"]).to_pylist()
        for number in range(12):
            medium_id = medium(number).medium_id
            labels = [row["label"] for row in rows if row["medium_id"] == medium_id]
            if medium_id not in entries:
                assert number in DELETED, step
                assert not labels, step
            else:
                count, label = entries[medium_id]
                assert labels == [label] * count, step
                assert label in ((None, "cat") if number in RELABELLED else (None,)), step
        edit(copy)
        assert contents(copy) == wanted, step


MOVED = [1, 2, 5, 8, 11]


def moved(number: int) -> Medium:
    return replace(medium(number), uri=f"{medium(number).uri}.moved")


def move(store: Path) -> None:
    with open_writer(store, run="{}", rule=RULE) as writer:
        view = writer.view("main", recipe())
        there = {medium(n).medium_id: moved(n) for n in MOVED if moved(n).medium_id not in view.finished()}
        view.move({old: MovedMedium(m.medium_id, m.uri, f"moved {m.name}", 7) for old, m in there.items()})


@pytest.mark.usefixtures("eager_maintenance")
@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_crash_at_any_step_of_moving(power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A medium is under its old address or under its new one, with all its rows, never under both or none."""
    store = folder / "s.vifex"
    with open_writer(store, rule=RULE) as writer:
        feed(writer.view("main", recipe()), last_editions(12))
    with open_store(store) as read:
        column = read.view().columns[0]
        before = {row["key"]: row[column] for row in read.view().to_arrow().to_pylist()}
    (folder / "copies").mkdir()
    found = crashes(
        store, folder / "copies", monkeypatch if power else None, lambda: move(store), occurrences=[2]
    )
    wanted = contents(store)
    for step, copy, _ in found:
        with open_store(copy) as read:
            assert power or read.verify()[0].ok, step
            entries = {e["medium_id"]: e["rows"] for e in read.view().ledger().to_pylist()}
            rows = read.view().to_arrow().to_pylist()
        assert len(entries) == 12, step
        for number in range(12):
            old, new = medium(number), moved(number)
            (one,) = [m for m in (old, new) if m.medium_id in entries]
            assert one is old or number in MOVED, step
            own = [row for row in rows if row["medium_id"] in (old.medium_id, new.medium_id)]
            assert [row["medium_id"] for row in own] == [one.medium_id] * entries[one.medium_id], step
            assert {row["uri"] for row in own} <= {one.uri}, step
            for row in own:
                key = f"{old.medium_id}:{row['ordinal']}"
                assert row["key"] == f"{one.medium_id}:{row['ordinal']}", step
                assert row[column] == before[key], step
        move(copy)
        assert contents(copy) == wanted, step


GONE = [0, 3, 4, 7, 10]


@pytest.mark.usefixtures("eager_maintenance")
@pytest.mark.parametrize("power", [True], ids=["power"])
def test_a_crash_at_any_step_of_pruning(power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A medium whose file is gone is there with all its rows or not at all; the others stay as they were."""
    store = folder / "s.vifex"
    (folder / "media").mkdir()
    files = {n: folder / "media" / f"{n}.mp4" for n in range(12)}
    run = [(replace(m, uri=path_to_uri(files[n])), *rest) for n, (m, *rest) in enumerate(last_editions(12))]
    with open_writer(store, rule=RULE) as writer:
        feed(writer.view("main", recipe()), run)  # type: ignore[arg-type]
    for number, file in files.items():
        if number not in GONE:
            file.touch()
    monkeypatch.setattr(editing, "open_writer", partial(open_writer, rule=RULE))
    before = contents_of(store)
    (folder / "copies").mkdir()
    found = crashes(
        store, folder / "copies", monkeypatch if power else None, lambda: prune(store), occurrences=[2]
    )
    wanted = contents(store)
    gone = {path_to_uri(files[n]) for n in GONE}
    after = contents_of(store)
    assert after == {uri: rows for uri, rows in before.items() if uri not in gone}
    assert {"rows.manifest_synced", "ledger.manifest_synced"} <= {step for step, _, _ in found}
    for step, copy, _ in found:
        with open_store(copy) as read:
            assert power or read.verify()[0].ok, step
        there = contents_of(copy)
        assert {uri: there.get(uri) for uri in after} == after, step
        assert {uri: rows for uri, rows in there.items() if uri in gone}.items() <= before.items(), step
        prune(copy)
        assert contents(copy) == wanted, step


def prune(store: Path) -> None:
    vifex.prune(store)


def contents_of(store: Path) -> dict[str, list[dict[str, object]]]:
    """Give the rows of each medium of the ledger, by its address; the counts must be those of the ledger."""
    with open_store(store) as read:
        view = read.view()
        counts = {e["uri"]: e["rows"] for e in view.ledger().to_pylist()}
        rows = view.to_arrow().to_pylist()
    own = {uri: [row for row in rows if row["uri"] == uri] for uri in counts}
    assert {uri: len(found) for uri, found in own.items()} == counts
    return own
