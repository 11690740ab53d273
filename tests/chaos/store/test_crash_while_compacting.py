"""A kill right after any step of compaction: every row and entry is there, and the next call ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash_maker import crashes
from store_maker import bits, feed, last_editions, recipe

from vifex.store import CommitRule, compact_view, open_store, open_writer
from vifex.store.commit import maintenance


def contents(store: Path) -> list[object]:
    with open_store(store) as read:
        assert read.verify()[0].ok
        return [*bits(read.view().to_arrow()), *bits(read.view().ledger())]


def test_a_kill_at_any_step_of_compaction(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of syncs is that of maintenance, which is tested with power failures."""
    monkeypatch.setattr(maintenance, "AT_END_COMMITS", 100)
    monkeypatch.setattr(maintenance, "DELETED", 1.0)
    store = folder / "s.vifex"
    with open_writer(store, rule=CommitRule(media=2)) as writer:
        view = writer.view("main", recipe())
        feed(view, last_editions(12))
        view.delete(list(view.finished())[:5:2])
    before = contents(store)
    (folder / "copies").mkdir()
    found = crashes(store, folder / "copies", None, lambda: compact_view(store, "main"), occurrences=[1])
    steps = {step for step, _, _ in found}
    assert {"maintenance.rows_rewritten", "maintenance.confirmed", "maintenance.ledger_cleaned"} <= steps
    assert contents(store) == before
    sizes = set()
    for step, copy, _ in found:
        assert contents(copy) == before, step
        sizes.add(compact_view(copy, "main").fragments_after)
        assert contents(copy) == before, step
    assert sizes == {1}
