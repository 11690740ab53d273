"""Flipped bits in every kind of file; `scripts/flip_bytes.py` does the same to every byte, in an hour."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "flip_bytes.py"
SEED = 20261126


@pytest.fixture(scope="module")
def flips() -> ModuleType:
    spec = importlib.util.spec_from_file_location("flip_bytes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("flips") / "s.vifex"
    subprocess.run([sys.executable, str(SCRIPT), "--make", str(store)], check=True, timeout=120)
    return store


@pytest.mark.parametrize("table", ["ledger", "rows"])
def test_a_damaged_newest_manifest_costs_at_most_one_commit(
    table: str, flips: ModuleType, store: Path
) -> None:
    trial = flips.Trial(store)
    file = min((store / f"views/main/{table}.lance/_versions").glob("*.manifest"))
    name, data = file.relative_to(store / "views/main").as_posix(), file.read_bytes()
    seen = []
    for case in flips.cases(file, name, 11, random.Random(SEED)):
        file.write_bytes(flips.damage(data, case[1], case[2]))
        seen.append((case, trial._try(trial._read)))
        file.write_bytes(data)
    assert len(seen) > 60
    assert not [s for s in seen if s[1] not in ("same", "back by 1")]


@pytest.fixture(scope="module")
def worker(flips: ModuleType, store: Path) -> Iterator[object]:
    worker = flips.Worker(store)
    yield worker
    worker.close()


@pytest.mark.skipif(os.name == "nt", reason="needs select and limits of Unix")
@pytest.mark.parametrize(
    "part",
    [
        "ledger data",
        "rows data",
        "rows deletions",
        "rows manifests",
        "rows transactions",
        "ledger transactions",
    ],
)
def test_no_flip_is_silent_and_none_raises_but_a_sentence(
    part: str, flips: ModuleType, store: Path, worker: object
) -> None:
    chance = random.Random(SEED)
    files = sorted((store / "views/main").glob(flips.PARTS[part]))
    assert files
    every = [
        case
        for file in files
        for case in flips.cases(file, file.relative_to(store / "views/main").as_posix(), 1, chance)
    ]
    results = [(case, worker.run(case)) for case in chance.sample(every, 12)]  # type: ignore[attr-defined]
    assert not [r for r in results if not flips.is_right(r[1])]


def test_a_writer_drops_no_commits_for_damage_that_no_crash_leaves(store: Path, tmp_path: Path) -> None:
    """An old file of the ledger is damaged: all commits after it hang on it."""
    import shutil

    from store_maker import recipe

    from vifex.store import open_store, open_writer
    from vifex.values import StoreError

    copy = Path(shutil.copytree(store, tmp_path / "s.vifex"))
    with open_store(copy) as read:
        view = read.view()
        commit, fragments = view.commit, view._head.ledger.fragments()
    file = copy / "views/main/ledger.lance/data" / fragments[1].files[0]
    data = file.read_bytes()
    file.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    with open_store(copy) as read:
        assert read.view().commit < commit - 2
    before = sorted(copy.rglob("*"))
    with pytest.raises(
        StoreError, match=r"the newest \d commits of the view 'main' are damaged, and writing would"
    ):
        open_writer(copy).view("main", recipe())
    assert sorted(copy.rglob("*")) == before
    file.write_bytes(data)
    with open_store(copy) as read:
        assert read.view().commit == commit
