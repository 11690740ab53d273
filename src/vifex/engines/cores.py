"""The number of CPU cores that this process may use, and its cgroups."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["available_cores", "cgroup_folders"]

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def available_cores() -> int:
    """Count the cores that this process may use, within its affinity and the quota of its cgroup."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _quota()
    return max(1, min(cores, math.ceil(quota)) if quota else cores)


def cgroup_folders() -> list[Path]:
    """List the folders of this process's cgroup and of every cgroup above it; empty outside of Linux."""
    try:
        lines = _OWN_CGROUP.read_text().splitlines()
    except OSError:
        lines = []
    own = next((line[3:] for line in lines if line.startswith("0::")), "/")
    places = Path(own.lstrip("/"))
    found = [_CGROUPS / places, *(_CGROUPS / parent for parent in places.parents)]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


def _quota() -> float | None:
    """Read the smallest CPU quota in cores; `None` if there is none."""
    found = []
    for folder in cgroup_folders():
        try:
            limit, period = (folder / "cpu.max").read_text().split()
            found.append(int(limit) / int(period))
        except (OSError, ValueError, ZeroDivisionError):
            continue  # no cgroup v2, or "max"
    return min(found, default=None)
