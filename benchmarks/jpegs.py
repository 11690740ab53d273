"""A folder of JPEGs: the real command, store included, against peers, a straight prototype and the bound.

usage: jpegs.py [--network NAME] [--photos FOLDER] [--rounds N] [--seconds S] [--peer-seconds S]

All compute the features before the classifier of the same network (seeded random weights) for the same
images. The bound is 1 / (1/c + 1/d), c being inference alone at its best batch and d decoding alone, each
on all cores.
The prototype runs as long as Vifex: in the first seconds of bf16 a processor may be faster than later on.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from inputs import PHOTOS, Images, network, parser
from peers.environment import pins
from prototype import BATCH, CORES, REQUESTS, Inference, Prototype, decode
from race import Contender, Peer, Wanted, race, start_peers
from record import spread, write
from vifex_run import VifexRun

FEWEST = 64
PART_SECONDS = 15.0
"""Of inference alone and of decoding alone, in a round."""
NAMED = ("torch", "torchvision", "timm", "transformers", "img2vec_pytorch", "onnxruntime", "thingsvision")
NAMED_PINS = tuple(f"{package}==" for package in NAMED)


def wanted_peers(name: str, model: Path, width: int) -> tuple[dict[str, Wanted], dict[str, str]]:
    """Give the peers that can run this network, and why the others cannot."""
    peers = {
        "DataLoader loop, fp32": Wanted("torch", "torch_loop", (name, "fp32"), width),
        "DataLoader loop, autocast bf16": Wanted("torch", "torch_loop", (name, "bf16"), width),
        "thingsvision, fp32": Wanted("thingsvision", "thingsvision_images", (name,), width),
        "transformers pipeline, fp32": Wanted("torch", "transformers_pipeline", (name, "fp32"), width),
        "transformers pipeline, bf16": Wanted("torch", "transformers_pipeline", (name, "bf16"), width),
        "ONNX Runtime and Pillow, fp32": Wanted("onnxruntime", "onnxruntime_images", (model,), width),
    }
    if name.startswith("resnet"):
        peers["img2vec_pytorch, fp32"] = Wanted("torch", "img2vec_images", (name,), width)
        return peers, {}
    return peers, {"img2vec_pytorch, fp32": "it knows no network of this name"}


def contenders(
    images: Images,
    model: Path,
    inferences: dict[str, Inference],
    peers: dict[str, Peer],
    ours: dict[str, VifexRun],
    times: tuple[float, float],
) -> dict[str, Contender]:
    seconds, peer_seconds = times
    prototypes = {precision: Prototype(model, precision) for precision in inferences}

    def files(count: int) -> list[Path]:
        return sorted(images.folder(count).iterdir())

    made = {name: Contender(run.run, seconds) for name, run in ours.items()}
    for precision, prototype in prototypes.items():
        made[f"prototype, {precision}"] = Contender(lambda n, p=prototype: p.run(files(n)), seconds)
    for precision, inference in inferences.items():
        made[f"inference alone, {precision}"] = Contender(inference.run, PART_SECONDS)
    made["decoding alone"] = Contender(lambda n: decode(files(n)), PART_SECONDS)
    return made | {name: Contender(peer.run, peer_seconds) for name, peer in peers.items()}


def summary(rates: dict[str, Any], precision: str) -> dict[str, Any]:
    """Say how Vifex stands at each precision: to the bound, to the prototype and to every peer."""
    middle = {name: rate["median"] for name, rate in rates.items()}
    parts = ("vifex", "prototype", "inference", "decoding")
    peers = [name for name in rates if not name.startswith(parts)]
    results: dict[str, Any] = {"auto_is": precision}
    for asked, named in (("auto", precision), ("fp32", "fp32")):
        mine = middle[f"vifex, {asked}"]
        bound = 1 / (1 / middle[f"inference alone, {named}"] + 1 / middle["decoding alone"])
        results[asked] = {
            "bound": round(bound, 1),
            "efficiency": round(mine / bound, 3),
            "over_prototype": round(mine / middle[f"prototype, {named}"], 3),
            "over": {name: round(mine / middle[name], 2) for name in peers},
        }
    return results


def main() -> None:
    words = parser(__doc__, rounds=3, seconds=60.0)
    words.add_argument(
        "--network", default="resnet50", help="a timm network for 224 x 224; default: resnet50"
    )
    words.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of JPEGs")
    words.add_argument("--peer-seconds", type=float, default=20.0, help="of a peer's work")
    asked = words.parse_args()
    model = network(asked.network)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        images = Images(asked.photos, work)
        ours = {
            f"vifex, {precision}": VifexRun(
                ["--model", model, "--precision", precision], folder=images.folder, work=work
            )
            for precision in ("auto", "fp32")
        }
        wanted, missing = wanted_peers(asked.network, model, Prototype(model, "fp32").width)
        inferences = {precision: Inference(model, precision) for precision in ("bf16", "fp32")}
        peers, not_installed = start_peers(wanted, images.folder)
        try:
            everyone = contenders(images, model, inferences, peers, ours, (asked.seconds, asked.peer_seconds))
            seen = race(everyone, asked.rounds, fewest=FEWEST, step=BATCH)
        finally:
            for peer in peers.values():
                peer.close()
    startup = {name: round(peer.startup_s, 2) for name, peer in peers.items()}
    startup |= {name: spread(run.startup_s)["median"] for name, run in ours.items()}
    write(
        f"jpegs.{asked.network}",
        config={
            "different_photographs": images.originals,
            "images_of_a_run": seen["things"],
            "seconds_of_a_run": seen["seconds"],
            "file_cache": "warm",
            "batch": BATCH,
            "batch_of_inference_alone": {precision: i.batch for precision, i in inferences.items()},
            "requests": REQUESTS,
            "cores": CORES,
            "peers": sorted(
                {p for w in wanted.values() for p in pins(str(w.environment)) if p.startswith(NAMED_PINS)}
            ),
        },
        rounds=asked.rounds,
        results={
            "images_per_s": seen["rates"],
            **summary(seen["rates"], ours["vifex, auto"].precision),
            "startup_s": startup,
            "not_run": missing | not_installed,
        },
    )


if __name__ == "__main__":
    main()
