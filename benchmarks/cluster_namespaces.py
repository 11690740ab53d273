"""A Ray cluster of four hosts in network namespaces, with an S3 server between them.

usage: cluster_namespaces.py [--media FOLDER] [--rate RATE] [--only NAME ...]

Needs Linux and root; says so where namespaces cannot be made. Each host has an address, a /tmp, a home and
processes of its own. The media lie in a bucket of moto's server, which all hosts reach. The same command
runs on this machine alone, and then on the cluster:

- `member`: from a host of the cluster;
- `client`: from a fifth host that is no part of it (`ray://`);
- `slow_host`: while a host's network is limited to RATE;
- `cut_off`: while a host is cut off in the middle.

Rows and ledger are compared with those of the local run: all columns to the bit, but for times and the
numbers of runs, commits and versions. The script fails where something differs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from inputs import CLIPS
from namespaces import BRIDGE_IP, Host, hosts
from record import ROOT, write

import vifex

sys.path.insert(0, str(ROOT / "tests" / "support"))
from servers import S3_ENVIRONMENT, fill

HOSTS, BUCKET, S3_PORT, RAY_PORT, CLIENT_PORT = 4, "media", 5000, 6379, 10001
CASES = ["member", "client", "slow_host", "cut_off"]
OPTIONS = ("--fps", "2", "--precision", "fp32")
PYTHON = sys.executable
GIVE_UP_S = 500.0
OF_RUN = ["wall_s", "run", "commit", "rows_version", "checksum"]
"""Columns of the ledger that say when something was committed, and not what."""
ALIVE = """
import sys, time, ray
ray.init(address=sys.argv[1], log_to_driver=False)
while sum(node["Alive"] for node in ray.nodes()) < int(sys.argv[2]):
    time.sleep(0.2)
