"""The cores and the memory that a run may use, and how they are shared among its decoder processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Final, TypedDict

from vifex.engines.cores import available_cores, cgroup_folders
from vifex.values import InputError, Limits

__all__ = ["Budget", "Costs", "MachineUse", "available_memory", "plan_budget", "share_budget"]

_PARENT_BYTES: Final = 1 << 30
"""Left for the parent process: the network, batches, and rows before their commit."""
_DECODER_BYTES: Final = 512 << 20
"""Least memory with which a decoder process reads usual media."""
_AMPLE_BYTES: Final = 2 << 30
"""Memory of each decoder process that leaves some for decoders of slow disks."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run uses."""

    cores: int
    """Threads of the engine."""
    workers: int
    """Decoder processes."""
    slow_workers: int
    """Decoder processes beyond those, for media of slow disks: they wait more than they compute."""
    limits: Limits
    """Of one file; its memory is at most the share of one decoder process."""


class Costs(TypedDict, total=False):
    """What a user allows a run to use, as `plan_budget` takes it."""

    cores: int | None
    memory_bytes: int | None
    workers: int | None
    limits: Limits | None


class MachineUse(Costs, total=False):
    """What a user allows a run to use of this machine, or of each machine of a cluster.

    What is left out is decided by the run: a decoder process for each core, and fewer if the memory is short;
    the cores that affinity and cgroup allow; the memory that the cgroup allows; one shard for each of the
    devices, or for each GPU that a plan asks for.
    """

    shards: int | None
    """Processes with decoders and networks."""
    devices: Sequence[str]
    """Of the shards, in turn; by default those of the plans."""


def plan_budget(
    *,
    cores: int | None = None,
    memory_bytes: int | None = None,
    workers: int | None = None,
    limits: Limits | None = None,
) -> Budget:
    """Share cores and memory.

    Args:
        cores: Cores to use; by default those that affinity and cgroup allow.
        memory_bytes: Memory of all processes together; by default the limit of the cgroup, if it has one.
        workers: Decoder processes; by default one for each core, fewer if the memory is short, and up to
            twice as many as long as media lie on a slow disk.
        limits: What one file may cost.

    Raises:
        InputError: If a number is out of its range, or the memory is too small for one decoder process.
    """
    limits = limits or Limits()
    _check_count("cores", cores)
    cores = cores or available_cores()
    if memory_bytes is not None and not _is_size(memory_bytes):
        raise InputError("takes a size above 0.", option="memory")
    most = memory_bytes or available_memory()
    if most is None:
        return Budget(cores, workers or cores, 0 if workers else cores, limits)
    fitting = int((most - _PARENT_BYTES) // _DECODER_BYTES)
    if fitting < 1 and memory_bytes is not None:
        least = (_PARENT_BYTES + _DECODER_BYTES) / (1 << 30)
        raise InputError(
            f"is {most / (1 << 30):.2f} GiB, too little for one decoder process.",
            option="memory",
            todo=f"Give {least:.1f} GiB or more.",
        )
    ample = int((most - _PARENT_BYTES) // _AMPLE_BYTES)
    slow_workers = 0 if workers else min(cores, max(0, ample - cores))
    workers = workers or min(cores, max(1, fitting))
    share = max(_DECODER_BYTES, int(most - _PARENT_BYTES) // (workers + slow_workers))
    own = limits.memory_bytes
    return Budget(
        cores, workers, slow_workers, replace(limits, memory_bytes=min(own, share) if own else share)
    )


def share_budget(
    shards: int,
    *,
    cores: int | None = None,
    memory_bytes: int | None = None,
    workers: int | None = None,
    limits: Limits | None = None,
) -> list[Budget]:
    """Share cores and memory among shards; each gets at least one core and one decoder process.

    Args:
        shards: How many there are.
        cores: As of `plan_budget`, for all shards together.
        memory_bytes: As of `plan_budget`; the coordinator gets as much as the network of a shard.
        workers: As of `plan_budget`, for all shards together.
        limits: What one file may cost.

    Raises:
        InputError: As `plan_budget`, also if the memory is too small for so many shards.
    """
    whole = plan_budget(cores=cores, memory_bytes=memory_bytes, workers=workers, limits=limits)
    if shards == 1:
        return [whole]
    most = memory_bytes or available_memory()
    share = None if most is None else int(most - _PARENT_BYTES) // shards
    least = _PARENT_BYTES + _DECODER_BYTES
    if memory_bytes is not None and share is not None and share < least:
        needed = (_PARENT_BYTES + shards * least) / (1 << 30)
        raise InputError(
            f"is {memory_bytes / (1 << 30):.2f} GiB, too little for {shards} shards.",
            option="memory",
            todo=f"Give {needed:.1f} GiB or more, or fewer shards.",
        )
    return [
        plan_budget(
            cores=_part(whole.cores, shards, number),
            memory_bytes=None if share is None else max(share, least),
            workers=None if workers is None else _part(workers, shards, number),
            limits=limits,
        )
        for number in range(shards)
    ]


def _part(whole: int, shards: int, number: int) -> int:
    """Return the share of one shard of a number of cores or processes, at least 1."""
    return max(1, whole // shards + (number < whole % shards))


def available_memory() -> int | None:
    """Read the smallest memory limit of this process's cgroup and of those above it, in bytes.

    Returns:
        `None` if there is no limit, or no cgroup.
    """
    found = []
    for folder in cgroup_folders():
        for name in ("memory.max", "memory/memory.limit_in_bytes"):
            try:
                found.append(int((folder / name).read_text()))
            except (OSError, ValueError):
                continue  # no such file, or "max"
    # Version 1 writes a huge number in place of "max".
    found = [limit for limit in found if 0 < limit < 1 << 60]
    return min(found, default=None)


def _check_count(option: str, value: object) -> None:
    if value is not None and not (isinstance(value, Integral) and int(value) >= 1):
        raise InputError(f"takes a whole number from 1 on, got {value!r}.", option=option)


def _is_size(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value) and float(value) > 0
