"""A crash while the first rows with extra columns come: each medium is there whole, with them, or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from crash_maker import crashes
from store_maker import bits, by_key, feed, last_editions, medium, outcome, recipe, rows_of

from vifex.store import CommitRule, open_store, open_writer
from vifex.values import Medium

RULE = CommitRule(media=2)
WITH, SPILLED = (20, 21, 23, 26), 22
MEDIA = range(20, 27)


def stated(number: int) -> Medium:
    """Media of which some have extra columns, and one has them and is spilled."""
    extra = f'{{"n":{number}}}' if number in WITH or number == SPILLED else None
    return replace(medium(number), extra=extra)


def go_on(store: Path) -> None:
    with open_writer(store, rule=RULE) as writer:
        view = writer.view("main", recipe())
        for number in MEDIA:
            what = stated(number)
            if view.finished().status_of(what, recipe().hash) is not None:
                continue
            spilled = view.spill(None, rows_of(what, 2)) if number == SPILLED else None
            rows = rows_of(what, 2, first=2 if spilled else 0)
            view.add(outcome(what, 4 if spilled else 2), rows, spilled)


def contents(store: Path) -> list[object]:
    with open_store(store) as read:
        assert read.verify()[0].ok
        return bits(by_key(read.view().to_arrow()))


@pytest.mark.usefixtures("eager_maintenance")
@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_crash_at_any_step(power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = folder / "s.vifex"
    with open_writer(store, rule=RULE) as writer:
        feed(writer.view("main", recipe()), last_editions(6))
    (folder / "copies").mkdir()
    found = crashes(store, folder / "copies", monkeypatch if power else None, lambda: go_on(store), (1,))
    wanted = contents(store)
    assert {"rows.column_committed", "rows.column_synced"} <= {step for step, _, _ in found}
    for step, copy, _ in found:
        with open_store(copy) as read:
            view = read.view()
            assert power or read.verify()[0].ok, step
            names = ["medium_id", *(["extra"] if view.has_extra else [])]
            rows = view.to_arrow(names).to_pylist()
            known = {e["medium_id"]: e["rows"] for e in view.ledger().to_pylist()}
        for number in MEDIA:
            what = stated(number)
            extras = [row.get("extra") for row in rows if row["medium_id"] == what.medium_id]
            assert extras == [what.extra] * known.get(what.medium_id, 0), step
        go_on(copy)
        assert contents(copy) == wanted, step
