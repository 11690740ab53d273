"""The same photographs and network by Vifex on a Ray cluster, Ray Data and Daft; and a worker is killed.

usage: cluster_peers.py [--images N] [--rounds N]

All run on this machine with all its cores. The peers do it as their own guides have it: Ray Data by
`read_images`, `map` and `map_batches` with an actor class, Daft by `download`, `decode_image` and a class
with a batch method. They keep features in memory; Vifex writes a store and syncs it.
The peers' processes are warm. Rates of Vifex are those from the first decode to the last commit.

Then, in a run of each, the process with the network gets SIGKILL after three seconds, and the record
says what came of it. Takes about a quarter of an hour, and the packages of the peers 1 GB.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from clusters import cluster, shard_processes
from inputs import PHOTOS, Images, card_of_default, parser
from peers.environment import pins
from race import Peer, Wanted, start_peers
from record import alternate, spread, write
from vifex_run import VifexRun, extract

WIDTH, GIVE_UP_S, WORKS_S = 512, 600.0, 3.0
CORES = len(os.sched_getaffinity(0))
OURS, RAY_DATA, DAFT = "vifex --on ray", "Ray Data", "Daft"
WORKERS = {RAY_DATA: "MapWorker", DAFT: "daft.execution.udf_worker"}
"""What stands in the command line of the process with the network."""


def killed(find: Callable[[], list[psutil.Process]], run: Callable[[], Any]) -> Any:
    """Run, and kill the first process that is found, a few seconds later; returns what the run returns."""
    is_over = threading.Event()
    done: list[int] = []

    def kill() -> None:
        while not find() and not is_over.wait(0.05):
            pass
        is_over.wait(WORKS_S)
        for process in [] if is_over.is_set() else find()[:1]:
            process.send_signal(signal.SIGKILL)
            done.append(process.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        return run()
    finally:
        is_over.set()
        thread.join()
        if not done:
            raise LookupError("no process was there to be killed")


def outcome_of_peer(name: str, wanted: Wanted, folder: Path, count: int) -> str:
    """Kill the worker of a peer in the middle, and say what came of the run."""
    from peers.environment import python_of

    script = Path(__file__).resolve().parent / "peers" / f"{wanted.script}.py"
    process = subprocess.Popen(
        [str(python_of(str(wanted.environment))), str(script), *map(str, wanted.words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    errors: list[str] = []
    assert process.stderr is not None
    stderr = process.stderr
    threading.Thread(target=lambda: errors.extend(stderr), daemon=True).start()

    def workers() -> list[psutil.Process]:
        return [p for p in psutil.process_iter() if any(WORKERS[name] in word for word in _words(p))]

    def ask(number: int) -> dict[str, Any]:
        process.stdin.write(json.dumps({"folder": str(folder), "count": number}) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        for line in process.stdout or ():
            if line.startswith("{") and "seconds" in line:
                return dict(json.loads(line))
        return {}

    watch = threading.Timer(GIVE_UP_S, process.kill)
    watch.start()
    try:
        try:
            answer = killed(workers, lambda: ask(count))
        except LookupError:
            return "no process of its own has the network"
        if answer:
            return f"all {answer['count']} features, in {answer['seconds']:.0f} s"
        said = [line.strip() for line in errors if "Error" in line] or errors[-1:] or ["no answer"]
        return f"ended without features: {said[-1].strip()[:200]}"
    finally:
        watch.cancel()
        process.kill()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def main() -> None:
    words = parser(__doc__, rounds=5)
    words.add_argument("--images", type=int, default=3000, help="default: %(default)s")
    asked = words.parse_args()
    card = card_of_default()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        folder = Images(PHOTOS, work).folder
        wanted = {
            RAY_DATA: Wanted("ray_data", "ray_data_images", (card, str(CORES)), WIDTH),
            DAFT: Wanted("daft", "daft_images", (card, str(WIDTH)), WIDTH),
        }
        peers, missing = start_peers(wanted, folder)
        with cluster(1, CORES) as made:
            os.environ["RAY_ADDRESS"] = made.address
            ours = VifexRun(["--on", "ray", "-q", "--precision", "fp32"], folder=folder, work=work)
            runs: dict[str, VifexRun | Peer] = {OURS: ours, **peers}

            def rate(name: str) -> float:
                told = runs[name].run(asked.images)
                print(name, round(told.count / told.seconds, 1), flush=True)
                return told.count / told.seconds

            try:
                rates = alternate({n: lambda n=n: rate(n) for n in runs}, asked.rounds)  # type: ignore[misc]
            finally:
                for peer in peers.values():
                    peer.close()
            command = [folder(asked.images), "-o", work / "killed.vifex", "--on", "ray", "-q"]
            report = killed(_at_work, lambda: extract(command))
            outcomes = {OURS: f"all {report['ok']} images, in {report['busy_s']:.0f} s"}
        del os.environ["RAY_ADDRESS"]  # that cluster is gone, and Ray Data would look for it
        for name in peers:
            outcomes[name] = outcome_of_peer(name, wanted[name], folder(asked.images), asked.images)
            print(name, outcomes[name], flush=True)
    write(
        "cluster_peers",
        config={
            "images": asked.images,
            "cores": CORES,
            "network": "default, fp32",
            "peers": sorted({pin for one in wanted.values() for pin in pins(str(one.environment))}),
        },
        rounds=asked.rounds,
        results={
            "images_per_s": {name: spread(values) for name, values in rates.items()},
            "worker_killed": outcomes,
            "not_run": missing,
        },
    )


def _at_work() -> list[psutil.Process]:
    """Return the shards that have decoders."""
    return [shard for shard in shard_processes() if shard.children()]


if __name__ == "__main__":
    main()
