"""Small real stores for the tests of search, written through the store's own writer.

Other folders load this file with `runpy.run_path`, as test folders are no packages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vifex.store import open_writer
from vifex.store.schema import row_schema
from vifex.values import Layer, LayerSpec, Medium, Outcome, PixelSpec, Recipe, Sampling
from vifex.values.media import path_to_uri

ROWS_PER_VIDEO = 5
FPS = 25


def make_recipe(layers: dict[str, tuple[int, ...]], dtype: str = "float32") -> Recipe:
    kinds = {1: "vector", 2: "tokens", 3: "map"}
    return Recipe(
        model="test-1",
        weights_sha256="0" * 64,
        preprocess={},
        pixels=PixelSpec(32, 32),
        sampling=Sampling(),
        layers=tuple(
            LayerSpec(Layer(n, kinds[len(s)], s), "none", s, normalized=False, dtype=dtype)
            for n, s in layers.items()
        ),
        precision="fp32",
        engine="openvino",
    )


def write_store(
    path: Path,
    vectors: dict[str, Any],
    *,
    dtype: str = "float32",
    names: Sequence[str] | None = None,
    labels: Sequence[str | None] | None = None,
    splits: Sequence[str | None] | None = None,
    commits: int = 1,
) -> Path:
    """Write rows `[N, *shape]` per layer: in turn one image (a row) and one video (five rows, 25 fps)."""
    arrays = {n: np.asarray(v, dtype=dtype) for n, v in vectors.items()}
    recipe = make_recipe({n: v.shape[1:] for n, v in arrays.items()}, dtype)
    total = len(next(iter(arrays.values())))
    media = _cut(total)
    per_commit = -(-len(media) // commits) if media else 1
    for first in range(0, max(1, len(media)), per_commit):
        with open_writer(path) as writer:
            view = writer.view("main", recipe)
            for i in range(first, min(first + per_commit, len(media))):
                start, stop = media[i]
                name = names[i] if names else f"m{i}.{'jpg' if stop - start == 1 else 'mp4'}"
                label, split = (said[i] if said else None for said in (labels, splits))
                medium = Medium(path_to_uri(f"/media/{i}"), name, "image", 1, 1, label, split)
                part = {n: v[start:stop] for n, v in arrays.items()}
                view.add(Outcome(medium, "ok", rows=stop - start), _batch(medium, part, recipe))
    return path


def _cut(total: int) -> list[tuple[int, int]]:
    media, start = [], 0
    while start < total:
        length = ROWS_PER_VIDEO if len(media) % 2 else 1
        media.append((start, min(start + length, total)))
        start += length
    return media


def _batch(medium: Medium, part: dict[str, Any], recipe: Recipe) -> pa.RecordBatch:
    n = len(next(iter(part.values())))
    video = n > 1
    columns = {
        "key": [f"{medium.medium_id}:{i}" for i in range(n)],
        "medium_id": [medium.medium_id] * n,
        "uri": [medium.uri] * n,
        "name": [medium.name] * n,
        "time_base": ["1/90000" if video else None] * n,
        "label": [medium.label] * n,
        "split": [medium.split] * n,
        "ordinal": list(range(n)),
        "frame_index": [i * FPS if video else None for i in range(n)],
        "pts": [i * 90000 if video else None for i in range(n)],
        "t_s": [float(i) if video else None for i in range(n)],
        "t_start_s": [float(i) if video else None for i in range(n)],
        "t_end_s": [i + 1 / FPS if video else None for i in range(n)],
    }
    columns |= {c: [v] * n for c, v in zip(("x0", "y0", "x1", "y1"), (1.0, 2.0, 30.5, 40.0), strict=True)}
    if video:
        columns |= {c: [None] * n for c in ("x0", "y0", "x1", "y1")}
    for layer in recipe.layers:
        numbers = pa.array(np.ascontiguousarray(part[layer.layer.name]).reshape(-1))
        columns[layer.column] = pa.FixedSizeListArray.from_arrays(numbers, layer.size)
    schema = row_schema(recipe)
    arrays = [
        c if isinstance(c, pa.Array) else pa.array(c, f.type)
        for c, f in ((columns[f.name], f) for f in schema)
    ]
    return pa.RecordBatch.from_arrays(
        [a.cast(f.type) for a, f in zip(arrays, schema, strict=True)], schema=schema
    )
