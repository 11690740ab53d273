"""JPEGs of 12 megapixels: the real command against the usual loop around the same network.

usage: large_jpegs.py [--photos FOLDER] [--different N] [--rounds N] [--seconds S] [--peer-seconds S]

The images are photographs enlarged to 4000 x 3000, with grain, so that they have the size of a camera's
(about 4 MB at quality 90, 4:2:0). The network is the default one, which is no torch module: the loop is
torch's DataLoader with two workers, Pillow's full decode and torchvision's transforms around the same file
in OpenVINO with its defaults. `vifex, exact decode` shows how much of Vifex's lead comes from the scaled
decoding, and `vifex without vifex-jpeg` how much comes from that plug-in, which must be installed.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from inputs import PHOTOS, Images, card_of_default, parser
from peers.environment import cache_folder
from PIL import Image
from race import Contender, Wanted, race, start_peers
from record import spread, write
from vifex_run import VifexRun

LONG_PX, SHORT_PX, GRAIN, QUALITY, FEWEST = 4000, 3000, 8.0, 90, 16
LOOP = "DataLoader loop, OpenVINO"


def enlarge(path: Path, target: Path) -> None:
    """Write a photograph at 12 megapixels with a camera's grain."""
    image = Image.open(path).convert("RGB")
    size = (LONG_PX, SHORT_PX) if image.width >= image.height else (SHORT_PX, LONG_PX)
    large = np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.int16)
    grain = np.random.default_rng(len(path.name)).normal(0, GRAIN, large.shape[:2]).astype(np.int16)
    made = Image.fromarray(np.clip(large + grain[..., None], 0, 255).astype(np.uint8))
    unfinished = target.with_suffix(".unfinished")
    made.save(unfinished, "jpeg", quality=QUALITY, subsampling="4:2:0")
    unfinished.rename(target)


def large_photographs(photos: Path, different: int) -> Path:
    """Give a folder of enlarged photographs, made once."""
    originals = sorted(p for p in photos.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))[:different]
    folder = cache_folder() / f"large-jpegs-{len(originals)}"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [p for p in originals if not (folder / p.name).exists()]
    with ProcessPoolExecutor() as pool:
        list(pool.map(enlarge, missing, [folder / p.name for p in missing]))
    return folder


def main() -> None:
    words = parser(__doc__, rounds=3, seconds=60.0)
    words.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of JPEGs")
    words.add_argument("--different", type=int, default=60, help="how many of them; default: 60")
    words.add_argument("--peer-seconds", type=float, default=30.0, help="of the loop's work in a round")
    asked = words.parse_args()
    originals = large_photographs(asked.photos, asked.different)
    sizes = [p.stat().st_size for p in originals.glob("*.jpg")]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        images = Images(originals, work)
        ours = {
            "vifex": VifexRun([], folder=images.folder, work=work),
            "vifex without vifex-jpeg": VifexRun(
                [], folder=images.folder, work=work, without=("vifex_jpeg",)
            ),
            "vifex, exact decode": VifexRun(["--decode", "exact"], folder=images.folder, work=work),
        }
        wanted = {LOOP: Wanted("torch", "dataloader_openvino", (card_of_default(),))}
        peers, missing = start_peers(wanted, images.folder)
        everyone = {"vifex": Contender(ours["vifex"].run, asked.seconds)}
        for name in list(ours)[1:]:
            everyone[name] = Contender(ours[name].run, asked.peer_seconds)
        everyone |= {name: Contender(peer.run, asked.peer_seconds) for name, peer in peers.items()}
        try:
            seen = race(everyone, asked.rounds, fewest=FEWEST)
        finally:
            for peer in peers.values():
                peer.close()
    middle = {name: rate["median"] for name, rate in seen["rates"].items()}
    bare = middle["vifex without vifex-jpeg"]
    write(
        "large_jpegs",
        config={
            "different_photographs": images.originals,
            "size_px": f"{LONG_PX} x {SHORT_PX}",
            "mean_size_bytes": round(sum(sizes) / len(sizes)),
            "images_of_a_run": seen["things"],
            "seconds_of_a_run": seen["seconds"],
            "precision": ours["vifex"].precision,
        },
        rounds=asked.rounds,
        results={
            "images_per_s": seen["rates"],
            "over": {name: round(middle["vifex"] / middle[name], 2) for name in middle if name != "vifex"},
            "bare_over_loop": round(bare / middle[LOOP], 2) if LOOP in middle else None,
            "startup_s": {
                **{name: spread(run.startup_s)["median"] for name, run in ours.items()},
                **{name: round(peer.startup_s, 2) for name, peer in peers.items()},
            },
            "not_run": missing,
        },
    )


if __name__ == "__main__":
    main()
