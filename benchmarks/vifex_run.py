"""The real command as a contender: a new process each time, its store thrown away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from race import Told


class VifexRun:
    """`vifex extract` over a folder, counted from the first decode to the last durable commit.

    Args:
        words: Of the command, after the folder and the store.
        folder: Gives the folder of the first `n` things.
        work: Where stores are made.
        count: How many things a report tells of; media that ended well unless given.
        python: What runs the command.
        without: Modules that it shall not find, as if their packages were not installed.
    """

    def __init__(
        self,
        words: Sequence[str | Path],
        *,
        folder: Callable[[int], Path],
        work: Path,
        count: Callable[[dict[str, Any]], int] | None = None,
        python: Path | str = sys.executable,
        without: Sequence[str] = (),
    ) -> None:
        self._words, self._folder, self._python = words, folder, python
        self._hidden = _hidden(without, work)
        self._store = work / "speed.vifex"
        self._count = count or (lambda report: int(report["ok"]))
        self.precision = ""
        self.startup_s: list[float] = []
        """Wall seconds of each run outside its busy time: start, compiling, listing, maintenance, end."""

    def run(self, things: int) -> Told:
        """Run the command over the first `things` things."""
        report = extract(
            [self._folder(things), "-o", self._store, *self._words], python=self._python, path=self._hidden
        )
        shutil.rmtree(self._store)
        self.precision = report["precision"]["main"]
        self.startup_s.append(report["wall_s"] - report["busy_s"])
        return Told(report["busy_s"], self._count(report))


def _hidden(modules: Sequence[str], work: Path) -> Path | None:
    """Make a folder of modules that cannot be imported, to stand before the installed ones."""
    if not modules:
        return None
    folder = work / "hidden"
    folder.mkdir(exist_ok=True)
    for module in modules:
        (folder / f"{module}.py").write_text("raise ImportError\n")
    return folder


def extract(
    words: Sequence[str | Path], *, python: Path | str = sys.executable, path: Path | None = None
) -> dict[str, Any]:
    """Run `vifex extract` and give its report, and `wall_s` of the whole process."""
    environment = None if path is None else {**os.environ, "PYTHONPATH": str(path)}
    began_s = time.perf_counter()
    done = subprocess.run(
        [python, "-m", "vifex", "extract", *words, "--json"],
        capture_output=True,
        text=True,
        env=environment,
    )
    wall_s = time.perf_counter() - began_s
    if done.returncode:
        raise RuntimeError(f"vifex extract ended with {done.returncode}: {done.stderr[-1000:]}")
    return {**json.loads(done.stdout), "wall_s": wall_s}
