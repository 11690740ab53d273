"""A crash at any step of making or dropping an index: the rows are whole, and the index is there or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash_maker import crashes
from store_maker import bits, by_key, medium, outcome, rows_of, wide_recipe

from vifex.store import IndexPlan, index_name, open_store, open_writer
from vifex.store.commit import checkpoints

RECIPE = wide_recipe(64)
PLAN = IndexPlan(index_name("pool"), "pool", "IVF_SQ", "cosine", 4)
MEDIA, ROWS = 5, 20
CRASHES = {
    *(step for step in checkpoints.STEPS if step.startswith("index.")),
    "ledger.manifest_committed",
    "maintenance.repeat_committed",
}


def fill(store: Path) -> None:
    with open_writer(store) as writer:
        view = writer.view("main", RECIPE)
        for i in range(MEDIA):
            view.add(outcome(medium(i), ROWS), rows_of(medium(i), ROWS, RECIPE))


def index_and_drop(store: Path, times: int) -> None:
    with open_writer(store) as writer:
        view = writer.stored_view("main")
        for number in range(times):
            view.make_index(PLAN, lambda _, n=number: {"column": "pool", "metric": "cosine", "made": n})
            view.remove_old_versions()
        view.drop_index(PLAN.name, {"column": "pool", "dropped": True})


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_crash_leaves_the_rows_and_a_whole_index_or_none(
    power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = folder / "s.vifex"
    fill(store)
    with open_store(store) as opened:
        rows = bits(by_key(opened.view().to_arrow()))
    found = crashes(store, folder, monkeypatch if power else None, lambda: index_and_drop(store, 2))
    met = {step for step, _, _ in found}
    assert met >= CRASHES
    for step, copy in [(step, copy) for step, copy, _ in found if step in CRASHES]:
        with open_store(copy) as opened:
            view = opened.view()
            assert bits(by_key(view.to_arrow())) == rows, step
            index = view.indices().get("pool")
            if index is not None:
                assert index.facts["made"] in (0, 1)
                assert index.rows_held == MEDIA * ROWS
                assert len(index.candidates(view.to_numpy()[:1], count=9999, probes=4)[0]) == MEDIA * ROWS
            assert view.verify().ok or power, step  # files that are only read after a restart may be lost
        index_and_drop(copy, 1)
        with open_store(copy) as opened:
            assert opened.view().indices() == {}
            assert opened.verify()[0].ok, step
            assert bits(by_key(opened.view().to_arrow())) == rows
        assert not list((copy / "views/main/rows.lance/_indices").glob("*/*")), step
