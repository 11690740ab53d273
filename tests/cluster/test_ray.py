"""`vifex extract --on ray` on a cluster of several machines, which are raylets here."""

from __future__ import annotations

import contextlib
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from servers import S3_ENVIRONMENT, fill, s3_server

import vifex
from vifex.store import open_store
from vifex.store.commit.synced_table import SyncedTable

ray_cluster = pytest.importorskip("ray.cluster_utils")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several raylets on a machine need Linux")

ROOT = Path(__file__).parents[2]
IMAGES, CLIPS, MACHINES = 60, 8, 3
compare = runpy.run_path(str(ROOT / "scripts" / "compare_stores.py"))["compare"]
_OBJECTS = 80_000_000


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, shared_media: Path) -> Path:
    """Images, clips, and a file that is broken."""
    folder = tmp_path_factory.mktemp("cluster") / "media"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(IMAGES):
        pixels = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"i-{i:03d}.jpg")
    for number in range(CLIPS):  # enough that a run goes on for seconds after its first commit
        shutil.copy(shared_media / "good" / "clip-h264-ducks.mp4", folder / f"v-{number:02d}.mp4")
    (folder / "broken.jpg").write_bytes((folder / "i-000.jpg").read_bytes()[:200])
    return folder


def compare_stores(one: Path, other: Path | str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = compare(one, other, "main", None, only_rows=False)
    return found


WORDS = ["--fps", "8", "--precision", "fp32"]


@pytest.fixture(scope="module")
def local(media: Path) -> Path:
    """The store of a run on this machine alone."""
    store = media.parent / "local.vifex"
    vifex.extract(media, store, fps=8, precision="fp32")
    return store


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without cores, and machines with one each."""
    place = Path(tempfile.mkdtemp(prefix="vr-"))  # names of sockets must be short
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(place)}
    head = {"num_cpus": 0, "object_store_memory": _OBJECTS, "include_dashboard": False}
    made = ray_cluster.Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(MACHINES):
            add_machine(made)
        yield made
    finally:
        made.shutdown()
        del os.environ["RAY_TMPDIR"]
        shutil.rmtree(place, ignore_errors=True)


def add_machine(cluster: Any) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=_OBJECTS)


def start(cluster: Any, media: Path, store: Path | str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vifex", "extract", str(media), "-o", str(store), "--on", "ray", *WORDS]
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    return subprocess.Popen([*command, *words], env=environment, stderr=subprocess.PIPE, text=True)


def ended(run: subprocess.Popen[str]) -> str:
    """Wait for a run, whose media include one that fails, and return what it said."""
    _, said = run.communicate(timeout=300)
    assert run.returncode == 3, said
    return said


def actors() -> list[psutil.Process]:
    """The processes of shards, busy or not."""
    running = psutil.process_iter(["cmdline"])
    return [p for p in running if any("RemoteShard" in word for word in p.info["cmdline"] or ())]


def wait_for(what: Callable[[], Any], seconds: float = 120.0) -> Any:
    until_s = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until_s
        time.sleep(0.05)
    return found


def at_work(count: int) -> list[psutil.Process]:
    """The processes of so many shards, once each of them has decoders and so was given media."""

    def found() -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            working = [process for process in actors() if process.children()]
            return working if len(working) == count else []
        return []

    working: list[psutil.Process] = wait_for(found)
    return working


def resume(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


def has_committed(store: Path) -> bool:
    with contextlib.suppress(vifex.VifexError):
        return bool(len(vifex.open(store)["main"].ledger()))
    return False


def entries(store: Path) -> dict[str, dict[str, Any]]:
    """The ledger's entries by the names of media."""
    return {entry["name"]: entry for entry in vifex.open(store)["main"].ledger().to_pylist()}


def test_the_rows_are_those_of_one_machine_to_the_bit(
    cluster: Any, media: Path, local: Path, tmp_path: Path
) -> None:
    said = ended(start(cluster, media, tmp_path / "far.vifex"))
    assert "broken.jpg" in said
    assert compare_stores(local, tmp_path / "far.vifex") == []


def test_a_store_in_a_bucket_is_filled_by_the_command_alone(
    cluster: Any, media: Path, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machines of the cluster have neither credentials nor the address of the bucket."""
    with s3_server() as url:
        fill(url, "bucket", {})
        for name, value in {**S3_ENVIRONMENT, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        ended(start(cluster, media, "s3://bucket/far.vifex"))
        assert compare_stores(local, "s3://bucket/far.vifex") == []


def test_many_rows_are_written_by_the_machines_themselves(
    cluster: Any, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of large layers the command is told where the rows lie: a clip has 12 MB of them."""
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    written: list[int] = []
    adopt = SyncedTable.adopt

    def counted(table: SyncedTable, sums: Mapping[str, str]) -> None:
        written.append(len(sums))
        adopt(table, sums)

    monkeypatch.setattr(SyncedTable, "adopt", counted)
    choices: dict[str, Any] = {"fps": 8, "precision": "fp32", "layers": ["stages.0"], "pool": "none"}
    some = [media / name for name in ("v-00.mp4", "v-01.mp4", "i-000.jpg")]
    vifex.extract(some, tmp_path / "local.vifex", **choices, progress=False)
    vifex.extract(some, tmp_path / "s.vifex", on="ray", **choices, progress=False)
    assert written
    assert not compare_stores(tmp_path / "local.vifex", tmp_path / "s.vifex")
    with open_store(tmp_path / "s.vifex") as store:
        assert all(check.ok and not check.without_checksum for check in store.verify())


def test_shards_and_machines_that_are_killed_cost_nothing_but_time(
    cluster: Any, media: Path, local: Path, tmp_path: Path
) -> None:
    store = tmp_path / "far.vifex"
    machine = add_machine(cluster)
    run = start(cluster, media, store, "--shards", str(MACHINES + 1))
    first, *others = at_work(MACHINES + 1)
    for other in others:
        other.suspend()  # so that the run goes on until both are dead
    first.kill()
    cluster.remove_node(machine, allow_graceful=False)
    assert run.poll() is None
    resume(others)
    assert "was replaced" in ended(run)
    assert compare_stores(local, store) == []


def test_the_same_command_goes_on_where_a_killed_one_ended(
    cluster: Any, media: Path, local: Path, tmp_path: Path
) -> None:
    store = tmp_path / "far.vifex"
    run = start(cluster, media, store)
    held, *_ = at_work(MACHINES)
    held.suspend()  # so that the run is not over before it is killed
    wait_for(lambda: has_committed(store))
    run.send_signal(signal.SIGKILL)
    run.communicate()
    resume([held])
    before = entries(store)
    ended(start(cluster, media, store))
    assert before
    after = entries(store)
    assert {name: after[name] for name in before} == before, "what was committed is not done again"
    assert compare_stores(local, store) == []
    until_s = time.monotonic() + 30
    while actors() and time.monotonic() < until_s:
        time.sleep(0.1)
    assert not actors(), "shards end with the run"


def test_a_cluster_that_does_not_answer_is_one_sentence(media: Path, tmp_path: Path) -> None:
    with pytest.raises(vifex.EngineError, match="no Ray cluster can be used"):
        vifex.extract(media, tmp_path / "a.vifex", on="ray://127.0.0.1:1")


def test_what_is_no_cluster_is_refused(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(vifex.InputError, match="takes ray or ray://HEAD:PORT, got 'dask'"):
        vifex.extract(media, tmp_path / "a.vifex", on="dask")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(vifex.MissingExtraError, match="a run on a cluster needs ray"):
        vifex.extract(media, tmp_path / "a.vifex", on="ray")
