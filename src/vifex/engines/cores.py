"""How many CPU cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["available_cores"]

_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def available_cores() -> int:
    """Count the cores that this process may use: its affinity and its container's quota counted in."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _quota()
    return max(1, min(cores, math.ceil(quota)) if quota else cores)


def _quota() -> float | None:
    """Read a container's CPU quota in cores; `None` where there is none."""
    try:
        limit, period = _CPU_MAX.read_text().split()
        return int(limit) / int(period)
    except (OSError, ValueError):
        return None  # not Linux, no cgroup v2, or "max"
