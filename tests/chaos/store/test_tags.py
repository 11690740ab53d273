"""Tags that earlier versions of Vifex left, whole or torn: they stop nothing and keep nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from store_maker import assert_whole, feed, last_editions, recipe

from vifex.store import CommitRule, open_writer
from vifex.store.commit import maintenance
from vifex.store.files.lance_adapter import Table, manifests

WHOLE = json.dumps({"branch": None, "version": 2, "manifestSize": 1000})
LEFT = {
    "zeros": bytes(120),
    "empty": b"",
    "half": b'{\n  "branch": null,\n  "vers',
    "noise": bytes(range(256)),
    "absent version": WHOLE.replace("2", "999", 1).encode(),
}


def write(store: Path, first: int, last: int) -> None:
    with open_writer(store, rule=CommitRule(media=1)) as writer:
        feed(writer.view("main", recipe()), last_editions(40)[first:last])


@pytest.mark.usefixtures("eager_maintenance")
@pytest.mark.parametrize("name", ["vifex-keep-1.json", "vifex-keep-7.json", "vifex-keep-3.json#1"])
@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("table", ["rows.lance", "ledger.lance"])
def test_a_torn_tag_does_not_stop_maintenance(folder: Path, table: str, left: str, name: str) -> None:
    store = folder / "s.vifex"
    write(store, 0, 3)
    tags = store / "views/main" / table / "_refs/tags"
    tags.mkdir(parents=True, exist_ok=True)
    (tags / name).write_bytes(LEFT[left])
    write(store, 3, 12)
    assert_whole(store)
    assert not list(tags.iterdir())
    assert len(manifests(store / "views/main" / table)) <= 2 + maintenance.AT_END_COMMITS


@pytest.mark.usefixtures("eager_maintenance")
def test_the_tag_of_a_killed_run_keeps_no_version(folder: Path) -> None:
    store = folder / "s.vifex"
    with open_writer(store, rule=CommitRule(media=1)) as writer:
        view = writer.view("main", recipe())
        feed(view, last_editions(40)[:3])
        view.commit()
        for table in (view._tables.rows.table, view._tables.ledger.table):
            Table.open(table.path, 2)._ds.tags.create("vifex-keep-2", 2)
        writer._lock.free()  # the process dies here
    write(store, 3, 12)
    assert_whole(store)
    for name in ("rows.lance", "ledger.lance"):
        folder = store / "views/main" / name
        assert 2 not in manifests(folder)
        assert not list((folder / "_refs/tags").iterdir())


@pytest.mark.usefixtures("eager_maintenance")
def test_maintenance_makes_no_tags(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader's versions are kept without a tag, so that nothing is left that a power cut could tear."""
    from lance.dataset import Tags

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a tag is made")

    monkeypatch.setattr(Tags, "create", refuse)
    write(folder / "s.vifex", 0, 12)
    assert_whole(folder / "s.vifex")


@pytest.mark.usefixtures("eager_maintenance")
def test_a_torn_tag_of_the_users_own_ends_no_run(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = folder / "s.vifex"
    write(store, 0, 3)
    tag = store / "views/main/rows.lance/_refs/tags/mine.json"
    tag.parent.mkdir(parents=True, exist_ok=True)
    tag.write_bytes(b"")
    write(store, 3, 12)
    assert_whole(store)
    assert tag.exists()
    assert "old versions cannot be removed" in caplog.text
