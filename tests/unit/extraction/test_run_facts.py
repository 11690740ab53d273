"""What a run says of its machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vifex.engines import cores
from vifex.extraction.opening import Shares, facts_of_run, share_out
from vifex.extraction.planning.budget import Budget
from vifex.extraction.planning.shard_plan import ShardPlace
from vifex.values import Limits


def test_a_run_counts_the_cores_of_its_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a core of quota rounds up to one, however many cores the machine has."""
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    monkeypatch.setattr(cores, "_CGROUPS", tmp_path)
    shares = share_out(
        tmp_path / "s.vifex",
        [],
        workers=None,
        cores=None,
        memory_bytes=None,
        limits=None,
        shards=None,
        devices=(),
    )
    facts = json.loads(facts_of_run([], shares, {"extracted": {"sources": ["a"]}}))
    assert facts["machine"]["cores"] == 1
    assert facts["extracted"] == {"sources": ["a"]}


def test_a_run_on_a_cluster_counts_the_cores_of_its_shards() -> None:
    budget = Budget(cores=4, workers=4, slow_workers=0, limits=Limits())
    places = (ShardPlace(budget, "cuda:0", gpus=1), ShardPlace(budget, "cuda:0", gpus=1))
    shares = Shares(budget, {}, places, on="ray://head.example:10001")
    machine = json.loads(facts_of_run([], shares, {}))["machine"]
    assert {name: machine[name] for name in ("on", "cores", "shards")} == {
        "on": "ray",
        "cores": 8,
        "shards": ["cuda:0", "cuda:0"],
    }
