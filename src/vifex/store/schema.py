"""The columns of a view: one table of rows, one ledger of what became of every medium."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import pyarrow as pa

from vifex.values import InputError, LayerSpec, Medium, Outcome, Recipe

__all__ = [
    "FILES",
    "LEDGER_SCHEMA",
    "ROW_FIELDS",
    "Entries",
    "LedgerEntry",
    "files_entry",
    "maintenance_entry",
    "media_entries",
    "row_schema",
]

ROW_FIELDS: Final[tuple[pa.Field, ...]] = (
    pa.field("key", pa.string(), nullable=False),
    pa.field("medium_id", pa.string(), nullable=False),
    pa.field("uri", pa.string(), nullable=False),
    pa.field("name", pa.string(), nullable=False),
    pa.field("time_base", pa.string()),
    pa.field("label", pa.string()),
    pa.field("split", pa.string()),
    pa.field("ordinal", pa.int64(), nullable=False),
    pa.field("frame_index", pa.int64()),
    pa.field("pts", pa.int64()),
    pa.field("t_s", pa.float64()),
    pa.field("t_start_s", pa.float64()),
    pa.field("t_end_s", pa.float64()),
    pa.field("x0", pa.float32()),
    pa.field("y0", pa.float32()),
    pa.field("x1", pa.float32()),
    pa.field("y1", pa.float32()),
)
"""What every row has before its vectors."""

LEDGER_SCHEMA: Final[pa.Schema] = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("medium_id", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("mtime_ns", pa.int64(), nullable=False),
        pa.field("spec_hash", pa.string(), nullable=False),
        pa.field("recipe_hash", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("lost", pa.int64(), nullable=False),
        pa.field("rows_version", pa.int64(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("wall_s", pa.float64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("commit", pa.int64(), nullable=False),
        pa.field("checksum", pa.string(), nullable=False),
    ]
)
"""One entry per finished medium and per maintenance; see docs/store-format.md."""

FILES: Final = "files"
"""Kind of an entry whose reason is JSON: the checksums of files that came with its commit."""

Entries = Mapping[str, Sequence[Any]]
"""Entries on their way into a commit, as columns: it has thousands, and an object for each costs time."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What became of one medium, or what a maintenance did: one row of the ledger."""

    name: str
    uri: str
    medium_id: str
    size_bytes: int
    mtime_ns: int
    spec_hash: str
    recipe_hash: str
    status: str
    reason: str
    rows: int
    lost: int
    rows_version: int
    run: str
    wall_s: float
    kind: str
    commit: int
    checksum: str

    def matches(self, medium: Medium, recipe_hash: str) -> bool:
        """Return whether this entry still holds for the medium as it stands now."""
        return tuple(getattr(self, name) for name in STANDING) == standing(medium, recipe_hash)


STANDING: Final = ("mtime_ns", "size_bytes", "uri", "spec_hash", "recipe_hash")
"""Fields by which an entry tells whether it still holds; what changes most often first."""


def standing(medium: Medium, recipe_hash: str) -> tuple[object, ...]:
    """What those fields say of a medium as it stands now."""
    return medium.mtime_ns, medium.size_bytes, medium.uri, medium.spec_hash, recipe_hash


ENTRY_NAMES: Final[tuple[str, ...]] = tuple(f.name for f in fields(LedgerEntry))


def media_entries(outcomes: Sequence[Outcome], recipe_hash: str, run: str) -> Entries:
    """Enter outcomes; rows version, commit and checksum are filled in when they are committed."""
    media, count = [o.medium for o in outcomes], len(outcomes)
    return {
        "name": [m.name for m in media],
        "uri": [m.uri for m in media],
        "medium_id": [m.medium_id for m in media],
        "size_bytes": [m.size_bytes for m in media],
        "mtime_ns": [m.mtime_ns for m in media],
        "spec_hash": [m.spec_hash for m in media],
        "recipe_hash": [recipe_hash] * count,
        "status": [o.status for o in outcomes],
        "reason": [o.reason for o in outcomes],
        "rows": [o.rows for o in outcomes],
        "lost": [o.lost for o in outcomes],
        "run": [run] * count,
        "wall_s": [o.wall_s for o in outcomes],
        "kind": ["medium"] * count,
    }


def maintenance_entry(reason: str, recipe_hash: str, run: str) -> Entries:
    """Enter what the store did to itself."""
    return {
        "name": [""],
        "uri": [""],
        "medium_id": [""],
        "size_bytes": [0],
        "mtime_ns": [0],
        "spec_hash": [""],
        "recipe_hash": [recipe_hash],
        "status": ["ok"],
        "reason": [reason],
        "rows": [0],
        "lost": [0],
        "run": [run],
        "wall_s": [0.0],
        "kind": ["maintenance"],
    }


def files_entry(sums: Mapping[str, str], recipe_hash: str, run: str) -> Entries:
    """Enter the checksums of files of the rows, by their paths relative to `rows.lance`."""
    entry = maintenance_entry(json.dumps(sums, separators=(",", ":"), sort_keys=True), recipe_hash, run)
    return {**entry, "kind": [FILES]}


def row_schema(recipe: Recipe) -> pa.Schema:
    """Return the columns of a view's rows: the fixed ones, then one per layer of the recipe.

    Raises:
        InputError: If two layers would share a column.
    """
    taken: dict[str, str] = {}
    for spec in recipe.layers:
        # SQL folds case, so names that differ in case alone could not be told apart in a filter.
        other = taken.get(spec.column.lower())
        if other is not None:
            raise InputError(
                f"the layer {spec.layer.name!r} needs the column {spec.column!r}, which {other} has.",
                todo="Extract them into two views: `view=NAME`.",
            )
        taken[spec.column.lower()] = f"the layer {spec.layer.name!r}"
    return pa.schema([*ROW_FIELDS, *(_layer_field(spec) for spec in recipe.layers)])


def _layer_field(spec: LayerSpec) -> pa.Field:
    number = pa.float16() if spec.dtype == "float16" else pa.float32()
    return pa.field(
        spec.column,
        pa.list_(number, spec.size),
        nullable=False,
        metadata={
            "vifex:layer": spec.layer.name,
            "vifex:kind": spec.layer.kind,
            "vifex:shape": json.dumps(list(spec.shape)),
            "vifex:pooling": spec.pooling,
            "vifex:normalized": json.dumps(spec.normalized),
        },
    )
