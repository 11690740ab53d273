"""A store on S3 under SIGKILL, lost answers, 503, cut connections, slow servers and second writers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pytest
from faulty_s3 import FaultyS3, faulty_s3
from servers import S3_ENVIRONMENT, fill, s3_server
from store_maker import assert_whole, bits, feed, last_editions, medium, outcome, recipe, rows_of, wanted

from vifex.store import CommitRule, StoreWriter, ViewWriter, open_rows, open_store, open_writer, row_schema
from vifex.store.commit import checkpoints
from vifex.store.files.places import client
from vifex.store.files.places.lease import LEASE, Lease
from vifex.store.files.places.object_path import ObjectPath
from vifex.values import StoreError
from vifex.values.errors import StoreInUseError

CHILD = Path(__file__).with_name("child_on_s3.py")
COUNT = 8
STEPS = {
    "rows.written": 2,
    "rows.deletions_written": 2,
    "rows.data_synced": 2,
    "rows.manifest_committed": 2,
    "ledger.written": 2,
    "ledger.data_synced": 2,
    "ledger.manifest_committed": 2,
    "ledger.manifest_synced": 2,
    "maintenance.rows_rewritten": 1,
    "maintenance.rows_committed": 1,
    "maintenance.ledger_rewritten": 1,
    "maintenance.ledger_committed": 1,
    "maintenance.entered": 1,
    "maintenance.repeat_committed": 1,
    "maintenance.confirmed": 1,
    "recovery.ledger_pruned": 1,
    "recovery.rows_restored": 1,
    "recovery.swept": 1,
    "view.built": 1,
    "view.named": 1,
}
"""Where a child is killed, and which time round."""
ALL = os.environ.get("VIFEX_S3_STEPS") == "all"
"""Tests take a part of the cases, and all of them with `VIFEX_S3_STEPS=all` (about a minute)."""
CHOSEN = list(STEPS) if ALL else ["ledger.data_synced", "ledger.manifest_committed"]
SLEPT = ["rows.written", "rows.manifest_committed", "ledger.data_synced"]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with s3_server() as url:
        fill(url, "bucket", {})
        yield url


@pytest.fixture
def s3(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """The server behind a proxy, with short times."""
    for name, value in S3_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(LEASE, "2")
    monkeypatch.setitem(client._TIMES, "timeout", "2s")
    monkeypatch.setattr(client, "_RETRIES", 2)
    with faulty_s3(moto) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy
    checkpoints.listen(None)


def start(store: str, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), store, str(COUNT), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def opened(store: str, media: int = 2) -> tuple[StoreWriter, ViewWriter]:
    writer = open_writer(store, rule=CommitRule(media=media), anywhere=True)
    return writer, writer.view("main", recipe())


def add(view: ViewWriter, *numbers: int) -> None:
    for number in numbers:
        view.add(outcome(medium(number), 2), rows_of(medium(number), 2))
    view.commit()


def numbers(store: str) -> list[int]:
    with open_store(store) as at:
        return sorted(int(name[-9:-4]) for name in at.view().ledger().column("name").to_pylist())


def die(writer: StoreWriter) -> None:
    """Leave a writer as a killed process leaves it: the lease is neither renewed nor given back."""
    lease = writer._lock
    assert isinstance(lease, Lease)
    lease._done.set()
    lease._thread.join()


def test_killed_at_a_step_and_resumed_equals_undisturbed(s3: FaultyS3, folder: Path) -> None:
    with open_writer(folder / "local", rule=CommitRule(media=2)) as writer:
        view = writer.view("main", recipe())
        feed(view, wanted(COUNT))
        feed(view, last_editions(COUNT))
    undisturbed = bits(assert_whole(folder / "local"))
    for i in range(0, len(CHOSEN), 3):
        children = [(f"s3://bucket/{s}", start(f"s3://bucket/{s}", s, STEPS[s])) for s in CHOSEN[i : i + 3]]
        for store, child in children:
            child.communicate(timeout=120)
            assert child.returncode == -9, store
            writer, view = opened(store)  # a process of this machine is known to be dead
            if not view.finished():
                feed(view, wanted(COUNT))
            feed(view, last_editions(COUNT))
            writer.close()
            assert bits(assert_whole(store)) == undisturbed, store
            with open_store(store) as at:
                assert at.verify()[0].ok, store


@pytest.mark.parametrize("table", ["rows", "ledger"] if ALL else ["ledger"])
@pytest.mark.parametrize("times", [1, 99])
def test_the_answer_to_a_commit_is_lost(s3: FaultyS3, table: str, times: int) -> None:
    """Lance tries again and recognises its manifest. Where every answer is lost, the store does."""
    store = f"s3://bucket/lost-{table}-{times}"
    writer, view = opened(store)
    s3.failing("lost", "PUT", f"{table}.lance/_versions/", times)
    add(view, 1, 2)
    assert s3.failed >= min(times, 3)
    s3.fault = lambda method, path: None
    add(view, 3)
    writer.close()
    assert numbers(store) == [1, 2, 3]
    with open_store(store) as at:
        assert at.verify()[0].ok
        assert at.view().count_rows() == 6


def test_answers_are_lost_while_a_store_is_made(s3: FaultyS3) -> None:
    store = "s3://bucket/lost-made"
    seen: set[str] = set()

    def fault(method: str, path: str) -> str | None:
        small = method == "PUT" and path.endswith(("LOCK", "STORE.json", "recipe.json"))
        is_first = small and path not in seen
        seen.update([path] if small else [])
        return "lost" if is_first else None

    s3.fault = fault  # type: ignore[assignment]
    writer, view = opened(store)
    add(view, 1)
    writer.close()
    assert s3.failed == 3
    assert numbers(store) == [1]


def test_a_busy_server_is_asked_again(s3: FaultyS3) -> None:
    store = "s3://bucket/busy"
    writer, view = opened(store)
    count = 0

    def fault(method: str, path: str) -> str | None:
        nonlocal count
        count += 1
        return "busy" if count % 7 == 0 else None

    s3.fault = fault  # type: ignore[assignment]
    add(view, 1, 2)
    s3.fault = lambda method, path: None
    writer.close()
    assert s3.failed >= 2
    assert numbers(store) == [1, 2]


@pytest.mark.parametrize("what", ["cut", "slow"] if ALL else ["cut"])
def test_a_commit_that_is_not_known_ends_the_writer_and_not_the_store(s3: FaultyS3, what: str) -> None:
    store = f"s3://bucket/{what}"
    writer, view = opened(store)
    add(view, 1)
    s3.failing(what, "PUT", "ledger.lance/_versions/", times=99)  # type: ignore[arg-type]
    reached = what == "slow"  # what was answered too late was carried out; what was cut was not
    with nullcontext() if reached else pytest.raises(StoreError, match="run the same command again"):
        add(view, 2)
    s3.fault = lambda method, path: None
    writer.close()
    writer, view = opened(store)
    add(view, 3)
    writer.close()
    assert numbers(store) == ([1, 2, 3] if reached else [1, 3])
    with open_store(store) as at:
        assert at.verify()[0].ok


def test_an_unreachable_server_is_no_damage(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    store = "s3://bucket/gone"
    writer, view = opened(store)
    add(view, 1)
    add(view, 2)
    writer.close()
    monkeypatch.setattr(client, "_RETRIES", 0)
    monkeypatch.setenv("AWS_REGION", "us-east-2")  # another client
    s3.fault = lambda method, path: "busy" if "ledger.lance/data" in path else None
    with pytest.raises(StoreError, match=r"answers 503|cannot be reached") as caught:
        numbers(store)
    assert "damaged" not in str(caught.value)
    with pytest.raises(StoreError, match=r"answers 503|cannot be reached"):
        opened(store)
    s3.fault = lambda method, path: None
    assert numbers(store) == [1, 2]


def test_a_second_writer_is_refused_while_the_first_lives(s3: FaultyS3) -> None:
    store = "s3://bucket/two"
    with start(store, "ledger.manifest_synced", 99) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(StoreInUseError, match=f"pid {child.pid}"):
            open_writer(store, anywhere=True)
        child.communicate()
    assert child.returncode == 0
    writer, _ = opened(store)
    with pytest.raises(StoreInUseError, match=f"pid {os.getpid()}"):
        open_writer(store, anywhere=True)
    writer.close()
    open_writer(store, anywhere=True).close()


def test_a_dead_writer_elsewhere_is_taken_over(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = "s3://bucket/dead"
    monkeypatch.setenv(LEASE, "0.4")
    monkeypatch.setattr("vifex.store.files.places.lease._machine", lambda: None)
    writer, view = opened(store)
    add(view, 1)
    die(writer)
    monkeypatch.setattr("vifex.store.files.places.lease._mine", set())
    later, view = opened(store)
    assert "did not renew its lease for 0.4 s" in caplog.text
    add(view, 2)
    later.close()
    assert numbers(store) == [1, 2]


@pytest.mark.parametrize("step", SLEPT if ALL else SLEPT[-1:])
def test_a_writer_that_slept_through_a_takeover_cannot_commit(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    store = f"s3://bucket/slept-{step}"
    slow, view = opened(store)
    add(view, 1)
    die(slow)
    asleep, go_on = threading.Event(), threading.Event()
    failures: list[Exception] = []

    def sleep_at(name: str) -> None:
        if name == step and threading.current_thread().name == "slow":
            asleep.set()
            go_on.wait(60)

    def commit() -> None:
        try:
            add(view, 2)
        except Exception as exc:
            failures.append(exc)

    checkpoints.listen(sleep_at)
    thread = threading.Thread(target=commit, name="slow")
    thread.start()
    assert asleep.wait(60)
    monkeypatch.setattr("vifex.store.files.places.lease._mine", set())
    later, new = opened(store)  # takes over while the other one sleeps
    add(new, 3)
    go_on.set()
    thread.join(60)
    assert failures
    assert re.search("took (this|the) store over", str(failures[0]))
    add(new, 4)
    later.close()
    assert numbers(store) == [1, 3, 4]
    with open_store(store) as at:
        assert at.verify()[0].ok
        assert at.view().count_rows() == 6


def test_a_commit_just_before_the_fence_counts(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow writer commits between the look of the new one for the head and its fence."""
    store = "s3://bucket/before"
    slow, view = opened(store)
    add(view, 1)
    die(slow)
    monkeypatch.setattr("vifex.store.files.places.lease._mine", set())
    from vifex.store.commit import recovery

    real, done = recovery.find_head, []

    def found(paths: object) -> object:
        head = real(paths)  # type: ignore[arg-type]
        if not done:
            done.append(True)
            add(view, 2)
        return head

    monkeypatch.setattr(recovery, "find_head", found)
    later, new = opened(store)
    assert len(new.finished()) == 2
    add(new, 3)
    later.close()
    assert numbers(store) == [1, 2, 3]


