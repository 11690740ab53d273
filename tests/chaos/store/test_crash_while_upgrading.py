"""A crash right after any step of the upgrade from format 1: the store reads, and the next writer goes on."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from crash_maker import crashes
from store_maker import bits, by_key, medium, recipe

import vifex
from vifex.store import open_store, open_writer, upgrade
from vifex.store.commit import checkpoints

PACKED = Path(__file__).parents[2] / "support" / "stores" / "format-1.tar.xz"
STEPS = {s for s in checkpoints.STEPS if s.startswith("upgrade.")}
VIEWS = ["fused", "main", "other", "tree.scene", "tree.shot", "tree.video"]


def contents(store: Path) -> dict[str, list[object]]:
    """Rows and outcomes of every view."""
    with open_store(store) as read:
        columns = ["name", "medium_id", "mtime_ns", "status", "reason", "rows"]
        return {
            name: [
                *bits(by_key(read.view(name).to_arrow())),
                *bits(read.view(name).ledger(columns=columns)),
                *read.view(name).runs().values(),
                read.view(name).id,
            ]
            for name in read.views()
        }


@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_crash_at_any_step_of_the_upgrade(
    power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(PACKED) as packed:
        packed.extractall(folder, filter="data")
    store = folder / "format-1.vifex"
    before = contents(store)
    assert list(before) == VIEWS
    copies = folder / "copies"
    copies.mkdir()
    found = crashes(store, copies, monkeypatch if power else None, lambda: upgrade(store), occurrences=[1])
    assert {step for step, _, _ in found if step.startswith("upgrade.")} == STEPS
    for step, copy, _ in found:
        assert contents(copy) == before, step
        upgrade(copy)
        assert contents(copy) == before, step
        with open_store(copy) as read:
            assert all(check.ok for check in read.verify()), step
        with open_writer(copy) as writer:
            finished = writer.view("main", recipe()).finished()
            assert len(finished) == 12
            assert finished.status_of(medium(6), recipe().hash) == "ok"
        fused = vifex.fuse(copy, ["main:head_fc", "other:head_fc"], name="fused")
        assert fused.already_done == 12, step
        assert vifex.tree(copy, view="main", column="head_fc").already_done == 12, step
