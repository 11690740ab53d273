"""Copied segments of videos: F1, offsets and false alarms for each edit, beside perceptual hashes.

usage: copies_video.py [--sources N] [--keep FOLDER] [--rate R]

The originals are films of `media/good` and recordings of `data/fights`, by the checked list in
`edited/clips.py`. `edited/videos.py` makes a copy of a span of each for each edit, and compilations. All
videos begin with a black leader and one intro. Unrelated videos stand beside them. Everything is one
collection.

Perceptual hashes (imagehash's pHash) of the same frames go through the same search for segments, as vectors
of 64 signs: the cosine of two is 1 - distance / 32. With all sources it takes about fifteen minutes on two
cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from edited.edits import EDITS
from edited.judging import Found, judge
from edited.videos import Video, make
from peers.environment import CannotInstallError, python_of
from record import ROOT, write

import vifex
from vifex.analysis.copies.segments.find import FoundSegments, find_segments
from vifex.analysis.copies.segments.frames import Frames, make_frames
from vifex.analysis.rows import FeatureRows, FloatMatrix, read_rows, unit_vectors

HERE = Path(__file__).resolve().parent
SHARED = ROOT.parent / "shared"


def features(videos: Path, store: Path, rate: float) -> tuple[FeatureRows, FloatMatrix]:
    """Extract the embedded network's features of sampled frames; return the rows and their unit vectors."""
    vifex.extract(videos, store, fps=rate)
    with vifex.open(store) as opened:
        rows = read_rows(opened["main"]._stored)
        return rows, unit_vectors(rows.vectors())


def hashes(rows: FeatureRows, folder: Path) -> FloatMatrix:
    """Return pHashes of the frames of the rows as vectors of length 1."""
    chosen: dict[str, list[int]] = {}
    for medium, number in zip(rows.medium.tolist(), rows.frame_index.tolist(), strict=True):
        path = str(folder / "videos" / rows.media[medium].name)
        chosen.setdefault(path, []).append(number)
    (folder / "chosen.json").write_text(json.dumps(chosen))
    script = HERE / "peers" / "imagehash_frames.py"
    subprocess.run(
        [python_of("imagehash"), script, folder / "chosen.json", folder / "hashes.npy"], check=True
    )
    return ((np.load(folder / "hashes.npy").astype(np.float32) * 2 - 1) / 8).astype(np.float32)


def score(videos: list[Video], frames: Frames, rate: float) -> dict[str, Any]:
    """Find the segments and judge them."""
    began_s = time.process_time()
    found = find_segments(frames)
    seconds = time.process_time() - began_s
    given = [
        Found(one.a, one.b, one.a_start_s, one.a_end_s, one.b_start_s, one.b_end_s, one.speed)
        for one in found.segments
    ]
    return {
        **judge(videos, given, step_s=1 / rate),
        "calibration": _calibration(found),
        "processor_s": round(seconds, 2),
    }


def _calibration(found: FoundSegments) -> dict[str, Any]:
    of = found.calibration
    return {
        "least_score": round(of.least_score, 3),
        "expected_false_alarms": round(of.expected_false_alarms, 4),
        "pairs": of.pairs,
        "checked_found": of.checked_found,
        "checked_decoys": of.checked_decoys,
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--sources", type=int, help="how many sources are copied from; default: all 40")
    words.add_argument(
        "--rate", type=float, default=4.0, help="sampled frames a second; default: %(default)s"
    )
    words.add_argument("--keep", type=Path, help="keep the videos and the store in this folder")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.keep or Path(temporary)).resolve()
        (folder / "videos").mkdir(parents=True, exist_ok=True)
        made = {video.path.name: video for video in make(SHARED, folder / "videos", asked.sources)}
        rows, unit = features(folder / "videos", folder / "frames.vifex", asked.rate)
        videos = [made[medium.name] for medium in rows.media]
        results = {"vifex": score(videos, make_frames(unit, rows.t_s, rows.medium), asked.rate)}
        try:
            bits = hashes(rows, folder)
            results["imagehash"] = score(videos, make_frames(bits, rows.t_s, rows.medium), asked.rate)
        except CannotInstallError as missing:
            results["imagehash"] = {"cannot": str(missing)}
        config = {
            "sources": asked.sources or 40,
            "videos": len(videos),
            "frames": len(rows),
            "rate": asked.rate,
            "edits": [edit.name for edit in EDITS],
        }
        write("copies_video", config=config, rounds=1, results=results)


if __name__ == "__main__":
    main()