def test_a_renewal_that_arrives_late_is_known_as_the_own(s3: FaultyS3) -> None:
    writer = open_writer("s3://bucket/renewed", anywhere=True)
    lease = writer._lock
    assert isinstance(lease, Lease)
    before = lease._tag
    lease._count += 1
    lease._put()
    lease._tag, lease._count = before, lease._count + 1
    lease._put()
    writer.close()
    assert b'"free": true' in lease.path.read_bytes()


@pytest.mark.parametrize("header", ["if-none-match", "if-match"])
def test_a_server_that_ignores_conditions_is_refused(s3: FaultyS3, header: str) -> None:
    s3.deaf_to = header
    with pytest.raises(StoreError, match="ignores the conditions of a PUT"):
        open_writer(f"s3://bucket/deaf-{header}", anywhere=True)


def test_nothing_but_what_is_known_lies_in_the_bucket(s3: FaultyS3) -> None:
    store = "s3://bucket/known"
    writer, view = opened(store)
    view.spill(None, rows_of(medium(7), 3))
    add(view, 1)
    add(view, 1, 2)
    die(writer)  # with rows of a medium that is not finished
    client_lease = "vifex.store.files.places.lease._mine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_lease, set())
        writer, view = opened(store)
    writer.close()
    path = ObjectPath("bucket", "known")
    assert {p.name for p in path.iterdir()} == {"STORE.json", "LOCK", "views"}
    rows = ObjectPath("bucket", "known/views/main/rows.lance")
    used = view._tables.rows.table.tracked()
    assert {f"data/{p.name}" for p in (rows / "data").iterdir()} == {u for u in used if u.startswith("data/")}


def test_rows_that_another_process_has_written_are_committed(s3: FaultyS3) -> None:
    given = [rows_of(medium(n), 2) for n in range(4)]
    with open_writer("s3://bucket/outside.vifex", anywhere=True) as writer:
        view = writer.view("main", recipe())
        there = open_rows(view.place(), row_schema(recipe()))
        assert there is not None
        view.add_written([outcome(medium(n), 2) for n in range(2)], there.write(given[:2]))
        assert view.take_back(there.write(given[2:])).equals(pa.concat_batches(given[2:]))
        there.write(given[2:])  # nobody says so
    with open_store("s3://bucket/outside.vifex") as store:
        assert all(check.ok and not check.without_checksum for check in store.verify())
        assert bits(store.view("main").to_arrow()) == bits(pa.Table.from_batches(given[:2]))