"""


def contents(store: Path) -> tuple[pa.Table, pa.Table]:
    """Return the rows and the ledger of a store, without what belongs to a run."""
    with vifex.open(store) as opened:
        return opened.to_arrow().sort_by("key"), opened.ledger().drop_columns(OF_RUN).sort_by("medium_id")


def columns(table: pa.Table) -> list[str]:
    """Return each column as a text in which floats have all their digits, and NaN equals itself."""
    return [repr(column.to_pylist()) for column in table.columns]


def compared(local: Path, other: Path) -> dict[str, Any]:
    """Name the columns of rows and of the ledger that differ."""
    (rows, others), (ledger, other_ledger) = zip(contents(local), contents(other), strict=True)
    return {
        "rows": rows.num_rows,
        "media": ledger.num_rows,
        "columns_of_rows_that_differ": differing(rows, others),
        "columns_of_ledger_that_differ": differing(ledger, other_ledger),
    }


def differing(one: pa.Table, other: pa.Table) -> list[str]:
    """Name the columns of two tables that differ."""
    pairs = zip(one.column_names, columns(one), columns(other), strict=True)
    return [name for name, mine, theirs in pairs if mine != theirs]


Meanwhile = Callable[[subprocess.Popen[bytes]], None]


class Bench:
    """The hosts with Ray on the first four.

    Args:
        made: Five hosts; the last one is no part of the cluster.
    """

    def __init__(self, made: list[Host]) -> None:
        self.members, self.client = made[:HOSTS], made[HOSTS]
        self._head = f"{self.members[0].ip}:{RAY_PORT}"

    def start_ray(self, host: Host) -> None:
        """Start Ray on a host."""
        words: list[object] = [PYTHON, "-m", "ray.scripts.scripts", "start", f"--node-ip-address={host.ip}"]
        if host is self.members[0]:
            words += ["--head", f"--port={RAY_PORT}", f"--ray-client-server-port={CLIENT_PORT}"]
            words += ["--include-dashboard=false"]
        else:
            words += [f"--address={self._head}"]
        words += ["--num-cpus=1", "--object-store-memory=80000000", "--block"]
        # A busy machine starts the server of a client in more than the usual 30 s.
        variables = {"RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "120"}
        host.start(words, host.folder / "ray.log", **variables)

    def wait_for(self, count: int) -> None:
        """Wait until so many hosts are alive."""
        head = self.members[0]
        command = [PYTHON, "-c", ALIVE, self._head, count]
        if head.start(command, head.folder / "alive.log").wait(GIVE_UP_S):
            raise RuntimeError((head.folder / "alive.log").read_text())

    def extract(
        self,
        host: Host,
        on: str,
        name: str,
        meanwhile: Callable[[subprocess.Popen[bytes]], Any] | None = None,
    ) -> tuple[Path, dict[str, Any]]:
        """Run the command on a host; returns its store and what can be said of the run."""
        log = host.folder / f"{name}.log"
        words = ["-m", "vifex", "extract", f"s3://{BUCKET}", "-o", f"/tmp/{name}.vifex", "--on", on, *OPTIONS]
        began_s = time.monotonic()
        run = host.start([PYTHON, *words], log, RAY_ADDRESS=self._head)
        if meanwhile is not None:
            meanwhile(run)
        if run.wait(GIVE_UP_S):
            raise RuntimeError(f"{name}: {log.read_text()}")
        replaced = [line for line in log.read_text().splitlines() if "replaced" in line]
        seconds = round(time.monotonic() - began_s, 1)
        return host.folder / f"{name}.vifex", {"seconds": seconds, "replaced": replaced}

    def cut(self, host: Host, run: subprocess.Popen[bytes]) -> None:
        """Cut a host off while its shard works."""
        until_s = time.monotonic() + GIVE_UP_S
        while not _decoders(host) and run.poll() is None and time.monotonic() < until_s:
            time.sleep(0.05)
        time.sleep(1.0)
        if run.poll() is not None:
            raise RuntimeError("the run was over before the host was cut off")
        host.cut_off()


def _decoders(host: Host) -> list[psutil.Process]:
    return [p for p in host.processes() if any("decoders.worker" in word for word in p.info["cmdline"] or ())]


@contextlib.contextmanager
def s3_server() -> Any:
    """Run moto's server on this machine's end of the bridge."""
    words = ["-W", "ignore", "-m", "moto.server", "-H", BRIDGE_IP, "-p", str(S3_PORT)]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen([PYTHON, *words], stdout=quiet, stderr=quiet)
    endpoint = f"http://{BRIDGE_IP}:{S3_PORT}"
    os.environ |= {**S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}
    try:
        yield endpoint
    finally:
        server.kill()
        server.wait()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--media", type=Path, default=CLIPS, help="folder; default: %(default)s")
    words.add_argument("--rate", default="20mbit", help="of the slow host; default: %(default)s")
    words.add_argument("--only", nargs="+", default=CASES, choices=CASES, help="runs; default: all")
    asked = words.parse_args()
    with s3_server() as endpoint, hosts(HOSTS + 1) as made:
        objects = {path.name: path.read_bytes() for path in sorted(asked.media.iterdir()) if path.is_file()}
        _wait_for_server()
        fill(endpoint, BUCKET, objects)
        bench = Bench(made)
        local = made[0].folder / "local.vifex"
        began_s = time.monotonic()
        command = [PYTHON, "-m", "vifex", "extract", f"s3://{BUCKET}", "-o", str(local), *OPTIONS, "-q"]
        subprocess.run(command, check=True)
        results: dict[str, Any] = {"local": {"seconds": round(time.monotonic() - began_s, 1)}}
        for host in bench.members:
            bench.start_ray(host)
        bench.wait_for(HOSTS)
        second, third, fourth = bench.members[1:]

        for name in asked.only:
            with contextlib.ExitStack() as stack:
                host, on, meanwhile = second, "ray", None
                if name == "client":
                    host, on = bench.client, f"ray://{bench.members[0].ip}:{CLIENT_PORT}"
                elif name == "slow_host":
                    stack.enter_context(third.slowed(asked.rate))
                elif name == "cut_off":
                    meanwhile = partial(bench.cut, fourth)
                store, told = bench.extract(host, on, name, meanwhile)
            results[name] = {**told, **compared(local, store)}
            print(name, results[name], flush=True)
    wrong = [name for name, found in results.items() if any(v for k, v in found.items() if "differ" in k)]
    if wrong:
        raise SystemExit(f"other rows or another ledger: {', '.join(wrong)}")
    write(
        "cluster_namespaces",
        config={"hosts": HOSTS, "media": len(objects), "rate": asked.rate, "options": " ".join(OPTIONS)},
        rounds=1,
        results=results,
    )


def _wait_for_server() -> None:
    import socket

    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection((BRIDGE_IP, S3_PORT), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("moto's server does not start")


if __name__ == "__main__":
    main()
