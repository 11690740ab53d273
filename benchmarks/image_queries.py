"""Queries by image in one process: a kept and compiled model beside one that is loaded for each query."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from inputs import parser
from PIL import Image
from record import alternate, spread, write

import vifex

IMAGES, SIZE = 200, (500, 375)


def make_images(folder: Path) -> list[Path]:
    """Write smooth noise as JPEGs, about as large as photographs of that size."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    paths = [folder / f"{i:03}.jpg" for i in range(IMAGES)]
    for path in paths:
        small = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC).save(path, quality=90)
    return paths


def seconds(call: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    call()
    return time.perf_counter() - began_s


def main() -> None:
    rounds = parser(__doc__, rounds=25).parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        paths = make_images(Path(folder) / "images")
        store_path = Path(folder) / "s.vifex"
        vifex.extract(paths, store_path, precision="fp32")
        with vifex.open(store_path) as store, vifex.load_model(precision="fp32") as model:
            query, vector = paths[0], store.to_numpy()[0]
            image = Image.open(query)
            image.load()
            assert store.search(query)[0].name == query.name

            def anew() -> None:
                with vifex.open(store_path) as opened:
                    opened.search(query)

            contenders = {
                "by vector": lambda: seconds(lambda: store.search(vector)),
                "by image file": lambda: seconds(lambda: store.search(query)),
                "by image in memory": lambda: seconds(lambda: store.search(image)),
                "ten image files in one call, each": lambda: seconds(lambda: store.search(paths[:10])) / 10,
                "encode one image": lambda: seconds(lambda: model.encode(image)),
                "by image file, store and model opened anew": lambda: seconds(anew),
            }
            values = alternate(contenders, rounds)
    write(
        "image_queries",
        config={"images": IMAGES, "size_px": list(SIZE), "model": "default", "precision": "fp32"},
        rounds=rounds,
        results={name: {"seconds": spread(v)} for name, v in values.items()},
    )


if __name__ == "__main__":
    main()
