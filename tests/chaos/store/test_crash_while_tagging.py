"""A crash right after any step while a store has a tag: the state that it names reads to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash_maker import crashes
from store_maker import bits, feed, last_editions, medium, outcome, recipe, rows_of

from vifex.store import CommitRule, compact_view, make_tag, open_store, open_writer, read_tags, remove_tag


def state(store: Path, at: str | None = None) -> list[object]:
    with open_store(store, at=at) as read:
        return [*bits(read.view().to_arrow()), *bits(read.view().ledger(history=True))]


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_crash_at_any_step(power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = folder / "s.vifex"
    with open_writer(store, rule=CommitRule(media=3)) as writer:
        feed(writer.view("main", recipe()), last_editions(6))
    wanted = state(store)

    def change() -> None:
        make_tag(store, "old")
        with open_writer(store) as writer:
            view = writer.view("main", recipe())
            view.add(outcome(medium(0, 20), 2), rows_of(medium(0, 20), 2))
            view.commit()
            view.delete([medium(1).medium_id])
        compact_view(store, "main")

    (folder / "copies").mkdir()
    found = crashes(store, folder / "copies", monkeypatch if power else None, change, occurrences=[1])
    assert {"tags.written", "maintenance.rows_cleaned", "maintenance.ledger_cleaned"} <= {
        s for s, _, _ in found
    }
    tagged = False
    for step, copy, _ in found:
        tagged |= step == "tags.written"
        assert [tag.name for tag in read_tags(copy)] == ["old"] * tagged, step
        if tagged:
            assert state(copy, "old") == wanted, step
    compact_view(copy, "main")
    assert state(copy, "old") == wanted
    remove_tag(copy, "old")
    assert compact_view(copy, "main").kept_versions == 0
