"""Locks are the system's, and what an open reader reads is known to the writer."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from store_maker import medium, outcome, recipe, rows_of

from vifex.store import open_store, open_writer
from vifex.store.files.lock import FileLock
from vifex.store.files.readers import Registration, wanted_by_readers
from vifex.values import StoreError

HOLD = """
import sys, time
from pathlib import Path
from vifex.store.files.lock import FileLock
lock = FileLock.take(Path(sys.argv[1]))
print(lock is not None, flush=True)
sys.stdin.read()
"""


def test_a_lock_is_held_once_and_given_back(tmp_path: Path) -> None:
    lock = FileLock.take(tmp_path / "LOCK")
    assert lock is not None
    lock.write("who")
    assert FileLock.take(tmp_path / "LOCK") is None
    lock.write("w")
    assert (tmp_path / "LOCK").read_text() == "w"
    lock.free()
    lock.free()
    again = FileLock.take(tmp_path / "LOCK")
    assert again is not None
    again.free(remove=True)
    assert not (tmp_path / "LOCK").exists()
    assert FileLock.take(tmp_path / "LOCK", create=False) is None


@pytest.mark.parametrize("way", ["ended", "killed"])
def test_a_lock_dies_with_its_process(way: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "LOCK")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"True\n"
        assert FileLock.take(tmp_path / "LOCK") is None
        if way == "killed":
            child.kill()
        else:
            child.communicate(b"")
    lock = FileLock.take(tmp_path / "LOCK")
    assert lock is not None
    lock.free()


def test_the_writer_knows_what_readers_need(tmp_path: Path) -> None:
    one, two = Registration(tmp_path), Registration(tmp_path)
    one.say({"main": [(7, 5), (4, 4)], "other": [(1, 1)]})
    two.say({"main": [(9, 9)]})
    wanted = wanted_by_readers(tmp_path, "main")
    assert (wanted.everything, wanted.ledger, wanted.rows) == (False, {7, 4, 9}, {5, 4, 9})
    two.opening()
    assert wanted_by_readers(tmp_path, "main").everything
    two.close()
    assert not wanted_by_readers(tmp_path, "main").everything
    one.close()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_was_cut_short_while_it_wrote_keeps_everything(tmp_path: Path) -> None:
    lock = FileLock.take(tmp_path / "x.json")
    assert lock is not None
    for text in ("", '{"views": {"main": [[1', '{"pid": 1}', '{"views": {"main": [3]}}', "[]"):
        lock.write(text)
        assert wanted_by_readers(tmp_path, "main").everything, text
    lock.free()
    assert not wanted_by_readers(tmp_path, "main").everything


def test_a_dead_reader_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "dead.json").write_text(json.dumps({"views": {"main": [[1, 1]]}}))
    assert wanted_by_readers(tmp_path, "main").ledger == set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="folders of Windows have no such permission")
def test_reading_needs_no_right_to_write(tmp_path: Path) -> None:
    """A registration that cannot be written is none; a missing folder stands for a read-only disk."""
    reader = Registration(tmp_path / "absent")
    reader.opening()
    reader.say({"main": [(1, 1)]})
    reader.close()


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, as some network shares and FUSE mounts are."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_a_store_without_locks_can_be_read(
    tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "s.vifex"
    with open_writer(store) as writer:
        writer.view("main", recipe()).add(outcome(medium(1), 3), rows_of(medium(1), 3))
    before = sorted(store.rglob("*"))
    request.getfixturevalue("no_locks")
    for _ in range(3):
        with open_store(store) as read:
            assert read.view().count_rows() == 3
            assert read.view().ledger().num_rows == 1
        assert "no locks: reading works, writing and cleaning do not" in caplog.text
    with pytest.raises(StoreError, match="offers no locks, so it can be read but not written"):
        open_writer(store)
    assert sorted(store.rglob("*")) == before


@pytest.mark.usefixtures("no_locks")
def test_no_file_is_left_where_there_are_no_locks(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="offers no locks"):
        open_writer(tmp_path / "new.vifex")
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    (tmp_path / "LOCK").write_text("of another")
    with pytest.raises(StoreError, match="offers no locks"):
        FileLock.take(tmp_path / "LOCK")
    assert (tmp_path / "LOCK").read_text() == "of another"


def test_readers_whose_locks_cannot_be_seen_keep_all_versions(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    Registration(tmp_path).say({"main": [(7, 5)]})
    (tmp_path / "another.json").write_text("{}")
    request.getfixturevalue("no_locks")
    assert wanted_by_readers(tmp_path, "main").everything
    assert (tmp_path / "another.json").exists()
