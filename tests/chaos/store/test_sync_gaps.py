"""What a killed run left unsynced is synced by the next one, and so is the way to a new store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from store_maker import assert_whole, feed, medium, outcome, recipe, rows_of, wanted

from vifex.store import CommitRule, open_writer
from vifex.store.commit import checkpoints

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="needs /proc to see what is synced"
)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file and folder that was synced, in order."""
    seen: list[Path] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        real(fd)
        seen.append(Path(f"/proc/self/fd/{fd}").readlink())

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


@pytest.mark.parametrize("way", ["s.vifex", "new/s.vifex", "new/deep/er/s.vifex"])
def test_each_folder_on_the_way_to_a_new_store_is_synced(
    way: str, tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_writer(way):
        pass
    folder = tmp_path / way
    while folder != tmp_path:
        folder = folder.parent
        assert folder in synced, f"{folder} names a new folder and was not synced"


class Killed(BaseException):
    """The process ends here."""


def test_a_store_whose_first_run_was_killed_before_the_sync_of_its_name(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "new" / "s.vifex"

    def die(path: Path) -> None:
        raise Killed

    with monkeypatch.context() as killed:
        killed.setattr("vifex.store.files.sync.sync_folder", die)
        with pytest.raises(Killed):
            open_writer(store)
    assert (store / "STORE.json").exists()
    synced.clear()
    with open_writer(store):
        pass
    assert {store, store / "views", tmp_path / "new", tmp_path} <= set(synced)


def test_a_view_whose_first_run_was_killed_before_the_sync_of_its_name(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "s.vifex"

    def die(path: Path) -> None:
        raise Killed

    with open_writer(store) as writer, monkeypatch.context() as killed:
        killed.setattr("vifex.store.commit.writing.sync_folder", die)
        with pytest.raises(Killed):
            writer.view("main", recipe())
    assert (store / "views/main").is_dir()
    synced.clear()
    with open_writer(store) as writer:
        writer.view("main", recipe())
    assert store / "views" in synced


@pytest.mark.parametrize("step", ["ledger.manifest_committed", "rows.manifest_committed"])
def test_a_commit_that_was_not_synced_is_synced_before_it_counts(
    step: str, tmp_path: Path, synced: list[Path]
) -> None:
    """The run was killed between a manifest and its sync; the next one may find its media done."""
    store = tmp_path / "s.vifex"

    def die(name: str) -> None:
        if name == step:
            raise Killed

    writer = open_writer(store, rule=CommitRule(media=100))
    view = writer.view("main", recipe())
    feed(view, wanted(3))
    view.commit()
    view.add(outcome(medium(70), 2), rows_of(medium(70), 2))
    checkpoints.listen(die)
    with pytest.raises(Killed):
        view.commit()
    checkpoints.listen(None)
    writer._lock.free()
    synced.clear()
    with open_writer(store) as again:
        view = again.view("main", recipe())
        head = view._tables.ledger.table, view._tables.rows.table
    for table in head:
        assert table.manifest in synced
        assert table.manifest.parent in synced
    assert_whole(store)
