"""How many shards a run on a cluster has, and what each of them uses."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Final, Unpack

from vifex.engines.options import DEVICE
from vifex.extraction.planning.budget import Costs, plan_budget
from vifex.extraction.planning.shard_plan import ShardPlace
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.values import EngineError, InputError

__all__ = ["Machine", "plan_cluster_places"]

_MOST: Final = 4096
_LEAST_BYTES: Final = 3 << 29


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine of the cluster offers to Ray."""

    cores: int
    gpus: int
    memory_bytes: int


def plan_cluster_places(
    machines: Sequence[Machine],
    plans: Sequence[ViewPlan],
    shards: int | None = None,
    **costs: Unpack[Costs],
) -> list[ShardPlace]:
    """Plan the shards of a run on a cluster.

    Args:
        machines: Of the cluster.
        plans: Of the views.
        shards: How many; by default one for each GPU where a network runs on `cuda`, else one for each
            machine. Shards that Ray cannot place yet wait.
        **costs: Of each shard; by default its share of a machine, and a decoder process for each core.

    Raises:
        InputError: If a number is out of its range.
        EngineError: If no machine has what a shard needs.
    """
    if shards is not None and not (isinstance(shards, Integral) and 1 <= int(shards) <= _MOST):
        raise InputError(f"takes a whole number from 1 to {_MOST}, got {shards!r}.", option="shards")
    on_gpus = _on_gpus(plans)
    useful = [m for m in machines if m.cores and (m.gpus or not on_gpus)]
    if not useful:
        what = "a GPU" if on_gpus else "a CPU core"
        raise EngineError(
            f"no machine of the cluster offers {what} to Ray.",
            option="on",
            todo="Look with `ray status` what the cluster has.",
        )
    counts = _counts(useful, shards, on_gpus=on_gpus)
    device = "cuda:0" if on_gpus else None  # Ray shows a shard the GPUs alone that it gave it
    places = []
    for machine, count in zip(useful, counts, strict=True):
        for number in range(count):
            share = max(1, machine.cores // count + (number < machine.cores % count))
            budget = plan_budget(**_filled(costs, share, _memory(machine, count)))
            places.append(ShardPlace(budget, device, gpus=int(on_gpus)))
    return places


def _filled(costs: Costs, cores: int, memory_bytes: int) -> Costs:
    """Put a shard's share of its machine where the user says nothing."""
    cores = costs.get("cores") or cores
    return {
        "cores": cores,
        "memory_bytes": costs.get("memory_bytes") or memory_bytes,
        "workers": costs.get("workers") or cores,
        "limits": costs.get("limits"),
    }


def _memory(machine: Machine, shards: int) -> int:
    return max(_LEAST_BYTES, machine.memory_bytes // shards)


def _counts(machines: Sequence[Machine], shards: int | None, *, on_gpus: bool) -> list[int]:
    """Return how many shards each machine is planned to have."""
    if shards is None:
        return [machine.gpus if on_gpus else 1 for machine in machines]
    whole, rest = divmod(int(shards), len(machines))
    return [whole + (number < rest) for number in range(len(machines))]


def _on_gpus(plans: Sequence[ViewPlan]) -> bool:
    wanted = [p.options.device or os.environ.get(DEVICE) for p in plans if p.model.engine == "torch"]
    return "cuda" in wanted
