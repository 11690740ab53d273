"""A crash right after any step of a repair: nothing right is lost, and the next repair ends as this one."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash_maker import crashes
from store_maker import bits, by_key, feed, last_editions, medium, outcome, recipe, rows_of

from vifex.store import CommitRule, open_store, open_writer, repair_views
from vifex.store.commit import checkpoints
from vifex.store.repairing import commits

STEPS = {step for step in checkpoints.STEPS if step.startswith("repair.")}


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 4
    file.write_bytes(data)


def damaged(store: Path, *, ledger: bool) -> None:
    """Make a store of several commits with a damaged data file, and a ledger with a damaged commit."""
    writer = open_writer(store, "{}", rule=CommitRule(media=3))
    view = writer.view("main", recipe())
    feed(view, last_editions(12))
    view.add(outcome(medium(1, 9), 2), rows_of(medium(1, 9), 2))
    view.commit()
    writer._lock.free()

    def oldest(folder: str) -> list[Path]:
        return sorted((store / "views/main" / folder).iterdir(), key=lambda p: p.stat().st_mtime_ns)

    flip(oldest("rows.lance/data")[1], 300)
    if ledger:
        flip(oldest("ledger.lance/data")[1], 900)


def repair(store: Path) -> None:
    repair_views(store, dry_run=False, run="{}")


def contents(store: Path) -> tuple[list[object], list[dict[str, object]]]:
    with open_store(store) as read:
        assert read.verify()[0].ok
        entries = read.view().ledger(columns=["name", "rows", "status", "size_bytes"]).to_pylist()
        return bits(by_key(read.view().to_arrow())), sorted(entries, key=lambda e: str(e["name"]))


@pytest.mark.parametrize(
    ("power", "ledger"), [(False, False), (True, True)], ids=["kill, rows", "power, ledger too"]
)
def test_a_crash_at_any_step_of_a_repair(
    power: bool, ledger: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Starting a process for each copy takes a second; `test_repairing` reads a ledger in one.
    monkeypatch.setattr(
        commits,
        "_run",
        lambda table, first, into, _: commits.write_fragments(table.path, table.version, first, into),
    )
    store = folder / "s.vifex"
    damaged(store, ledger=ledger)
    (folder / "copies").mkdir()
    found = crashes(
        store, folder / "copies", monkeypatch if power else None, lambda: repair(store), occurrences=[1]
    )
    wanted = contents(store)
    assert wanted[0]
    assert {step for step, _, _ in found} >= STEPS
    for step, copy, _ in found:
        repair(copy)
        assert contents(copy) == wanted, step
