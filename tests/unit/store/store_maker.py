"""Media, outcomes and rows made of numbers, for every test of the store and for its child processes."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from vifex.store import ViewWriter, open_store, row_schema
from vifex.store.schema import EXTRA_FIELD
from vifex.values import Layer, LayerSpec, Medium, Outcome, PixelSpec, Recipe, Sampling, Status

DIM = 16


def recipe(**changes: object) -> Recipe:
    """A recipe with a vector of float32 and a small map of float16."""
    values: dict[str, object] = {
        "model": "toy-1",
        "weights_sha256": "0" * 64,
        "preprocess": {"scale": 255.0, "mean": [0.0, 0.0, 0.0]},
        "pixels": PixelSpec(8, 8),
        "sampling": Sampling(),
        "layers": (
            LayerSpec(Layer("head.fc", "vector", (DIM,)), "none", (DIM,), True, "float32"),
            LayerSpec(Layer("stages.1", "map", (2, 3, 4)), "none", (2, 3, 4), False, "float16"),
        ),
        "precision": "fp32",
        "engine": "toy",
    }
    return Recipe(**(values | changes))  # type: ignore[arg-type]


def wide_recipe(dim: int) -> Recipe:
    """A recipe with one vector of the usual size."""
    return recipe(layers=(LayerSpec(Layer("pool", "vector", (dim,)), "avg", (dim,), True, "float32"),))


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
    rows = pa.RecordBatch.from_arrays(arrays, schema=schema)
    if what.extra is None:
        return rows
    extra = pa.ExtensionArray.from_storage(EXTRA_FIELD.type, pa.array([what.extra] * n, pa.string()))
    return pa.RecordBatch.from_arrays([*rows.columns, extra], schema=schema.append(EXTRA_FIELD))


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


def wanted(count: int) -> list[tuple[Medium, int, Status, int]]:
    """A run with everything in it: media, editions that replace them, failures, and how many parts to spill.

    Gives (medium, rows, status, spilled parts) in order; the last one of a medium counts.
    """
    run: list[tuple[Medium, int, Status, int]] = []
    for i in range(count):
        status: Status = "failed" if i % 6 == 5 else "partial" if i % 6 == 4 else "ok"
        run.append((medium(i), 0 if status == "failed" else 1 + i % 4, status, 2 if i % 11 == 3 else 0))
        if i % 5 == 4:  # an earlier medium comes again, changed: with fewer rows, more, or none
            old = i - 4
            n = (0, 1, 6)[i % 3]
            run.append((medium(old, 1 + i), n, "ok" if n else "failed", 0))
    return run


def last_editions(count: int) -> list[tuple[Medium, int, Status, int]]:
    """What is left of `wanted` when every medium's last edition counts."""
    return list({m.medium_id: (m, n, status, parts) for m, n, status, parts in wanted(count)}.values())


def feed(view: ViewWriter, run: list[tuple[Medium, int, Status, int]]) -> None:
    """Extract, as it were: what is finished is left alone, the rest is made; several parts are spilled."""
    for what, n, status, parts in run:
        if view.finished().status_of(what, view.recipe.hash) is not None:
            continue
        spilled = None
        for part in range(parts):
            spilled = view.spill(spilled, rows_of(what, 3, first=3 * part))
        rows = rows_of(what, n, first=3 * parts) if n else None
        view.add(outcome(what, n + 3 * parts if n else 0, status), rows, spilled if n else None)
        if spilled and not n:
            view.discard(spilled)


def expected(entries: list[dict[str, object]]) -> pa.Table:
    """The rows that a ledger's newest entries promise, sorted by key."""
    batches = [
        rows_of(medium(int(str(e["name"])[-9:-4]), int(str(e["mtime_ns"]))), int(str(e["rows"])))
        for e in entries
    ]
    return by_key(pa.Table.from_batches(batches, schema=row_schema(recipe())))


def assert_whole(path: object, at_least: int = 0) -> pa.Table:
    """See that a store reads, that its rows are bit for bit those of its ledger, and give them by key."""
    with open_store(str(path)) as store:
        view = store.view()
        assert view.commit >= at_least, f"commit {at_least} was acknowledged, the head is {view.commit}"
        rows = by_key(view.to_arrow())
        assert bits(rows) == bits(expected(view.ledger().to_pylist()))
        return rows
