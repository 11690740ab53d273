"""Whether `--min-score auto` tells queries that have a match in a store from those that have none.

usage: nothing_matches.py [--shared FOLDER] [--queries N]

Two stores. One holds every second photograph, the fights of every second source and all media of
`media/good`, one frame a second. Queries with a match are edited copies of its images and frames, and
frames half a second from those that are stored. Queries without one are the other photographs, the fights
of the other sources, and images of Tiny-ImageNet. The other store holds 2,000 images of Tiny-ImageNet;
queries are edited copies of them, and photographs, fights and images of CIFAR-10. Other images of its own
classes are counted apart: they are no copies, and not unrelated. About two minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageEnhance
from record import ROOT, write

import vifex
from vifex.media.read import thumbnail
from vifex.values.media import path_to_uri

_FULL_PX = 1 << 30
Queries = list[tuple[str, Image.Image]]
Edit = Callable[[Image.Image], Image.Image]


def _cropped(image: Image.Image) -> Image.Image:
    w, h = image.size
    return image.crop((w // 10, h // 10, w - w // 10, h - h // 10))


def _compressed(image: Image.Image) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=20)
    return Image.open(data)


def _recoloured(image: Image.Image) -> Image.Image:
    bright = ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(1.2)).enhance(1.2)
    return ImageEnhance.Color(bright).enhance(0.6)


def _small(image: Image.Image) -> Image.Image:
    return image.resize((max(1, image.width * 2 // 5), max(1, image.height * 2 // 5)))


def _captioned(image: Image.Image) -> Image.Image:
    found = image.copy()
    draw = ImageDraw.Draw(found)
    draw.rectangle((0, found.height * 4 // 5, found.width, found.height), fill="black")
    size_px = max(8, found.height // 9)
    draw.text((found.width // 8, found.height * 5 // 6), "BREAKING NEWS", fill="white", font_size=size_px)
    return found


def _letterboxed(image: Image.Image) -> Image.Image:
    found = Image.new("RGB", (image.width, image.height * 5 // 4))
    found.paste(image, (0, image.height // 8))
    return found


EDITS: dict[str, Edit] = {
    "cropped": _cropped,
    "compressed": _compressed,
    "recoloured": _recoloured,
    "small": _small,
    "captioned": _captioned,
    "letterboxed": _letterboxed,
}


def fights(shared: Path) -> tuple[list[Path], list[Path]]:
    """Return the clips of every second source, and those of the others."""
    folder = shared / "data" / "fights"
    with (folder / "sources.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"]]
    order = sorted({row["source"] for row in rows})
    clips: tuple[list[Path], list[Path]] = ([], [])
    for row in rows:
        clips[order.index(row["source"]) % 2].append(folder / row["path"])
    return clips


def matching(store: vifex.Store, count: int, rng: np.random.Generator) -> Queries:
    """Make queries that have a match: edited copies, and frames between those that are stored."""
    rows = store.to_arrow(["uri", "t_s"]).to_pylist()
    media = sorted({row["uri"] for row in rows})
    per_medium = {uri: [row["t_s"] for row in rows if row["uri"] == uri] for uri in media}
    found: Queries = []
    edits = list(EDITS.items())
    chosen = rng.permutation(media)
    while len(found) < count // 2:
        uri = str(chosen[len(found) % len(chosen)])
        name, edit = edits[len(found) % len(edits)]
        found.append((name, edit(_frame(uri, rng.choice(per_medium[uri])))))
    moving = [uri for uri in media if len(per_medium[uri]) > 1]
    while len(found) < count:
        uri = str(moving[len(found) % len(moving)])
        times = per_medium[uri]
        at = float(rng.choice(times[:-1])) + 0.5
        try:
            found.append(("another frame", _frame(uri, at)))
        except vifex.VifexError:  # it ends before that time
            moving.remove(uri)
    return found


def unrelated(shared: Path, count: int, rng: np.random.Generator) -> Queries:
    """Make queries that have no match: photographs, fights of other sources, images of Tiny-ImageNet."""
    photos = sorted((shared / "data" / "photos").glob("*.jpg"))[1::2]
    found = [("photographs", Image.open(path).convert("RGB")) for path in photos[: count // 5]]
    clips = fights(shared)[1]
    some = rng.permutation(clips)[: 2 * count // 5]
    found += [("fights", _frame(path_to_uri(path), 1.0)) for path in some]
    rest = count - len(found)
    return found + _queries_of("Tiny-ImageNet", table_images(shared, "tiny-imagenet-val", rest, rng))


def _frame(uri: str, t_s: float) -> Image.Image:
    return thumbnail(uri, t_s, None, _FULL_PX).convert("RGB")


def _queries_of(kind: str, images: list[bytes]) -> Queries:
    return [(kind, Image.open(io.BytesIO(data)).convert("RGB")) for data in images]


def table_images(shared: Path, name: str, count: int, rng: np.random.Generator) -> list[bytes]:
    """Return JPEG files of a table, drawn by chance."""
    images = pq.read_table(shared / "data" / f"{name}.parquet", columns=["image"]).column("image")
    return [images[row].as_py() for row in rng.permutation(len(images))[:count].tolist()]


def make_store(shared: Path, path: Path) -> None:
    photos = sorted((shared / "data" / "photos").glob("*.jpg"))[::2]
    media = [*photos, *fights(shared)[0], shared / "media" / "good"]
    vifex.extract(media, path, fps=1, on_outcome=lambda _: None)


def make_image_store(shared: Path, path: Path, folder: Path, rng: np.random.Generator) -> None:
    """Make a store of single images: 2,000 of Tiny-ImageNet."""
    folder.mkdir(parents=True)
    for number, data in enumerate(table_images(shared, "tiny-imagenet-train", 2000, rng)):
        (folder / f"{number}.jpg").write_bytes(data)
    vifex.extract(folder, path, on_outcome=lambda _: None)


def edited(folder: Path, count: int, rng: np.random.Generator) -> Queries:
    """Make edited copies of images in a folder."""
    paths = rng.permutation(sorted(folder.glob("*.jpg")))[:count]
    edits = list(EDITS.items())
    found: Queries = []
    for number, path in enumerate(paths):
        name, edit = edits[number % len(edits)]
        found.append((name, edit(Image.open(path).convert("RGB"))))
    return found


def other_images(shared: Path, count: int, rng: np.random.Generator) -> Queries:
    """Make queries without a match in the store of images: photographs, fights and images of CIFAR-10."""
    photos = sorted((shared / "data" / "photos").glob("*.jpg"))[: count // 4]
    found: Queries = [("photographs", Image.open(path).convert("RGB")) for path in photos]
    clips = [clip for part in fights(shared) for clip in part]
    some = rng.permutation(clips)[: count // 4]
    found += [("fights", _frame(path_to_uri(path), 1.0)) for path in some]
    rest = count - len(found)
    return found + _queries_of("CIFAR-10", table_images(shared, "cifar10-test", rest, rng))


def measure(path: Path, with_match: Queries, without: Queries, alike: Queries) -> dict[str, Any]:
    """Return the threshold of a store, and for each kind of query how many have a hit that reaches it."""
    with vifex.open(path) as store:
        threshold = store.score_threshold()
        rows = store.count_rows()
        counted = {}
        parts = {"with a match": with_match, "without a match": without, "of the same classes": alike}
        for part, queries in parts.items():
            counts: dict[str, list[int]] = {}
            for kind, image in queries:
                counts.setdefault(kind, []).append(len(store.search(image, 1, min_score="auto")))
            counted[part] = {k: {"queries": len(own), "matched": sum(own)} for k, own in counts.items()}
    found, wrong = (
        sum(one["matched"] for one in part.values()) / sum(one["queries"] for one in part.values())
        for part in (counted["with a match"], counted["without a match"])
    )
    accuracy = round((found + 1 - wrong) / 2, 4)
    return {"rows": rows, "threshold": threshold.to_dict(), **counted, "balanced_accuracy": accuracy}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--queries", type=int, default=500, help="of each sort")
    args = parser.parse_args()
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_store(args.shared, folder / "media.vifex")
        with vifex.open(folder / "media.vifex") as store:
            with_match = matching(store, args.queries, rng)
        results = {
            "videos and photographs": measure(
                folder / "media.vifex", with_match, unrelated(args.shared, args.queries, rng), []
            )
        }
        make_image_store(args.shared, folder / "images.vifex", folder / "images", rng)
        results["single images"] = measure(
            folder / "images.vifex",
            edited(folder / "images", args.queries, rng),
            other_images(args.shared, args.queries, rng),
            _queries_of("Tiny-ImageNet", table_images(args.shared, "tiny-imagenet-val", 250, rng)),
        )
    write(
        "nothing_matches",
        config={"model": "default", "metric": "cosine", "queries": args.queries, "seed": 7},
        rounds=1,
        results=results,
    )


if __name__ == "__main__":
    main()
