"""A crash right after any single step of the protocol: the store reads, resumes, and ends up the same.

A killed process leaves the disk as it is at that moment, so a copy of the folder is that crash. The
copies with lost writes are what a power failure leaves where the order of syncs is all that helps.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from store_maker import assert_whole, bits, feed, last_editions, recipe, wanted

from vifex.store import CommitRule, checkpoints, open_writer
from vifex.values import StoreError

MEDIA = 18
RULE = CommitRule(media=2)


class Disk:
    """Knows by inode which files and which names of folders have been synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: set[int] = set()
        self.names: dict[int, set[str]] = {}
        real = os.fsync

        def fsync(fd: int) -> None:
            real(fd)
            number = os.fstat(fd).st_ino
            path = Path(f"/proc/self/fd/{fd}").readlink()
            if path.is_dir():
                self.names[number] = {p.name for p in path.iterdir()}
            else:
                self.files.add(number)

        monkeypatch.setattr(os, "fsync", fsync)

    def trust(self, tree: Path) -> None:
        """Take all that lies in a tree as synced."""
        for folder, folders, names in os.walk(tree):
            self.names[Path(folder).stat().st_ino] = {*folders, *names}
            self.files.update(Path(folder, name).stat().st_ino for name in names)

    def lose(self, source: Path, copy: Path, chance: random.Random) -> None:
        """Take from a copy of `source` what was never synced there, in the ways that file systems do."""
        for folder, folders, names in os.walk(source):
            safe = self.names.get(Path(folder).stat().st_ino, set())
            for name in [*folders, *names]:
                kept, lost = Path(folder, name), copy / Path(folder, name).relative_to(source)
                if not lost.exists():
                    continue
                if name not in safe and chance.random() < 0.5:
                    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
                elif kept.is_file() and kept.stat().st_ino not in self.files:
                    data = lost.read_bytes()
                    lost.write_bytes(chance.choice([b"", bytes(len(data)), data[: len(data) // 2], data]))


def acknowledged(before: int, step: str) -> int:
    """How many commits a caller may rely on after this step."""
    return before + (step in ("ledger.manifest_synced", "view.named"))


Crash = tuple[str, Path, int]


def crashes(
    store: Path, into: Path, monkeypatch: pytest.MonkeyPatch | None, write: Callable[[], None], per_step: int
) -> list[Crash]:
    """Run `write` and copy the store after the first occurrences of every step, as a crash would leave it.

    Gives (step, copy, acknowledged commits); with `monkeypatch` the copies have lost what was not synced.
    """
    disk = Disk(monkeypatch) if monkeypatch else None
    if disk:
        disk.trust(store)
    chance = random.Random(20261121)
    seen: Counter[str] = Counter()
    found: list[Crash] = []
    commits = 0

    def listener(step: str) -> None:
        nonlocal commits
        commits = acknowledged(commits, step)
        seen[step] += 1
        # The third time round there are old versions, deletions and merged fragments; some come once.
        if seen[step] in (3, 1)[:per_step]:
            copy = into / f"{len(found):03d}"
            shutil.copytree(store, copy, symlinks=True)
            if disk:
                disk.lose(store, copy, chance)
            found.append((step, copy, commits))

    checkpoints.listen(listener)
    write()
    checkpoints.listen(None)
    return found


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


@pytest.mark.usefixtures("eager_care")
def test_a_kill_after_each_step_loses_and_invents_nothing(folder: Path, undisturbed: list[object]) -> None:
    store = folder / "s.vifex"
    found = crashes(store, folder, None, lambda: write_all(store), per_step=2)
    steps = [s for s in checkpoints.STEPS if not s.startswith("upgrade.")]
    assert len(found) > len(steps)
    met = {step for step, _, _ in found}
    assert met == {s for s in steps if not s.startswith("recovery.rows_") or s == "recovery.rows_pruned"}
    for crash in found:
        check(crash, undisturbed)


@pytest.mark.usefixtures("eager_care")
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to see what is synced")
def test_a_power_failure_after_each_step_loses_nothing_acknowledged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: list[object]
) -> None:
    store = folder / "s.vifex"
    for crash in crashes(store, folder, monkeypatch, lambda: write_all(store), per_step=2):
        check(crash, undisturbed)


@pytest.mark.usefixtures("eager_care")
@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_crash_in_the_recovery_from_a_crash(
    power: bool, folder: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: list[object]
) -> None:
    store = folder / "s.vifex"
    (folder / "first").mkdir()
    first = crashes(store, folder / "first", None, lambda: write_all(store), per_step=1)
    # Rows that no entry names lie there after these steps.
    for number, (step, crashed, commits) in enumerate(first):
        if step not in ("rows.manifest_synced", "maintenance.rows_synced") or not commits:
            continue
        again = folder / f"second-{number}"
        again.mkdir()
        second = crashes(crashed, again, monkeypatch if power else None, lambda c=crashed: write_all(c), 2)
        recovering = [c for c in second if c[0].startswith("recovery.")]
        assert {"recovery.rows_restored", "recovery.rows_synced"} <= {s for s, _, _ in recovering}
        for s, copy, _ in recovering:
            check((s, copy, commits), undisturbed)


@pytest.mark.usefixtures("eager_care")
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
    from vifex.store.lance_adapter import Table, manifests
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
