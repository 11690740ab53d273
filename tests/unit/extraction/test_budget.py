"""Cores and memory of a run, as the user or the cgroup says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vifex.engines import cores as cores_module
from vifex.extraction.planning.budget import available_memory, plan_budget
from vifex.values import InputError, Limits

GIB = 1 << 30


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of cgroups in which this process is two levels down, as in a job of SLURM."""
    own = tmp_path / "own"
    own.write_text("0::/job_7/step_0\n")
    tree = tmp_path / "cgroup"
    (tree / "job_7" / "step_0").mkdir(parents=True)
    monkeypatch.setattr(cores_module, "_OWN_CGROUP", own)
    monkeypatch.setattr(cores_module, "_CGROUPS", tree)
    return tree


def test_the_smallest_limit_on_the_way_to_the_root_counts(cgroups: Path) -> None:
    assert available_memory() is None
    (cgroups / "job_7" / "step_0" / "memory.max").write_text("max\n")
    (cgroups / "job_7" / "memory.max").write_text(f"{6 * GIB}\n")
    (cgroups / "memory.max").write_text(f"{64 * GIB}\n")
    assert available_memory() == 6 * GIB
    (cgroups / "job_7" / "cpu.max").write_text("100000 100000\n")
    assert cores_module.available_cores() == 1


def test_without_a_limit_nothing_is_changed(cgroups: Path) -> None:
    budget = plan_budget(cores=3)
    assert (budget.cores, budget.workers, budget.limits) == (3, 3, Limits())
    assert plan_budget(cores=3, workers=5).workers == 5


def test_the_memory_is_shared_among_the_decoders(cgroups: Path) -> None:
    """5 GiB: one for the parent, one for each of four decoders."""
    budget = plan_budget(cores=4, memory_bytes=5 * GIB)
    assert (budget.workers, budget.limits.memory_bytes) == (4, GIB)
    assert plan_budget(cores=4, memory_bytes=5 * GIB, limits=Limits(memory_bytes=0)) == budget
    assert plan_budget(cores=2, memory_bytes=99 * GIB).limits == Limits()


def test_decoders_of_slow_disks_need_ample_memory(cgroups: Path) -> None:
    """2 GiB for each decoder process, and one of the parent."""
    assert plan_budget(cores=4).slow_workers == 4
    assert plan_budget(cores=4, memory_bytes=17 * GIB).slow_workers == 4
    assert plan_budget(cores=4, memory_bytes=12 * GIB).slow_workers == 1
    assert plan_budget(cores=4, memory_bytes=9 * GIB).slow_workers == 0
    assert plan_budget(cores=4, memory_bytes=17 * GIB).limits.memory_bytes == 2 * GIB


def test_a_chosen_number_of_decoders_is_kept(cgroups: Path) -> None:
    budget = plan_budget(cores=4, workers=2)
    assert (budget.workers, budget.slow_workers) == (2, 0)


def test_short_memory_means_fewer_decoders(cgroups: Path) -> None:
    budget = plan_budget(cores=16, memory_bytes=2 * GIB)
    assert (budget.cores, budget.workers, budget.limits.memory_bytes) == (16, 2, GIB // 2)
    (cgroups / "memory.max").write_text(f"{GIB // 4}\n")
    assert plan_budget(cores=16).workers == 1  # a small container still runs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cores": 0}, r"`cores=` takes a whole number"),
        ({"cores": 1.5}, r"`cores=` takes a whole number"),
        ({"memory_bytes": -1}, r"`memory=` takes a size"),
        ({"memory_bytes": float("nan")}, r"`memory=` takes a size"),
        ({"memory_bytes": GIB}, r"`memory=` is 1\.00 GiB, too little"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan_budget(**options)
