"""A kill right after any step of merging: each medium is as it was or came over, and the call goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash_maker import crashes
from store_maker import bits, by_key, feed, last_editions, medium, outcome, recipe, rows_of, wanted

from vifex.store import CommitRule, merge_store, open_store, open_writer

RULE = CommitRule(media=2)


def contents(store: Path) -> list[object]:
    with open_store(store) as read:
        assert all(check.ok for check in read.verify())
        return [bits(by_key(read.view(name).to_arrow())) for name in read.views()]


@pytest.mark.usefixtures("eager_maintenance")
def test_a_kill_at_any_step_of_merging(folder: Path) -> None:
    """Media of both, of one, failed ones that are replaced, and a view that is made."""
    store, other = folder / "s.vifex", folder / "other"
    failed = (3, 6)
    with open_writer(store, rule=RULE) as writer:
        view = writer.view("main", recipe())
        feed(view, last_editions(3))
        for number in failed:
            view.add(outcome(medium(number), 0, "failed"))
    with open_writer(other, run="{}", rule=RULE) as writer:
        feed(writer.view("main", recipe()), wanted(6))
        for number in failed:
            writer.opened_view("main", recipe()).add(
                outcome(medium(number, 9), 2), rows_of(medium(number, 9), 2)
            )
        writer.view("more", recipe(model="toy-2"))
    with open_store(store) as read, open_store(other) as source:
        known = {e["medium_id"]: e["rows"] for e in read.view().ledger().to_pylist()}
        coming = {e["medium_id"]: e["rows"] for e in source.view().ledger().to_pylist()}
    (folder / "copies").mkdir()
    found = crashes(
        store,
        folder / "copies",
        None,
        lambda: merge_store(store, other, run="{1}", rule=RULE),
        occurrences=[1],
    )
    whole = contents(store)
    met = {step for step, _, _ in found}
    assert {"view.built", "view.named", "rows.deletions_written", "maintenance.confirmed"} <= met
    for step, copy, _ in found:
        with open_store(copy) as read:
            entries = {e["medium_id"]: e["rows"] for e in read.view().ledger().to_pylist()}
            rows = read.view().to_arrow(["medium_id"]).column(0).to_pylist()
        assert known.keys() <= entries.keys() <= known.keys() | coming.keys(), step
        for medium_id, count in entries.items():
            assert count in (known.get(medium_id), coming.get(medium_id)), step
            assert rows.count(medium_id) == count, step
        merge_store(copy, other, run="{2}", rule=RULE)
        assert contents(copy) == whole, step
