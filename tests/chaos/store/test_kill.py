"""SIGKILL at random moments of a process that writes, then a resume: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_maker import assert_whole, bits

CHILD = Path(__file__).with_name("child.py")
MEDIA = 60
KILLS = int(os.environ.get("VIFEX_STORE_KILLS", "20"))
"""Each run of the tests kills at other moments; `VIFEX_STORE_KILLS=200` kills more often."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")


def start(store: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), str(store), str(MEDIA), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(store: Path) -> list[object]:
    with start(store) as child:
        assert child.stdout is not None
        child.stdout.read()
    assert child.returncode == 0
    return bits(assert_whole(store))


def test_killed_at_random_and_resumed_equals_undisturbed(folder: Path) -> None:
    seed = int(os.environ.get("VIFEX_SEED", str(time.time_ns() % 1_000_000)))
    print(f"VIFEX_SEED={seed}")
    chance = random.Random(seed)
    began = time.monotonic()
    undisturbed = finish(folder / "undisturbed")
    whole_s = time.monotonic() - began
    store = folder / "killed"
    round_number = 0
    for _ in range(KILLS):
        with start(store) as child:
            assert child.stdout is not None
            child.stdout.readline()  # the view is open; importing is not what is to be killed
            time.sleep(chance.uniform(0, 0.15 * whole_s))
            child.send_signal(signal.SIGKILL)
        if child.returncode == 0:  # it was done: the next round starts from nothing
            assert bits(assert_whole(store)) == undisturbed
            round_number += 1
            store = folder / f"killed-{round_number}"
        elif (store / "views" / "main").exists():
            assert_whole(store)
    assert finish(store) == undisturbed, f"VIFEX_SEED={seed}"


@pytest.mark.parametrize(
    "step", ["rows.manifest_committed", "ledger.manifest_committed", "maintenance.rows_committed"]
)
def test_a_process_that_dies_at_a_step_frees_its_lock(step: str, folder: Path) -> None:
    store = folder / "s.vifex"
    with start(store, step) as child:
        assert child.stdout is not None
        child.stdout.read()
    assert child.returncode == 9
    assert_whole(store)
    finish(store)
