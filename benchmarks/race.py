"""Contenders of very different speed in one run: each over as much as fills its own seconds, in turn.

A rate is per thing (image, frame, clip), so contenders may count over different numbers of them. Before
the race each runs twice: over the fewest things, which warms it, and over enough for a tenth of its time,
which says how many fill it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.environment import CannotInstallError, python_of
from record import alternate, spread

MARGIN = 1.05
"""Runs are made this much longer than asked for, so that few fall short."""
PEERS = Path(__file__).resolve().parent / "peers"


@dataclass(frozen=True, slots=True)
class Told:
    """What one run of a contender was."""

    seconds: float
    count: int
    width: int | None = None
    """Numbers in one feature, where the contender gives features."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that works on the first `n` things."""

    run: Callable[[int], Told]
    seconds: float
    """How long one of its runs is to last, about."""


def race(contenders: dict[str, Contender], rounds: int, *, fewest: int, step: int = 1) -> dict[str, Any]:
    """Run all in turn, `rounds` times.

    Args:
        contenders: By name.
        rounds: How often each runs.
        fewest: Things that each works on at least.
        step: Numbers of things are multiples of this.

    Returns:
        `rates` (things per second), `things` (of one run) and `seconds` (of one run), by name.
    """
    things = {}
    for name, contender in contenders.items():
        few = fewest
        for part in (0.1, MARGIN):
            told = contender.run(few)
            wanted = int(part * contender.seconds * few / told.seconds) // step * step
            few = max(fewest, wanted)
        things[name] = few
        print(f"   {name}: {few} a run", file=sys.stderr, flush=True)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}

    def once(name: str) -> float:
        told = contenders[name].run(things[name])
        seconds[name].append(told.seconds)
        print(f"   {name}: {told.count / told.seconds:.1f} / s", file=sys.stderr, flush=True)
        return told.count / told.seconds

    rates = alternate({name: lambda n=name: once(n) for name in contenders}, rounds, warm=False)
    return {
        "rates": {name: spread(v) for name, v in rates.items()},
        "things": things,
        "seconds": {name: round(sorted(v)[len(v) // 2], 1) for name, v in seconds.items()},
    }


class Peer:
    """A peer's process: it loads its network once and then answers, see `peers/serve.py`.

    Args:
        script: Of `peers/`.
        words: What it is given.
        python: What runs it.
        folder: Gives the folder of the first `n` things.
        width: Numbers that one of its features must have.
    """

    def __init__(
        self,
        script: str,
        words: Sequence[str | Path],
        *,
        python: Path | str,
        folder: Callable[[int], Path],
        width: int | None = None,
    ) -> None:
        self._command = [python, PEERS / f"{script}.py", *words]
        self._folder = folder
        self._width = width
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = self._start()  # so that the start that is timed finds its files in memory
        self._end()
        began_s = time.perf_counter()
        self._process = self._start()
        self.startup_s = time.perf_counter() - began_s

    def run(self, count: int) -> Told:
        """Have it work on the first `count` things."""
        told = Told(**self._ask({"folder": str(self._folder(count)), "count": count}))
        if self._width is not None and told.width != self._width:
            raise RuntimeError(f"{self._command} gave {told.width} numbers a feature, not {self._width}")
        return told

    def close(self) -> None:
        """End it."""
        self._end()
        self._log.close()

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        self._answer(process)
        return process

    def _answer(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):  # others were printed by a library
                return dict(json.loads(line))
        raise self._died(process)

    def _end(self) -> None:
        self._process.kill()
        with self._process:  # closes its pipes
            pass

    def _died(self, process: subprocess.Popen[str]) -> RuntimeError:
        status = process.wait()
        self._log.seek(0)
        return RuntimeError(f"{self._command} ended with {status}: {self._log.read()[-1000:]}")

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps(question), file=self._process.stdin, flush=True)
        return self._answer(self._process)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A peer that is to take part."""

    environment: str | None
    """Where it lives; `None` for that of the benchmark itself."""
    script: str
    words: tuple[str | Path, ...] = ()
    width: int | None = None


def start_peers(
    wanted: dict[str, Wanted], folder: Callable[[int], Path]
) -> tuple[dict[str, Peer], dict[str, str]]:
    """Start peers; one that cannot be installed is left out, with the reason."""
    peers: dict[str, Peer] = {}
    missing: dict[str, str] = {}
    for name, want in wanted.items():
        try:
            python = python_of(want.environment) if want.environment else sys.executable
        except CannotInstallError as exc:
            missing[name] = str(exc)
            continue
        peers[name] = Peer(want.script, want.words, python=python, folder=folder, width=want.width)
    return peers, missing
