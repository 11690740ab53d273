"""Media, outcomes and rows made of numbers, for every test of the store and for its child processes."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from vifex.store import row_schema
from vifex.values import Medium, Outcome, PixelSpec, Recipe, Sampling, Status, Tap, TapSpec

DIM = 16


def recipe(**changes: object) -> Recipe:
    """A recipe with a vector of float32 and a small map of float16."""
    values: dict[str, object] = {
        "model": "toy-1",
        "weights_sha256": "0" * 64,
        "preprocess": {"scale": 255.0, "mean": [0.0, 0.0, 0.0]},
        "pixels": PixelSpec(8, 8),
        "sampling": Sampling(),
        "taps": (
            TapSpec(Tap("head.fc", "vector", (DIM,)), "none", (DIM,), True, "float32"),
            TapSpec(Tap("stages.1", "map", (2, 3, 4)), "none", (2, 3, 4), False, "float16"),
        ),
        "precision": "fp32",
        "engine": "toy",
    }
    return Recipe(**(values | changes))  # type: ignore[arg-type]


def wide_recipe(dim: int) -> Recipe:
    """A recipe with one vector of the usual size."""
    return recipe(taps=(TapSpec(Tap("pool", "vector", (dim,)), "avg", (dim,), True, "float32"),))


def medium(number: int, edition: int = 0) -> Medium:
    """The medium of a number; another edition is the same file changed."""
    name = f"clips/clip {number:05d}.mp4"
    return Medium(
        uri="file:///media/" + name.replace(" ", "%20"),
        name=name,
        kind="video",
        size_bytes=1000 + edition,
        mtime_ns=edition,
        split="train" if number % 2 else None,
    )


def rows_of(what: Medium, n: int, of: Recipe | None = None, first: int = 0) -> pa.RecordBatch:
    """Rows whose numbers follow from the medium, its edition and the ordinal alone; all bit patterns."""
    schema = row_schema(of or recipe())
    ordinals = np.arange(first, first + n)
    columns: dict[str, object] = {
        "key": [f"{what.medium_id}:{i}" for i in ordinals],
        "medium_id": [what.medium_id] * n,
        "uri": [what.uri] * n,
        "name": [what.name] * n,
        "time_base": ["1/90000"] * n,
        "label": [what.label] * n,
        "split": [what.split] * n,
        "ordinal": ordinals,
        "frame_index": ordinals * 25,
        "pts": ordinals * 90000 + 3,
        "t_s": ordinals * 1.0,
        "t_start_s": ordinals * 1.0,
        "t_end_s": ordinals + 0.04,
        **dict.fromkeys(("x0", "y0", "x1", "y1"), [None] * n),
    }
    arrays = [pa.array(columns[f.name], f.type) for f in schema if f.name in columns]
    arrays += [_vectors(what, ordinals, field) for field in schema if field.name not in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _vectors(what: Medium, ordinals: np.ndarray, field: pa.Field) -> pa.Array:
    dtype = np.float16 if pa.types.is_float16(field.type.value_type) else np.float32
    seed = hashlib.blake2b(f"{what.medium_id}{what.size_bytes}{field.name}".encode(), digest_size=8)
    width = field.type.list_size
    values = [
        np.random.default_rng([int.from_bytes(seed.digest(), "big"), int(i)]).standard_normal(width)
        for i in ordinals
    ]
    flat = np.concatenate(values).astype(dtype) if values else np.empty(0, dtype)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), width)


def outcome(what: Medium, rows: int, status: Status = "ok") -> Outcome:
    """How the medium ended."""
    return Outcome(what, status, "" if status == "ok" else f"it is {status}", rows=rows, wall_s=0.25)


def by_key(table: pa.Table) -> pa.Table:
    """Rows in an order that two runs share, ready to be compared bit by bit."""
    return table.sort_by("key").combine_chunks()


def bits(table: pa.Table) -> list[object]:
    """Everything in a table as plain bytes and values: NaN equals NaN, 0.0 differs from -0.0."""
    out: list[object] = []
    for name in table.schema.names:
        column = table.column(name).combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            out.append(column.flatten().to_numpy().tobytes())
        else:
            out.append(column.to_pylist())
    return out
