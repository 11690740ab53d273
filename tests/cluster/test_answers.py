"""Questions that the machines of a cluster work on: the answers are those of one machine, to the bit."""

from __future__ import annotations

import os
import runpy
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import pytest

import vifex
from vifex.analysis import neighbours, products
from vifex.analysis.copies import pairs
from vifex.analysis.copies.segments import evidence, find
from vifex.analysis.copies.segments.frames import make_frames
from vifex.api.answers.machines import machines_of
from vifex.store import open_store
from vifex.values import EngineError, InputError
from vifex.values.machines import Machines

write_store = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "search" / "rows.py"))["write_store"]
ray_cluster = pytest.importorskip("ray.cluster_utils")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several raylets on a machine need Linux")

_OBJECTS = 80_000_000


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Two machines with one core each, beside a head without."""
    place = Path(tempfile.mkdtemp(prefix="vr-"))  # names of sockets must be short
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(place)}
    head = {"num_cpus": 0, "object_store_memory": _OBJECTS, "include_dashboard": False}
    made = ray_cluster.Cluster(initialize_head=True, head_node_args=head)
    os.environ["RAY_ADDRESS"] = made.address
    try:
        for _ in range(2):
            made.add_node(num_cpus=1, object_store_memory=_OBJECTS)
        with machines_of("ray") as found:
            assert found is not None
            yield found
    finally:
        made.shutdown()
        del os.environ["RAY_TMPDIR"], os.environ["RAY_ADDRESS"]
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(autouse=True)
def small_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (neighbours, pairs, evidence):
        monkeypatch.setattr(module, "SENT_FROM", 0)
    monkeypatch.setattr(find, "_SENT_FROM", 0)
    for module in (products, neighbours, pairs):
        monkeypatch.setattr(module, "BLOCK", 256)


def directions(count: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Rows of length 1, some of them near each other."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, 32))
    rows[count // 2 :] = rows[: count - count // 2] + 0.2 * rng.standard_normal((count - count // 2, 32))
    found: npt.NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def test_the_machines_are_those_of_the_cluster(machines: Machines) -> None:
    assert machines.width == 2


@pytest.mark.parametrize("two", [False, True])
def test_pairs(machines: Machines, two: bool) -> None:
    unit, other = directions(3000), directions(4000)[2500:] if two else None
    radius = np.full(3000, 0.05, np.float32)
    other_radius = np.full(1500, 0.2, np.float32) if two else None
    shares: list[float] = []
    alone = pairs.near_pairs(unit, other, radius=radius, other_radius=other_radius)
    spread = pairs.near_pairs(
        unit, other, radius=radius, other_radius=other_radius, on_progress=shares.append, machines=machines
    )
    assert len(alone) > 100
    for name in ("first", "second", "similarity"):
        np.testing.assert_array_equal(getattr(spread, name), getattr(alone, name))
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_too_many_pairs_are_an_error_of_the_question(machines: Machines) -> None:
    with pytest.raises(InputError, match="more than 10 pairs of rows"):
        pairs.near_pairs(directions(2000), radius=np.ones(2000, np.float32), most=10, machines=machines)


@pytest.mark.parametrize("of", [None, 700])
def test_neighbours(machines: Machines, monkeypatch: pytest.MonkeyPatch, of: int | None) -> None:
    monkeypatch.setattr(neighbours, "_FEW", 0)
    unit, queries = directions(3000), None if of is None else directions(of, 2)
    alone = neighbours.nearest_neighbours(unit, 7, of=queries)
    spread = neighbours.nearest_neighbours(unit, 7, of=queries, machines=machines)
    np.testing.assert_array_equal(spread.rows, alone.rows)
    np.testing.assert_array_equal(spread.similarity, alone.similarity)


def test_segments_of_videos(machines: Machines) -> None:
    rng = np.random.default_rng(3)
    unit, medium = directions(1200, 3), np.repeat(np.arange(20), 60)
    for copy in range(10, 20):  # from second 5 on each shows what another showed from second 2.5 on
        noise = 0.05 * rng.standard_normal((30, 32)).astype(np.float32)
        unit[copy * 60 + 20 : copy * 60 + 50] = unit[(copy - 10) * 60 + 10 : (copy - 10) * 60 + 40] + noise
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    frames = make_frames(unit, np.tile(np.arange(60) / 4, 20), medium)
    alone, spread = find.find_segments(frames), find.find_segments(frames, machines=machines)
    assert len(alone.segments) >= 10
    assert spread == alone


def test_an_index(machines: Machines, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((8, 64))[rng.integers(0, 8, 600)] + rng.standard_normal((600, 64))
    stores = [
        write_store(tmp_path / f"{name}.vifex", {"head": vectors}, commits=3) for name in ("alone", "spread")
    ]
    assert len(list((stores[1] / "views/main/rows.lance/data").iterdir())) > 1  # there is something to spread
    alone, spread = vifex.index(stores[0], recall=0.9), vifex.index(stores[1], recall=0.9, on="ray")
    assert spread.rows_not_held == 0
    assert spread.facts.partitions == alone.facts.partitions
    folders = list((stores[1] / "views/main/rows.lance/_indices").iterdir())
    assert len(folders) == 1  # those of the parts are gone
    assert len(list(folders[0].iterdir())) == len(
        list((stores[0] / "views/main/rows.lance/_indices").glob("*/*"))
    )
    with open_store(stores[1]) as stored:
        assert all(check.ok for check in stored.verify())
    notes: list[str] = []
    with vifex.open(stores[1]) as opened:
        exact = opened.search(vectors[5].astype(np.float32), 10)
        near = opened.search(vectors[5].astype(np.float32), 10, approximate=True, on_notice=notes.append)
    assert [hit.score for hit in near][:1] == [hit.score for hit in exact][:1]
    assert len({hit.key for hit in near} & {hit.key for hit in exact}) >= 7


def test_a_task_whose_process_is_killed_is_done_again(machines: Machines, tmp_path: Path) -> None:
    marker = tmp_path / "killed"

    def dies_once(part: slice, threads: int) -> Any:
        if part.start == 1 and not marker.exists():
            marker.touch()
            psutil.Process().kill()
        return part.stop

    found = {part.start: value for part, value in machines.each(dies_once, [], _parts())}
    assert marker.exists()
    assert found == {0: 1, 1: 2, 2: 3}


def test_what_goes_wrong_on_a_machine_is_one_sentence(machines: Machines) -> None:
    def fails(part: slice, threads: int) -> Any:
        raise ValueError("nothing works")

    with pytest.raises(EngineError, match=r"the cluster could not do a part of the work: .*nothing works"):
        list(machines.each(fails, [], _parts()))


def _parts() -> list[slice]:
    return [slice(i, i + 1) for i in range(3)]
