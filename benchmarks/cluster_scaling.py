"""A simulation: one coordinator and many shards whose decoders and networks are sleep.

usage: cluster_scaling.py [--shards N ...] [--cost-ms MS ...] [--seconds S] [--rounds N] [--profile]

The coordinator is the real one: it lists a folder, gives media out, commits rows of the real size to a store
on this disk, and writes the ledger. The shards (`sleeping_shards.py`) speak the protocol of shards and are
busy with each medium for MS by the clock. So a few cores show what many machines ask of the coordinator; what
the network between machines costs is not in it. With a cost of 0 the shards hand over as fast as they can,
which says how many media a second the coordinator takes.

`of_linear` is the rate over that of as many shards that never wait: N / MS. The rate is that from the first
medium to the last commit. Every run is a process of its own, over `S` seconds of work of each shard.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import json
import pstats
import resource
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from machinery import make_files
from record import spread, write

from vifex.extraction.decoders.wire import FrameReader, frame
from vifex.extraction.listing import Listing
from vifex.extraction.opening import Shares, facts_of_run, open_pipeline, view_writer
from vifex.extraction.planning.budget import plan_budget
from vifex.extraction.planning.shard_plan import ShardPlace
from vifex.extraction.planning.view_plan import plan_view
from vifex.extraction.processes.listing import find_apart
from vifex.extraction.shards.protocol import FromShard, ShardSetup, ToShard
from vifex.store import open_writer
from vifex.values.reports import Tally

SLEEPERS = Path(__file__).resolve().parent / "sleeping_shards.py"
WINDOW, READ_BYTES, PROCESSES, FREE_MEDIA = 32_768, 1 << 20, 2, 200_000


class SleepingLink:
    """A `ShardLink` to a thread of another process.

    Args:
        connection: To it.
    """

    lost_machine = False

    def __init__(self, connection: socket.socket, setup: ShardSetup) -> None:
        self._socket, self._reader = connection, FrameReader()
        self._outbox: list[ToShard] = [setup]
        self._unwritten = b""
        connection.setblocking(False)
        self.flush()

    @property
    def reads_from(self) -> int:
        return self._socket.fileno()

    @property
    def writes_to(self) -> int:
        return self._socket.fileno()

    def say(self, message: ToShard) -> None:
        self._outbox.append(message)

    def flush(self) -> bool:
        if self._outbox:
            self._unwritten += frame(self._outbox)
            self._outbox = []
        with contextlib.suppress(BlockingIOError):
            if self._unwritten:
                self._unwritten = self._unwritten[self._socket.send(self._unwritten) :]
        return bool(self._unwritten)

    def listen(self) -> list[FromShard] | None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        return self._reader.feed(data) if data else None

    def kill(self) -> list[FromShard]:
        return []

    def died_by(self) -> str:
        return "ended"

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def sleepers(shards: int, cost_ms: float) -> Any:
    """Start processes with so many shards; gives what starts a shard for the coordinator."""
    pairs = [socket.socketpair() for _ in range(shards)]
    for pair in pairs:
        for end in pair:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, READ_BYTES)
    processes = []
    for number in range(min(PROCESSES, shards)):
        theirs = [str(pair[1].fileno()) for pair in pairs[number::PROCESSES]]
        command = [sys.executable, str(SLEEPERS), str(cost_ms), *theirs]
        processes.append(subprocess.Popen(command, pass_fds=[int(one) for one in theirs]))
    for _, theirs_end in pairs:
        theirs_end.close()
    ours = iter([pair[0] for pair in pairs])
    try:
        yield lambda setup: SleepingLink(next(ours), setup)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def simulate(files: Path, store: Path, shards: int, cost_ms: float) -> tuple[Tally, float]:
    """Run once in this process; returns also the processor seconds that it spent over media."""
    plan = plan_view("main", "default", precision="fp32")
    with contextlib.ExitStack() as stack:
        start = stack.enter_context(sleepers(shards, cost_ms))
        costs = {"cores": 1, "workers": 1, "memory_bytes": 4 << 30}
        budget = plan_budget(**costs)  # type: ignore[arg-type]
        shares = Shares(budget, {}, (ShardPlace(budget),) * shards, "ray", start)
        listing = Listing(lambda notice: find_apart([str(files)], None, notice), print)
        stack.callback(listing.close)
        writer = stack.enter_context(open_writer(store, run=facts_of_run([plan], shares)))
        pipeline = open_pipeline(
            stack,
            [view_writer(writer, plan)],
            [plan],
            shares,
            window=WINDOW,
            retry_failed=False,
            counter=None,
            on_progress=lambda progress: None,
            on_outcome=None,
            on_notice=print,
        )
        before_s = _spent_s()
        tally = pipeline.run(listing)
        return tally, _spent_s() - before_s


def _spent_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run_one(files: Path, media: int, shards: int, cost_ms: float) -> dict[str, float]:
    """Run once in this process and return the rate and what this process spent."""
    with tempfile.TemporaryDirectory() as folder:
        tally, spent_s = simulate(files, Path(folder) / "s.vifex", shards, cost_ms)
    if tally.by_status["ok"] != media or tally.rows != media:
        raise RuntimeError(f"{tally.by_status['ok']} of {media} media and {tally.rows} rows were stored")
    return {"media_per_s": media / tally.busy_s, "coordinator_us_per_medium": 1e6 * spent_s / media}


def run_apart(folder: Path, media: int, shards: int, cost_ms: float) -> dict[str, float]:
    """Run once in a process of its own, over a folder with as many files as are needed."""
    files = folder / str(media)
    if not files.exists():
        make_files(files, media)
    words = ["--one", files, "--media", media, "--shards", shards, "--cost-ms", cost_ms]
    done = subprocess.run([sys.executable, __file__, *map(str, words)], check=True, capture_output=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def profiled(run: Callable[[], Any]) -> Any:
    """Call a function and print where the threads that it starts, and it, spend their time."""
    profilers: list[tuple[str, cProfile.Profile]] = []

    def begin(*_: object) -> None:
        sys.setprofile(None)
        profiler = cProfile.Profile(__import__("time").thread_time)
        profilers.append((threading.current_thread().name, profiler))
        profiler.enable()

    threading.setprofile(begin)
    begin()
    found = run()
    threading.setprofile(None)
    profilers[0][1].disable()
    for name, profiler in profilers:
        print(name, file=sys.stderr)
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(30)
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--shards", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    words.add_argument("--cost-ms", type=float, nargs="+", default=[50.0, 2.0], help="of each medium")
    words.add_argument("--seconds", type=float, default=20.0, help="default: %(default)s")
    words.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    words.add_argument("--one", type=Path, help="run once over this folder in this process, and print it")
    words.add_argument("--media", type=int, help="with --one: how many it has")
    words.add_argument("--profile", action="store_true", help="with --one: print a profile")
    asked = words.parse_args()
    if asked.one is not None:

        def run() -> dict[str, float]:
            return run_one(asked.one, asked.media, asked.shards[0], asked.cost_ms[0])

        print(json.dumps(profiled(run) if asked.profile else run()))
        return
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for cost_ms in asked.cost_ms:
            found: dict[int, list[dict[str, float]]] = {n: [] for n in asked.shards}
            for _ in range(asked.rounds):
                for shards in asked.shards:
                    media = int(shards * asked.seconds * 1000 / cost_ms)
                    found[shards].append(run_apart(Path(scratch), media, shards, cost_ms))
                    print(cost_ms, shards, found[shards][-1], flush=True)
            results[f"{cost_ms:g} ms"] = {str(n): _summed(found[n], n * 1000 / cost_ms) for n in asked.shards}
        free = [run_apart(Path(scratch), FREE_MEDIA, 4, 0.0) for _ in range(asked.rounds)]
    results["without work"] = _summed(free, None)
    config = {"shards": asked.shards, "cost_ms": asked.cost_ms, "seconds": asked.seconds, "simulated": True}
    write("cluster_scaling", config=config, rounds=asked.rounds, results=results)


def _summed(found: Sequence[dict[str, float]], linear: float | None) -> dict[str, Any]:
    summed: dict[str, Any] = {key: spread([one[key] for one in found]) for key in found[0]}
    if linear is not None:
        summed["of_linear"] = round(summed["media_per_s"]["median"] / linear, 3)
    return summed


if __name__ == "__main__":
    main()
