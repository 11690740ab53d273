"""How near the estimate of `vifex extract --estimate` comes to what the run then takes.

usage: estimate.py [--rounds N] [--photographs N] [--videos N] [--video-seconds S] [--name NAME]

Three collections: photographs, videos of 720p at one frame a second, and both. Each round is the real command
with the embedded model into a new store: it probes for at most 20 s and then runs. Both figures are those of
its report, of seconds and of bytes on the disk.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inputs import CLIPS, PHOTOS, Images
from record import spread, write
from videos import Videos
from vifex_run import extract


def once(folders: Sequence[Path], store: Path) -> dict[str, float]:
    """Run the command with an estimate, and return both figures of its report."""
    report = extract([*folders, "-o", store, "--estimate"])
    shutil.rmtree(store)
    estimate = report["estimate"]
    return {
        "estimated_s": estimate["seconds"],
        "took_s": report["seconds"],
        "seconds_ratio": estimate["seconds"] / report["seconds"],
        "estimated_bytes": estimate["size_bytes"],
        "added_bytes": report["added_bytes"],
        "bytes_ratio": estimate["size_bytes"] / report["added_bytes"],
        "probing_s": report["wall_s"] - report["seconds"],
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    words.add_argument("--photographs", type=int, default=20_000, help="default: %(default)s")
    words.add_argument("--videos", type=int, default=16, help="default: %(default)s")
    words.add_argument("--video-seconds", type=float, default=600.0, help="of each (default: %(default)s)")
    words.add_argument("--name", default="estimate", help="of the record (default: %(default)s)")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        photographs = Images(PHOTOS, work).folder(asked.photographs)
        videos = Videos(CLIPS, work, asked.video_seconds).folder(asked.videos)
        collections = {
            "photographs": [photographs],
            "videos": [videos],
            "photographs and videos": [photographs, videos],
        }
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in collections}
        for _ in range(asked.rounds):
            for name, folders in collections.items():
                runs[name].append(once(folders, work / "s.vifex"))
                print(name, runs[name][-1], flush=True)
    results: dict[str, Any] = {
        name: {key: spread([told[key] for told in values]) for key in values[0]}
        for name, values in runs.items()
    }
    config = {
        "photographs": asked.photographs,
        "videos": asked.videos,
        "video_s": asked.video_seconds,
        "model": "default",
    }
    write(asked.name, config=config, rounds=asked.rounds, results=results)


if __name__ == "__main__":
    main()
