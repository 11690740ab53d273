"""Key frames of a long video: processor time of Vifex, and of `ffmpeg -skip_frame nokey`.

usage: key_frames.py [--shared FOLDER] [--seconds S] [--rounds N]

A real clip with cuts is encoded as H.264 at 1280 x 720 and looped, in Matroska, MP4 and MPEG-TS. Vifex makes
pixels of 160 x 160 of each key frame, with and without skipping the others; FFmpeg's command (one thread)
throws its frames away. Needs the command `ffmpeg`. About two minutes.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from record import ROOT, alternate, spread, write
from videos import encoded, loop_clip

from vifex.media.decode.video import video
from vifex.media.read import read
from vifex.media.sources import find
from vifex.values import Limits, Medium, PixelSpec, Sampling, ViewRequest

CLIP = "clip-h264-bframes.mp4"
KEYS = ViewRequest(Sampling("keyframes", fps=None), PixelSpec(160, 160))


def _medium(path: Path) -> Medium:
    (found,) = find([path])
    assert isinstance(found, Medium)
    return found


def _by_vifex(medium: Medium, *, in_full: bool) -> float:
    """Return seconds of processor time; in full, packets are never left out."""
    real, began_s = video.are_enough, time.process_time()
    if in_full:
        video.are_enough = lambda requests, opened: False  # type: ignore[assignment]
    try:
        for _ in read(medium, [KEYS], Limits()):
            pass
    finally:
        video.are_enough = real
    return time.process_time() - began_s


def _by_ffmpeg(path: Path, *words: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["ffmpeg", "-v", "error", "-threads", "1", *words, "-i", str(path)]
    subprocess.run([*command, "-map", "0:v:0", "-vsync", "passthrough", "-f", "null", "-"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _of(path: Path, rounds: int) -> dict[str, Any]:
    medium = _medium(path)
    contenders: dict[str, Callable[[], float]] = {
        "vifex": lambda: _by_vifex(medium, in_full=False),
        "vifex, everything decoded": lambda: _by_vifex(medium, in_full=True),
        "ffmpeg -skip_frame nokey": lambda: _by_ffmpeg(path, "-skip_frame", "nokey"),
    }
    taken = alternate(contenders, rounds)
    n_keys = sum(1 for _ in read(medium, [KEYS], Limits()))
    return {"key_frames": n_keys, "processor_s": {name: spread(values) for name, values in taken.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        first = Path(scratch) / "v.mkv"
        frames = loop_clip(encoded(given.shared / "media" / "good" / CLIP), first, given.seconds)
        results: dict[str, Any] = {}
        for suffix in (".mkv", ".mp4", ".ts"):
            path = first.with_suffix(suffix)
            if suffix != ".mkv":
                copy = ["ffmpeg", "-v", "error", "-i", first, "-c", "copy", path]
                subprocess.run(copy, check=True, env=os.environ)
            results[suffix] = _of(path, given.rounds)
    config = {"clip": CLIP, "seconds": given.seconds, "frames": frames, "size": "1280x720", "codec": "h264"}
    write("key_frames", config=config, rounds=given.rounds, results=results)


if __name__ == "__main__":
    main()
