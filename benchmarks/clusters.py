"""Ray clusters on this machine: raylets that stand for machines."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

_OBJECTS = 80_000_000
"""Bytes of each machine's object store."""


@contextlib.contextmanager
def cluster(machines: int, cores: int = 1, **head: Any) -> Iterator[Any]:
    """Start a head without cores, and machines; gives the `Cluster`. They inherit the environment.

    Args:
        machines: Beside the head.
        cores: Of each.
        **head: More options of the head.
    """
    from ray.cluster_utils import Cluster

    place = tempfile.mkdtemp(prefix="vr-")  # names of sockets must be short
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": place}
    words = {"num_cpus": 0, "object_store_memory": _OBJECTS, "include_dashboard": False, **head}
    made = Cluster(initialize_head=True, head_node_args=words)
    try:
        for _ in range(machines):
            add_machine(made, cores)
        yield made
    finally:
        made.shutdown()
        del os.environ["RAY_TMPDIR"]
        shutil.rmtree(place, ignore_errors=True)


def add_machine(made: Any, cores: int = 1) -> Any:
    """Add a machine; gives its `Node`."""
    return made.add_node(num_cpus=cores, object_store_memory=_OBJECTS)


def kill_machine(made: Any, node: Any) -> None:
    """Send SIGKILL to the raylet of a machine and to all its processes, as when power is lost."""
    processes = [info.process.pid for found in node.all_processes.values() for info in found]
    tree = [child for pid in processes for child in _tree(pid)]
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()  # nobody says a last word
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    made.remove_node(node, allow_graceful=False)


def shard_processes() -> list[psutil.Process]:
    """Return the processes of shards, busy or not."""
    running = psutil.process_iter(["cmdline"])
    return [p for p in running if any("RemoteShard" in word for word in p.info["cmdline"] or ())]


def ray_environment(made: Any) -> dict[str, str]:
    """Return the environment in which `--on ray` means this cluster."""
    return {**os.environ, "RAY_ADDRESS": made.address}


def python_path(*folders: Path) -> str:
    """Return a `PYTHONPATH` with these folders first."""
    return os.pathsep.join(p for p in (*map(str, folders), os.environ.get("PYTHONPATH", "")) if p)


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
