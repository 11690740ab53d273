"""How many shards a run has, and on which device each computes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Final, Unpack

from vifex.engines.options import DEVICE
from vifex.extraction.planning.budget import Budget, Costs, share_budget
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.values import InputError

__all__ = ["ShardPlace", "plan_places", "plan_shards", "split_devices"]

_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class ShardPlace:
    """Where a shard runs, and what it uses there."""

    budget: Budget
    device: str | None = None
    """Of its networks; `None` where the plans say it."""
    gpus: int = 0
    """GPUs that a cluster reserves for it."""


def split_devices(device: str | None) -> tuple[str, ...]:
    """Read a list of devices, e.g. `cuda:0,cuda:1`; empty where there is no list."""
    if not isinstance(device, str) or "," not in device:
        return ()
    return tuple(part.strip() for part in device.split(","))


def plan_places(
    shards: int | None,
    devices: Sequence[str],
    plans: Sequence[ViewPlan],
    **costs: Unpack[Costs],
) -> list[ShardPlace]:
    """Plan the shards of a run on this machine: `plan_shards` says where, `share_budget` with what."""
    found = plan_shards(shards, devices, plans)
    budgets = share_budget(len(found), **costs)
    return [ShardPlace(budget, device) for budget, device in zip(budgets, found, strict=True)]


def plan_shards(
    shards: int | None, devices: Sequence[str], plans: Sequence[ViewPlan]
) -> tuple[str | None, ...]:
    """Give each shard a device.

    Args:
        shards: How many; by default one for each of `devices`, one for each GPU where the device of a network
            is `cuda`, and else one.
        devices: As the user lists them; the shards take them in turn.
        plans: Of the views.

    Returns:
        For each shard its device; `None` where the plans say it.

    Raises:
        InputError: If the number is out of its range, or there are more devices than shards.
    """
    if shards is not None and not (isinstance(shards, Integral) and 1 <= int(shards) <= _MOST):
        raise InputError(f"takes a whole number from 1 to {_MOST}, got {shards!r}.", option="shards")
    listed: tuple[str | None, ...] = tuple(devices) or _gpus(plans)
    if not listed:
        return (None,) * int(shards or 1)
    if shards is None:
        return listed
    if devices and int(shards) < len(devices):
        raise InputError(
            f"is {shards}, and {len(devices)} devices are named.",
            option="shards",
            todo="Give a shard for each device, or leave `shards` out.",
        )
    return tuple(listed[number % len(listed)] for number in range(int(shards)))


def _gpus(plans: Sequence[ViewPlan]) -> tuple[str, ...]:
    """Return every GPU where a network runs on `cuda` without a number, and there are several."""
    wanted = [p.options.device or os.environ.get(DEVICE) for p in plans if p.model.engine == "torch"]
    torch = sys.modules.get("torch")
    if "cuda" not in wanted or torch is None:
        return ()
    count = int(torch.cuda.device_count())
    return tuple(f"cuda:{number}" for number in range(count)) if count > 1 else ()
