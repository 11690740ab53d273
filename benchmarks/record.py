"""What a benchmark record holds, and how it is measured, checked and written."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
RECORDS = Path(os.environ.get("VIFEX_BENCH_RECORDS") or ROOT / "benchmarks" / "records")
"""Short trials go elsewhere."""
_PACKAGES = ("vifex", "numpy", "pillow", "av", "openvino", "pylance", "pyarrow")
_FIELDS = {
    "bench": str,
    "commit": str,
    "date": str,
    "machine": dict,
    "config": dict,
    "rounds": int,
    "results": dict,
}


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        cpu = names[0] if names else cpu
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    return {"p25": round(low, 4), "median": round(middle, 4), "p75": round(high, 4)}


def alternate(
    contenders: dict[str, Callable[[], float]], rounds: int, *, warm: bool = True
) -> dict[str, list[float]]:
    """Run contenders in turn, `rounds` times; with `warm`, after a round that does not count."""
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + warm):
        for name, run in contenders.items():
            value = run()
            if number >= warm:
                values[name].append(value)
    return values


def timed(command: Sequence[str | Path]) -> float:
    """Wall seconds of a command that must end well."""
    began_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_s


def peak_bytes(command: Sequence[str | Path]) -> int:
    """Peak memory of a command's whole process tree: each process's private share, summed, highest."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak, done = 0, threading.Event()
    tree = psutil.Process(process.pid)

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, _tree_bytes(tree))

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    done.set()
    watcher.join()
    if status:
        raise RuntimeError(f"{command} ended with {status}")
    return peak


def _tree_bytes(tree: psutil.Process) -> int:
    """Proportional set size: pages that processes share count once."""
    total = 0
    for process in [tree, *_children(tree)]:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def _children(tree: psutil.Process) -> list[psutil.Process]:
    try:
        return tree.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def write(bench: str, *, config: dict[str, Any], rounds: int, results: dict[str, Any]) -> Path:
    """Write a checked record to `BENCH.json` among the records."""
    record = {
        "bench": bench,
        "commit": os.environ.get("VIFEX_BENCH_COMMIT") or _commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "config": config,
        "rounds": rounds,
        "results": results,
    }
    check(record)
    RECORDS.mkdir(parents=True, exist_ok=True)
    path = RECORDS / f"{bench}.json"
    path.write_text(json.dumps(record, indent=2) + "\n")
    print(f"{bench}: {json.dumps(results)}")
    return path


def _commit() -> str:
    """Return the checkout's commit; `VIFEX_BENCH_COMMIT` names it where the source is a copy without git."""
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()


def check(record: dict[str, Any]) -> None:
    """Raise where a record is not what a record must be."""
    if set(record) != set(_FIELDS):
        raise ValueError(f"a record has the fields {sorted(_FIELDS)}, got {sorted(record)}")
    for name, kind in _FIELDS.items():
        if not isinstance(record[name], kind):
            raise TypeError(f"{name} must be {kind.__name__}, got {record[name]!r}")
    if not record["results"]:
        raise ValueError("a record without results says nothing")
