"""Copies of images: what is found at a precision of 0.99, by the weight of the score normalisation.

Two collections: the photographs of `../shared/data/photos` among images of Tiny-ImageNet, and Tiny-ImageNet
alone. Of 120 photographs and of 300 of the small images edited copies are made, as `vifex copies` makes them.
Each copy is compared with all images of its collection by the embedded network; its original is the right
answer, the five others with the highest scores are wrong ones. The weight is the share of a row's similarity
to its K-th neighbour that is taken off. It takes a minute on two cores.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from inputs import PHOTOS, SHARED, parser
from PIL import Image
from record import write

import vifex
from vifex.analysis.copies.edits import EDITS, edited
from vifex.analysis.rows import unit_vectors

SMALL = SHARED / "data" / "tiny-imagenet-val.parquet"
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
KS = (5, 10, 50)
OTHERS = 5
Matrix = npt.NDArray[np.float32]


def photographs(folder: Path) -> list[Image.Image]:
    images = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.jpg"))]
    for image in images:
        image.thumbnail((512, 512))
    return images


def small_images(path: Path, count: int) -> list[Image.Image]:
    column = pq.read_table(path, columns=["image"]).column("image").slice(0, count)
    return [Image.open(io.BytesIO(data)).convert("RGB") for data in column.to_pylist()]


def found_at(copies: npt.NDArray[Any], others: npt.NDArray[Any], precision: float) -> float:
    """Return the largest share of copies above any threshold with this precision."""
    scores = np.concatenate([copies, others])
    is_copy = np.repeat([1, 0], [len(copies), len(others)])[np.argsort(-scores, kind="stable")]
    right = np.cumsum(is_copy)
    precise = right >= precision * np.arange(1, len(scores) + 1)
    return float(right[precise].max(initial=0) / len(copies))


def compare(rows: Matrix, copies: dict[str, Matrix]) -> dict[str, dict[str, float]]:
    """Return for each weight and K the share that is found. The originals are the first rows."""
    results: dict[str, dict[str, float]] = {}
    nearest = -np.sort(-(rows @ rows.T), axis=1)
    own = np.arange(len(next(iter(copies.values()))))
    for k in KS:
        for weight in WEIGHTS:
            right, wrong = [], []
            for copy in copies.values():
                products = copy @ rows.T
                bias = -np.sort(-products, axis=1)[:, k]
                scores = products - weight * (bias[:, None] + nearest[:, k]) / 2
                right.append(scores[own, own])
                scores[own, own] = -np.inf
                wrong.append(-np.sort(-scores, axis=1)[:, :OTHERS].ravel())
            every = np.concatenate(wrong)
            each = {name: found_at(r, every, 0.99) for name, r in zip(copies, right, strict=True)}
            results[f"K {k}, weight {weight}"] = {"all": found_at(np.concatenate(right), every, 0.99), **each}
    return results


def main() -> None:
    words = parser(__doc__, rounds=1)
    words.add_argument("--photos", type=Path, default=PHOTOS, help="default: %(default)s")
    words.add_argument("--images", type=int, default=3000, help="of Tiny-ImageNet; default: %(default)s")
    asked = words.parse_args()
    photos, small = photographs(asked.photos), small_images(SMALL, asked.images)
    with vifex.load_model("vifex-small-1") as model:

        def encode(images: Sequence[Image.Image]) -> Matrix:
            return unit_vectors(model.encode([np.asarray(image) for image in images]))

        def copies_of(images: Sequence[Image.Image]) -> dict[str, Matrix]:
            return {
                name: encode([edited(image, name, i) for i, image in enumerate(images)]) for name in EDITS
            }

        rows = encode([*photos, *small])
        of_photos, of_small = copies_of(photos), copies_of(small[:300])
    results: dict[str, Any] = {
        "photographs": compare(rows, of_photos),
        "Tiny-ImageNet": compare(rows[len(photos) :], of_small),
    }
    config = {"photos": len(photos), "small": len(small), "precision": 0.99, "others": OTHERS}
    write("copies_images", config=config, rounds=1, results=results)


if __name__ == "__main__":
    main()
