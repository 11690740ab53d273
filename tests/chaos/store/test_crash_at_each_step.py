"""A crash right after any single step of the protocol: the store reads, resumes, and ends up the same."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from crash_maker import Crash, crashes
from store_maker import assert_whole, bits, feed, last_editions, recipe, wanted

from vifex.store import CommitRule, open_writer
from vifex.store.commit import checkpoints
from vifex.values import StoreError

MEDIA = 18
RULE = CommitRule(media=2)


def write_all(store: Path) -> None:
    with open_writer(store, rule=RULE) as writer:
        view = writer.view("main", recipe())
        if not view.finished():
            feed(view, wanted(MEDIA))
        feed(view, last_editions(MEDIA))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    store = tmp_path_factory.mktemp("undisturbed") / "s.vifex"
    write_all(store)
    return bits(assert_whole(store))


def check(crash: Crash, undisturbed: list[object]) -> None:
    step, store, commits = crash
    if commits:  # before that there is no view yet
        assert_whole(store, at_least=commits)
    write_all(store)
    rows = assert_whole(store, at_least=commits)
    assert bits(rows) == undisturbed, f"after a crash at {step}"
    assert not list((store / "views").glob(".new-*"))


@pytest.mark.usefixtures("eager_maintenance")
def test_a_kill_after_each_step_loses_and_invents_nothing(folder: Path, undisturbed: list[object]) -> None:
    store = folder / "s.vifex"
    found = crashes(store, folder, None, lambda: write_all(store))
    others = ("upgrade.", "index.", "views.", "tags.", "repair.", "rows.column_")
    steps = [s for s in checkpoints.STEPS if not s.startswith(others)]
    assert len(found) > len(steps)
    met = {step for step, _, _ in found}
    assert met == {s for s in steps if not s.startswith("recovery.rows_") or s == "recovery.rows_pruned"}
    for crash in found:
        check(crash, undisturbed)


@pytest.mark.usefixtures("eager_maintenance")
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to see what is synced")
def test_a_power_failure_after_each_step_loses_nothing_acknowledged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: list[object]
) -> None:
    store = folder / "s.vifex"
    for crash in crashes(store, folder, monkeypatch, lambda: write_all(store)):
        check(crash, undisturbed)


@pytest.mark.usefixtures("eager_maintenance")
@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_crash_in_the_recovery_from_a_crash(
    power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: list[object]
) -> None:
    store = folder / "s.vifex"
    (folder / "first").mkdir()
    first = crashes(store, folder / "first", None, lambda: write_all(store), occurrences=[3])
    # Rows that no entry names lie there after these steps.
    for number, (step, crashed, commits) in enumerate(first):
        if step not in ("rows.manifest_synced", "maintenance.rows_synced") or not commits:
            continue
        again = folder / f"second-{number}"
        again.mkdir()
        second = crashes(crashed, again, monkeypatch if power else None, lambda c=crashed: write_all(c))
        recovering = [c for c in second if c[0].startswith("recovery.")]
        assert {"recovery.rows_restored", "recovery.rows_synced"} <= {s for s, _, _ in recovering}
        for s, copy, _ in recovering:
            check((s, copy, commits), undisturbed)


@pytest.mark.usefixtures("eager_maintenance")
@pytest.mark.parametrize("damage", ["zeros", "empty", "half"])
def test_a_broken_newest_manifest_costs_at_most_the_last_commit(
    damage: str, folder: Path, undisturbed: list[object]
) -> None:
    for table in ("rows.lance", "ledger.lance"):
        store = folder / table
        with open_writer(store, rule=RULE) as writer:
            view = writer.view("main", recipe())
            feed(view, wanted(17))
            view.commit()
            commits = view.finished()[wanted(17)[-1][0].medium_id].commit
            writer._lock.free()  # the process dies here: nothing is closed
        newest = min((store / "views/main" / table / "_versions").glob("*.manifest"))
        data = newest.read_bytes()
        newest.write_bytes({"zeros": bytes(len(data)), "empty": b"", "half": data[: len(data) // 2]}[damage])
        # A reader goes one back; the last two commits may name the same rows, whose manifest is one.
        assert_whole(store, at_least=commits - (1 if table == "ledger.lance" else 2))
        write_all(store)
        assert bits(assert_whole(store)) == undisturbed


def test_a_store_without_any_whole_version_says_so(folder: Path) -> None:
    store = folder / "s.vifex"
    write_all(store)
    for manifest in (store / "views/main/ledger.lance/_versions").glob("*.manifest"):
        manifest.write_bytes(b"")
    with pytest.raises(StoreError, match=r"no version of the view 'main' reads whole.*Restore the view"):
        assert_whole(store)
    with pytest.raises(StoreError, match="no version of the view"):
        write_all(store)


def test_an_invented_ledger_row_does_not_prove_itself(folder: Path) -> None:
    """A version that Lance finds whole, with an entry that no writer sealed, is not the head."""
    from vifex.store.files.lance_adapter import Table, manifests
    from vifex.store.schema import LEDGER_SCHEMA

    store = folder / "s.vifex"
    write_all(store)
    before = bits(assert_whole(store))
    folder = store / "views/main/ledger.lance"
    ledger = Table.open(folder, max(manifests(folder)))
    forged: list[dict[str, object]] = pa.Table.from_batches(ledger.scan()).to_pylist()[-1:]
    forged[0] |= {"commit": int(str(forged[0]["commit"])) + 1, "rows_version": 1}
    ledger.commit(ledger.write([pa.RecordBatch.from_pylist(forged, LEDGER_SCHEMA)], LEDGER_SCHEMA))
    assert bits(assert_whole(store)) == before
