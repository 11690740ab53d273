"""Networks of other kinds: the real command against eager PyTorch on the same cores.

usage: zoo.py [--only NAME]... [--photos FOLDER] [--clips FOLDER] [--rounds N] [--seconds S]

A ViT and a CLIP image tower over photographs, R(2+1)D-18 and I3D over clips of 720p video, all with random
weights. Vifex decodes, computes and stores; the loops decode, compute and keep features in memory: for
images torch's DataLoader with two workers, for clips PyAV. R(2+1)D-18 is an ONNX file for Vifex, the
others it takes by name.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inputs import CLIPS, PHOTOS, Images, network, parser
from peers.environment import pins, python_of
from race import Contender, Wanted, race, start_peers
from record import spread, write
from videos import Videos
from vifex_run import VifexRun

PRECISIONS = ("fp32", "bf16")
SECONDS_OF_A_VIDEO = 10.0
NAMED_PINS = ("torch==", "torchvision==", "timm==", "open-clip-torch==")


@dataclass(frozen=True, slots=True)
class Entry:
    """A network, as Vifex is asked for it and as the loop makes it."""

    ours: tuple[str, ...]
    """Words of the command; `{onnx}` is the path of the exported file."""
    theirs: str
    frames: int | None = None
    """Of a clip; `None` for images."""


NETWORKS = {
    "r2plus1d_18": Entry(("--model", "{onnx}", "--clip", "16x1"), "r2plus1d_18", 16),
    "vit_base_patch16_224": Entry(
        ("--model", "timm/vit_base_patch16_224", "--weights", "random:0"), "vit_base_patch16_224"
    ),
    "clip_vit_b_32": Entry(
        ("--model", "open_clip/ViT-B-32/openai", "--weights", "random:0"), "open_clip/ViT-B-32"
    ),
    "i3d": Entry(
        ("--model", "i3d/rgb-kinetics400", "--weights", "random:0", "--clip", "64x1"),
        "i3d/rgb-kinetics400",
        64,
    ),
}


def bench(name: str, things: Images | Videos, work: Path, asked: Any) -> None:
    """Race one network and write its record."""
    entry = NETWORKS[name]
    words = [str(network(name)) if word == "{onnx}" else word for word in entry.ours]
    python = python_of("torch")
    count: Callable[[dict[str, Any]], int] = lambda report: int(report["rows"])  # noqa: E731
    ours = {
        f"vifex, {precision}": VifexRun(
            [*words, "--precision", precision], folder=things.folder, work=work, count=count, python=python
        )
        for precision in ("auto", "fp32")
    }
    script = "torch_loop" if entry.frames is None else "torch_clips"
    frames = () if entry.frames is None else (str(entry.frames),)
    wanted = {f"PyTorch, {p}": Wanted("torch", script, (entry.theirs, *frames, p)) for p in PRECISIONS}
    peers, missing = start_peers(wanted, things.folder)
    everyone = {label: Contender(run.run, asked.seconds) for label, run in ours.items()}
    everyone |= {label: Contender(peer.run, asked.peer_seconds) for label, peer in peers.items()}
    try:
        seen = race(everyone, asked.rounds, fewest=16 if entry.frames is None else 1)
    finally:
        for peer in peers.values():
            peer.close()
    middle = {label: rate["median"] for label, rate in seen["rates"].items()}
    write(
        f"zoo.{name}",
        config={
            "vifex": list(entry.ours),
            "frames_of_a_clip": entry.frames,
            "auto_is": ours["vifex, auto"].precision,
            "files_of_a_run": seen["things"],
            "seconds_of_a_run": seen["seconds"],
            "peers": [p for p in pins("torch") if p.startswith(NAMED_PINS)],
        },
        rounds=asked.rounds,
        results={
            "features_per_s": seen["rates"],
            "auto_over": {p: round(middle["vifex, auto"] / middle[p], 2) for p in peers},
            "fp32_over": {p: round(middle["vifex, fp32"] / middle[p], 2) for p in peers},
            "startup_s": {
                **{label: spread(run.startup_s)["median"] for label, run in ours.items()},
                **{label: round(peer.startup_s, 2) for label, peer in peers.items()},
            },
            "not_run": missing,
        },
    )


def main() -> None:
    words = parser(__doc__, rounds=3, seconds=60.0)
    words.add_argument("--only", action="append", choices=list(NETWORKS), help="default: all")
    words.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of JPEGs")
    words.add_argument("--clips", type=Path, default=CLIPS, help="the clips that videos are made from")
    words.add_argument("--peer-seconds", type=float, default=30.0, help="of a loop's work in a round")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        images = Images(asked.photos, work)
        videos = Videos(asked.clips, work, SECONDS_OF_A_VIDEO)
        for name in asked.only or NETWORKS:
            bench(name, videos if NETWORKS[name].frames else images, work, asked)


if __name__ == "__main__":
    main()
