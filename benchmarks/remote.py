"""Images of a web server that answers after 50 ms, against the same images as local files.

usage: remote.py [--images N] [--delay-ms N] [--rounds N]

The server is a process of its own, has ranges, and answers as S3 does where a bucket is listed. Contenders
are local files; the same as a bucket with the delay; addresses of the server without and with the delay; a
tar shard on it with the delay; and the addresses with the delay and one connection, by which nothing is read
ahead in parallel. The figure is images per second from the first decode to the last commit, with seconds
of processor time of a run: a request costs some, and so does the server, on the same machine. Addresses are
asked for one by one ahead of decoding. What the shard holds is in the cache after the first round, which does
not count. Each contender runs in turn. On two quiet cores it takes about eight minutes.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inputs import PHOTOS, Images, parser
from record import ROOT, alternate, spread, write

SERVER = ROOT / "tests" / "support" / "servers.py"
S3 = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "any"}
spent_s: list[float] = []
"""Seconds of processor time of each run, in their order."""


@contextlib.contextmanager
def server(folder: Path, delay_ms: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Serve a folder; gives the address, and in the end what the server saw."""
    command = [sys.executable, SERVER, folder, "--delay-s", str(delay_ms / 1000)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    seen: dict[str, Any] = {}
    try:
        yield process.stdout.readline().strip(), seen
    finally:
        seen |= json.loads(process.communicate("")[0])


def extracted(source: Path | str, **variables: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "vifex",
            "extract",
            source,
            "-o",
            Path(folder, "s.vifex"),
            "--json",
            "-q",
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, **variables})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        said: dict[str, Any] = json.loads(done.stdout)
        assert said["ok"] == said["media"], said
        return said


def rate(source: Path | str, **variables: str) -> float:
    """Give images per second of one run."""
    said = extracted(source, **variables)
    return float(said["ok"] / said["busy_s"])


def listed(url: str, photos: Path, path: Path) -> Path:
    """Write a list of addresses."""
    path.write_text("".join(f"{url}/{photos.name}/{file.name}\n" for file in sorted(photos.iterdir())))
    return path


def main() -> None:
    given = parser(__doc__, rounds=5)
    given.add_argument("--images", type=int, default=1000)
    given.add_argument("--delay-ms", type=int, default=50)
    args = given.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        photos = Images(PHOTOS, work).folder(args.images)
        with tarfile.open(work / "shard.tar", "w") as shard:
            for file in sorted(photos.iterdir()):
                info = tarfile.TarInfo(file.name)  # equal files are links to one
                info.size = file.stat().st_size
                with file.open("rb") as opened:
                    shard.addfile(info, opened)
        size = sum(file.stat().st_size for file in photos.iterdir())
        with server(work, 0) as (quick, _), server(work, args.delay_ms) as (slow, seen):
            near, far = listed(quick, photos, work / "near.txt"), listed(slow, photos, work / "far.txt")
            contenders = {
                "local": lambda: rate(photos),
                "server": lambda: rate(near),
                "slow bucket": lambda: rate(f"s3://{photos.name}/", AWS_ENDPOINT_URL=slow, **S3),
                "slow server": lambda: rate(far),
                "tar on slow server": lambda: rate(f"{slow}/shard.tar"),
                "slow server, one connection": lambda: rate(far, VIFEX_CONNECTIONS="1"),
            }
            rates = alternate(contenders, args.rounds)
    local = spread(rates["local"])["median"]
    n = len(contenders)
    spent = {
        name: spread(spent_s[n + at :: n]) for at, name in enumerate(contenders)
    }  # without the first round
    write(
        "remote",
        config={"images": args.images, "delay_ms": args.delay_ms, "mean_bytes": size // args.images},
        rounds=args.rounds,
        results={
            "images_per_s": {name: spread(values) for name, values in rates.items()},
            "of_local": {name: round(spread(v)["median"] / local, 3) for name, v in rates.items()},
            "processor_s": spent,
            "most_requests_at_once": seen["most_at_once"],
        },
    )


if __name__ == "__main__":
    main()
