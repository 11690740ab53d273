"""Several shards make what one makes, to the bit; a shard that dies costs a second try of what it had."""

from __future__ import annotations

import os
import random
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

import vifex
from vifex.extraction.shards.assignments import MOST_LOSSES
from vifex.extraction.shards.shard_sink import ShardSink

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")

ROOT = Path(__file__).parents[2]
IMAGES = 100
MANY = 5_000
compare = runpy.run_path(str(ROOT / "scripts" / "compare_stores.py"))["compare"]


def write_image(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(path)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, shared_media: Path) -> Path:
    """Images, two clips whose maps are spilled, a file that is broken and one that is no medium."""
    folder = tmp_path_factory.mktemp("shards") / "media"
    folder.mkdir()
    for i in range(IMAGES):
        write_image(folder / f"i-{i:03d}.jpg", i)
    for name in ("clip-h264-ducks.mp4", "clip-vp9.webm"):
        shutil.copy(shared_media / "good" / name, folder / name)
    (folder / "broken.jpg").write_bytes((folder / "i-000.jpg").read_bytes()[:200])
    (folder / "notes.txt").write_text("no medium")
    return folder


CHOICES: dict[str, Any] = {
    "views": {"main": {}, "maps": {"layers": ["stem"], "pool": "none"}},  # rows of 110 kB
    "every": 3,
    "precision": "fp32",
}


@pytest.fixture(scope="module")
def calm(media: Path) -> Path:
    """The store of a run without shards."""
    store = media.parent / "calm.vifex"
    vifex.extract(media, store, **CHOICES)
    return store


