"""A crash right after any step of removing or renaming a view: it is there whole, under one name, or gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash_maker import crashes
from store_maker import bits, by_key, feed, last_editions, recipe

from vifex.store import open_store, open_writer, remove_view, rename_view
from vifex.store.commit import checkpoints

STEPS = {step for step in checkpoints.STEPS if step.startswith("views.")}


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_crash_at_any_step(power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = folder / "s.vifex"
    for name in ("gone", "kept", "old"):
        with open_writer(store) as writer:
            feed(writer.view(name, recipe()), last_editions(4))
    with open_store(store) as read:
        wanted = bits(by_key(read.view("kept").to_arrow()))
    (folder / "copies").mkdir()

    def change() -> None:
        remove_view(store, "gone")
        if (
            not power
        ):  # the copies of a power failure lose new names and keep no old ones: no file system does
            rename_view(store, "old", "new")

    found = crashes(store, folder / "copies", monkeypatch if power else None, change, occurrences=[1])
    assert {step for step, _, _ in found if step.startswith("views.")} == (
        {step for step in STEPS if not power or "renam" not in step}
    )
    for step, copy, _ in found:
        with open_store(copy) as read:
            names = read.views()
            assert "kept" in names, step
            assert ("old" in names) != ("new" in names), step
            for name in names:
                assert bits(by_key(read.view(name).to_arrow())) == wanted, (step, name)
                assert read.verify([name])[0].ok, (step, name)
        with open_writer(copy):
            pass
        assert sorted(path.name for path in (copy / "views").iterdir()) == names, step
