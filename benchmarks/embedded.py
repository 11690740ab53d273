"""The embedded model: what its features are worth, its speed, and its teacher's neighbours.

usage: embedded.py [--before MODEL.xml] [--rounds 3]

Run it in the environment of the torch tests with the packages that `scripts/make_embedded.py` names. Figures:

- k-NN and ridge classification of Tiny-ImageNet and CIFAR-10, by scikit-learn over the features.
- Ten parts of each of 120 photographs, a quarter of its area, recompressed at quality 50: how often the first
  hit among the photographs is the right one. `before` is the embedded model of an earlier version.
- Video frames, and images of `media` and scikit-image, that it was not fitted on: how many of the ten
  nearest neighbours of each are those of EfficientNet-Lite2 at 224 pixels, and the same for
  EfficientNet-Lite0 at the size of the embedded model.
- Images a second in bf16 of inference alone, contenders in turn.

About ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from record import ROOT, alternate, spread, write

import vifex

sys.path.insert(0, str(ROOT / "scripts"))

from embedded_network import build, folded_weights
from make_embedded import BATCH, DATA, Runner, accuracies, published, teacher, unit

MEDIA = ROOT.parent / "shared" / "media" / "good"
PARTS = 10
NEIGHBOURS = 10
STEP_S = 1.0
"""Between the frames that are taken of a video."""
MOST_FRAMES = 30
"""Of one video."""
IMAGES = 1920
"""Of one timing."""


def features_of(model: vifex.LoadedModel) -> Callable[[Sequence[Any]], np.ndarray]:
    """Return what gives the model's default layer for images of Pillow, in blocks."""

    def run(images: Sequence[Any]) -> np.ndarray:
        parts = []
        for first in range(0, len(images), 256):
            (values,) = model.features(list(images[first : first + 256])).values()
            parts.append(values)
        return np.concatenate(parts)

    return run


def quarters(photographs: Sequence[Image.Image]) -> list[Image.Image]:
    """Cut ten parts of each photograph, half as wide and half as high, and recompress them at quality 50."""
    chance = np.random.default_rng(0)
    found = []
    for photograph in photographs:
        width, height = photograph.width // 2, photograph.height // 2
        for _ in range(PARTS):
            x = int(chance.integers(0, photograph.width - width + 1))
            y = int(chance.integers(0, photograph.height - height + 1))
            data = io.BytesIO()
            photograph.crop((x, y, x + width, y + height)).save(data, "JPEG", quality=50)
            found.append(Image.open(data).convert("RGB"))
    return found


def first_hits(
    run: Callable[[Sequence[Any]], np.ndarray], photographs: Sequence[Any], parts: Sequence[Any]
) -> float:
    """Return the share of parts whose nearest photograph is their own."""
    nearest = np.argmax(unit(run(parts)) @ unit(run(photographs)).T, axis=1)
    return float((nearest == np.repeat(np.arange(len(photographs)), PARTS)).mean())


def others() -> list[Image.Image]:
    """Return frames of `media` and of the fights, images of `media`, and scikit-image's."""
    found = []
    for path in [*sorted(MEDIA.iterdir()), *sorted((DATA / "fights").rglob("*.mp4"))]:
        try:
            found += frames(path)
        except (av.FFmpegError, OSError, ValueError):  # a sound, or an image that only Pillow reads
            continue
    try:
        import skimage.data
    except ImportError:
        return found
    for name in ("astronaut", "camera", "cat", "coffee", "coins", "hubble_deep_field", "retina", "rocket"):
        try:
            found.append(Image.fromarray(getattr(skimage.data, name)()).convert("RGB"))
        except (OSError, ImportError, ModuleNotFoundError, ValueError):  # it would be fetched
            continue
    return found


def frames(path: Path) -> list[Image.Image]:
    """Return a frame a second of a video or an image."""
    found: list[Image.Image] = []
    with av.open(str(path)) as container:
        if not container.streams.video:
            return found
        last_s = -np.inf
        for frame in container.decode(video=0):
            now_s = float(frame.time or 0.0)
            if now_s - last_s >= STEP_S:
                found.append(frame.to_image().convert("RGB"))
                last_s = now_s
            if len(found) == MOST_FRAMES:
                break
    return found


def overlap(rows: np.ndarray, reference: np.ndarray) -> float:
    """Return the mean share of the ten nearest neighbours that both have."""

    def nearest(of: np.ndarray) -> np.ndarray:
        scores = unit(of) @ unit(of).T
        np.fill_diagonal(scores, -np.inf)
        return np.argsort(-scores, axis=1)[:, :NEIGHBOURS]

    pairs = zip(nearest(rows), nearest(reference), strict=True)
    return float(np.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in pairs]))


def rate(path: Path) -> Callable[[], float]:
    """Return what measures the images a second of a graph with a card, inference alone."""
    from vifex.engines import load_engine
    from vifex.models import load_model

    engine, model = load_engine(), load_model(path)
    layers = engine.resolve_layers(model, list(model.card.default_layers))
    network = engine.compile(model, layers, precision="bf16", batch=BATCH, cores=2)
    pixels = np.random.default_rng(0).integers(0, 256, model.card.pixels_shape(BATCH), dtype=np.uint8)

    def measure() -> float:
        began_s = time.perf_counter()
        for future in [network.submit(pixels) for _ in range(IMAGES // BATCH)]:
            future.result()
        return IMAGES / (time.perf_counter() - began_s)

    return measure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, help="the graph of an earlier embedded model, with its card")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    model = vifex.load_model("default")
    run = features_of(model)
    size_px = model.card.height_px
    photographs = [Image.open(path).convert("RGB") for path in sorted((DATA / "photos").glob("*.jpg"))]
    parts = quarters(photographs)
    pool = others()
    lite2 = Runner(teacher(2), 224)(pool)
    lite0_graph = build(folded_weights(published(0)), None, "lite0")
    lite0 = Runner(lite0_graph, size_px)(pool)[:, :1280]
    results: dict[str, Any] = {
        "accuracy": {name: round(value, 4) for name, value in accuracies(run).items()},
        "first_hit_of_a_quarter": {"now": round(first_hits(run, photographs, parts), 4)},
        "neighbours_of_lite2_224": {
            "images": len(pool),
            "now": round(overlap(run(pool), lite2), 4),
            f"lite0_{size_px}": round(overlap(lite0, lite2), 4),
        },
    }
    neighbours = results["neighbours_of_lite2_224"]
    neighbours["over_lite0"] = round(neighbours["now"] / neighbours[f"lite0_{size_px}"], 4)
    graphs = {"now": Path(str(model.model.graph))}
    if given.before:
        graphs["before"] = given.before
        before = features_of(vifex.load_model(given.before))
        results["first_hit_of_a_quarter"]["before"] = round(first_hits(before, photographs, parts), 4)
        results["neighbours_of_lite2_224"]["before"] = round(overlap(before(pool), lite2), 4)
    rates = alternate({name: rate(path) for name, path in graphs.items()}, given.rounds)
    results["images_per_s"] = {name: spread(values) for name, values in rates.items()}
    if given.before:
        ratios = [now / before for now, before in zip(rates["now"], rates["before"], strict=True)]
        results["now_over_before"] = round(statistics.median(ratios), 4)
    write("embedded", results=results, rounds=given.rounds, config={"size_px": size_px, "batch": BATCH})


if __name__ == "__main__":
    main()