@pytest.fixture
def fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Shards that are started from here on have the fault that `VIFEX_TEST_FAULT` names."""
    folder = tmp_path / "site"
    folder.mkdir()
    shutil.copy(ROOT / "tests" / "support" / "faulty_shards.py", folder / "sitecustomize.py")
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return monkeypatch


def shards_of(process: int) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process).children():
        try:
            if "vifex.extraction.shards.worker" in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found


def is_decoding(shard: psutil.Process) -> bool:
    try:
        return bool(shard.children())
    except psutil.Error:
        return False


@contextmanager
def killing(kills: int, between_s: tuple[float, float]) -> Iterator[list[int]]:
    """Kill a shard of this process now and then; gives the processes that were killed."""
    seed = int(os.environ.get("VIFEX_SEED", str(random.randrange(1 << 30))))
    print(f"seed {seed}")  # shown where the test fails: VIFEX_SEED repeats the moments
    moments, killed, is_over = random.Random(seed), list[int](), threading.Event()

    def work() -> None:
        while len(killed) < kills and not is_over.wait(moments.uniform(*between_s)):
            shards = [shard for shard in shards_of(os.getpid()) if is_decoding(shard)]
            if shards:
                chosen = moments.choice(shards)
                chosen.kill()
                killed.append(chosen.pid)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield killed
    finally:
        is_over.set()
        thread.join()


def assert_whole(store: Path, calm: Path) -> None:
    """Rows and ledgers are the same, and no key is there twice."""
    assert compare(calm, store, "main", None, only_rows=False) == []
    with vifex.open(calm) as expected, vifex.open(store) as opened:
        for name in expected:
            table = opened[name].to_arrow().sort_by("key")
            assert table.equals(expected[name].to_arrow().sort_by("key"))
            keys = table.column("key").to_pylist()
            assert len(set(keys)) == len(keys)


def test_two_shards_make_the_rows_of_one_to_the_bit(
    media: Path, calm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spilled: list[str] = []
    real = ShardSink.spill_part

    def spill_part(self: ShardSink, shard: int, medium_id: str, rows: bytes) -> None:
        spilled.append(medium_id)
        real(self, shard, medium_id, rows)

    monkeypatch.setattr(ShardSink, "spill_part", spill_part)
    store, outcomes, shown = tmp_path / "s.vifex", list[vifex.Outcome](), list[vifex.Progress]()
    report = vifex.extract(
        media, store, device="cpu,cpu", on_outcome=outcomes.append, on_progress=shown.append, **CHOICES
    )
    assert (report.ok, report.failed, report.skipped) == (IMAGES + 2, 1, 1)
    with vifex.open(calm) as opened:
        assert report.rows == sum(len(view) for view in opened.values()) > 2 * IMAGES + 100
    assert len(set(spilled)) == 2
    assert sorted(o.medium.name for o in outcomes) == ["broken.jpg", "notes.txt"]
    assert shown[-1].is_over
    assert (shown[-1].rows, shown[-1].finished) == (report.rows, IMAGES + 4)
    assert shown[-1].video_s > 5
    assert report.busy_s > 0
    assert_whole(store, calm)
    assert shards_of(os.getpid()) == []
    # One ledger: the same command finds everything done, and starts nothing.
    again = vifex.extract(media, store, shards=2, **CHOICES)
    assert (again.already_done, again.rows) == (IMAGES + 4, 0)


def test_shards_that_are_killed_cost_nothing_but_time(media: Path, calm: Path, tmp_path: Path) -> None:
    store, notices = tmp_path / "s.vifex", list[str]()
    # One more kill could be the third of a medium that was with each, which counts as its fault.
    with killing(MOST_LOSSES - 1, (0.05, 0.3)) as killed:
        report = vifex.extract(media, store, shards=2, on_notice=notices.append, **CHOICES)
    assert killed, "the run was over before the first kill"
    assert (report.ok, report.failed, report.skipped) == (IMAGES + 2, 1, 1)
    assert_whole(store, calm)


def test_a_medium_that_ends_its_shards_fails_alone(tmp_path: Path, fault: pytest.MonkeyPatch) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for i in range(24):
        write_image(media / f"i-{i:02d}{'-poison' if i == 7 else ''}.jpg", i)
    fault.setenv("VIFEX_TEST_FAULT", "poison")
    notices: list[str] = []
    report = vifex.extract(media, tmp_path / "s.vifex", shards=2, precision="fp32", on_notice=notices.append)
    assert (report.ok, report.failed) == (23, 1)
    (problem,) = report.problems
    assert problem.name == "i-07-poison.jpg"
    assert "Each of 3 shards that worked on it ended; the last one crashed (SIGSEGV)." in problem.reason
    assert report.notices.count("the network is odd") == 1  # a warning of the shards
    assert any("crashed (SIGSEGV) and was replaced" in notice for notice in notices)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("start", "does not work: it ended (status 1: RuntimeError: no driver)"),
        ("error", "device cuda:7: torch finds no such device on this machine."),
    ],
)
def test_a_network_that_no_shard_can_run_ends_the_run(
    name: str, error: str, tmp_path: Path, fault: pytest.MonkeyPatch
) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for i in range(12):
        write_image(media / f"i-{i:02d}.jpg", i)
    fault.setenv("VIFEX_TEST_FAULT", name)
    with pytest.raises(vifex.EngineError) as raised:
        vifex.extract(
            media, tmp_path / "s.vifex", shards=2, workers=2, precision="fp32", on_notice=lambda notice: None
        )
    assert error in str(raised.value)
    assert shards_of(os.getpid()) == []
    with vifex.open(tmp_path / "s.vifex") as store:
        assert store.ledger().num_rows == 0  # no medium counts as failed by it


def test_an_interrupt_keeps_what_shards_had_finished(media: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"  # the run must not be over when the signal comes
    many.mkdir()
    for i in range(MANY):
        os.link(media / f"i-{i % IMAGES:03d}.jpg", many / f"{i:05d}.jpg")
    store = tmp_path / "s.vifex"
    command = [sys.executable, "-m", "vifex", "extract", str(many), "-o", str(store), "--shards", "2"]
    command += ["--every", "1", "--precision", "fp32", "-q"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until_s = time.monotonic() + 60
    while _ledger(store) < 1:
        assert process.poll() is None
        assert time.monotonic() < until_s
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    kept = _ledger(store)
    assert 1 <= kept < MANY
    assert "vifex: interrupted. " in err
    assert "the same command goes on from there." in err
    with vifex.open(store) as opened:
        rows = opened.ledger().column("rows").to_pylist()
        assert len(opened.main) == sum(rows)  # no row of what was not finished
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def _ledger(store: Path) -> int:
    try:
        with vifex.open(store) as opened:
            return opened.ledger().num_rows
    except vifex.VifexError:
        return 0
