"""720p H.264 at one frame a second: the real command against an OpenCV loop, a PyAV loop and raw decoding.

usage: video_frames.py [--clips FOLDER] [--video-seconds S] [--rounds N] [--seconds S] [--peer-seconds S]

All count the frames of the videos, whether they are sampled or not. The network is the default one: Vifex
takes it by name, the loops take its file and run it with OpenVINO's defaults. Raw decoding is PyAV decoding
every frame in one process for each core, without converting any.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
from inputs import CLIPS, card_of_default, parser
from peers.environment import pins
from race import Contender, Told, Wanted, race, start_peers
from record import spread, write
from videos import Videos
from vifex_run import VifexRun

FPS, FEWEST = 1, 8
CORES = len(os.sched_getaffinity(0))


def decode_all(path: Path) -> int:
    """Decode every frame of a video with one thread and convert none."""
    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        stream.thread_type = "NONE"
        return sum(1 for _ in video.decode(stream))


def raw_decoding(pool: ProcessPoolExecutor, files: list[Path]) -> Told:
    began_s = time.perf_counter()
    frames = sum(pool.map(decode_all, files))
    return Told(time.perf_counter() - began_s, frames)


def main() -> None:
    words = parser(__doc__, rounds=3, seconds=60.0)
    words.add_argument("--clips", type=Path, default=CLIPS, help="the clips that videos are made from")
    words.add_argument("--video-seconds", type=float, default=60.0, help="length of a video")
    words.add_argument("--peer-seconds", type=float, default=30.0, help="of a peer's work in a round")
    asked = words.parse_args()
    card = card_of_default()
    wanted = {
        "OpenCV, read all": Wanted("opencv", "video_opencv", (card, str(FPS))),
        "PyAV, decode all": Wanted(None, "video_pyav", (card, str(FPS))),
    }
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as temporary, ProcessPoolExecutor(CORES, mp_context=context) as pool:
        videos = Videos(asked.clips, Path(temporary), asked.video_seconds)
        ours = VifexRun(
            ["--fps", str(FPS)],
            folder=videos.folder,
            work=Path(temporary),
            count=lambda report: videos.frames(report["ok"]),
        )
        peers, missing = start_peers(wanted, videos.folder)
        everyone = {
            "vifex": Contender(ours.run, asked.seconds),
            **{name: Contender(peer.run, asked.peer_seconds) for name, peer in peers.items()},
            "raw decoding": Contender(
                lambda n: raw_decoding(pool, sorted(videos.folder(n).iterdir())), asked.peer_seconds
            ),
        }
        try:
            seen = race(everyone, asked.rounds, fewest=FEWEST, step=FEWEST)
        finally:
            for peer in peers.values():
                peer.close()
        facts = videos.facts()
    middle = {name: rate["median"] for name, rate in seen["rates"].items()}
    write(
        "video_frames",
        config={
            **facts,
            "seconds_of_a_video": asked.video_seconds,
            "videos_of_a_run": seen["things"],
            "seconds_of_a_run": seen["seconds"],
            "fps": FPS,
            "precision": ours.precision,
            "peers": pins("opencv"),
        },
        rounds=asked.rounds,
        results={
            "frames_per_s": seen["rates"],
            "over": {name: round(middle["vifex"] / middle[name], 3) for name in middle if name != "vifex"},
            "startup_s": {
                "vifex": spread(ours.startup_s)["median"],
                **{name: round(peer.startup_s, 2) for name, peer in peers.items()},
            },
            "not_run": missing,
        },
    )


if __name__ == "__main__":
    main()
