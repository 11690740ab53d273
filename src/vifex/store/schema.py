"""The columns of a view: one table of rows, one ledger of what became of every medium."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import pyarrow as pa

from vifex.values import InputError, LayerSpec, Medium, Outcome, Recipe
from vifex.values.extra import EXTRA
from vifex.values.rows import ROW_COLUMNS

__all__ = [
    "DELETED",
    "EXTRA_FIELD",
    "FILES",
    "INDEX",
    "LEDGER_SCHEMA",
    "MAINTENANCE",
    "MEDIUM",
    "ROW_FIELDS",
    "RUN",
    "TIME",
    "Entries",
    "LedgerEntry",
    "deleted_entries",
    "files_entry",
    "has_extra",
    "index_entry",
    "maintenance_entry",
    "media_entries",
    "relabelled_entries",
    "row_schema",
    "run_entry",
    "time_entry",
]

_TYPES: Final = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "float32": pa.float32(),
}
ROW_FIELDS: Final[tuple[pa.Field, ...]] = tuple(
    pa.field(column.name, _TYPES[column.type], nullable=not column.required) for column in ROW_COLUMNS
)
"""What every row has before its vectors."""

EXTRA_FIELD: Final[pa.Field] = pa.field(EXTRA, pa.json_(pa.string()))
"""What a source said of a row beside what Vifex reads: the last column, where a row of the view has any."""

# Large strings: the offsets of plain ones overflow at 2 GiB of text in a column.
LEDGER_SCHEMA: Final[pa.Schema] = pa.schema(
    [
        pa.field("name", pa.large_string(), nullable=False),
        pa.field("uri", pa.large_string(), nullable=False),
        pa.field("medium_id", pa.large_string(), nullable=False),
        pa.field("label", pa.large_string()),
        pa.field("split", pa.large_string()),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("mtime_ns", pa.int64(), nullable=False),
        pa.field("content_hash", pa.large_string(), nullable=False),
        pa.field("spec_hash", pa.large_string(), nullable=False),
        pa.field("recipe_hash", pa.large_string(), nullable=False),
        pa.field("status", pa.large_string(), nullable=False),
        pa.field("reason", pa.large_string(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("lost", pa.int64(), nullable=False),
        pa.field("rows_version", pa.int64(), nullable=False),
        pa.field("run", pa.int64(), nullable=False),
        pa.field("wall_s", pa.float64(), nullable=False),
        pa.field("kind", pa.large_string(), nullable=False),
        pa.field("commit", pa.int64(), nullable=False),
        pa.field("checksum", pa.large_string(), nullable=False),
    ]
)
"""One entry for each finished medium and for each maintenance; see docs/store-format.md."""

MEDIUM: Final = "medium"
"""Kind of an entry that says what became of a medium."""
DELETED: Final = "deleted"
"""Kind of an entry that says that the user deleted a medium and its rows."""
MAINTENANCE: Final = "maintenance"
"""Kind of an entry that says what the store did to itself."""
FILES: Final = "files"
"""Kind of an entry whose reason is JSON: the checksums of files that came with its commit."""
INDEX: Final = "index"
"""Kind of an entry whose reason is JSON: how a column is indexed and what recall was measured."""
RUN: Final = "run"
"""Kind of an entry whose reason is the text of a run; entries name the run by the number of its commit."""

TIME: Final = "time"
"""Kind of an entry whose reason is JSON: when its commit was made. Older stores lack them."""

Entries = Mapping[str, Sequence[Any]]
"""Entries on their way into a commit, as columns: it has thousands, and an object for each costs time.

They lack what `vifex.store.ledger.sealing.seal` fills in: rows version, run, commit and checksum.
"""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What became of one medium, or what maintenance did: one row of the ledger."""

    name: str
    uri: str
    medium_id: str
    label: str | None
    split: str | None
    size_bytes: int
    mtime_ns: int
    content_hash: str
    spec_hash: str
    recipe_hash: str
    status: str
    reason: str
    rows: int
    lost: int
    rows_version: int
    run: int
    wall_s: float
    kind: str
    commit: int
    checksum: str

    def matches(self, medium: Medium, recipe_hash: str) -> bool:
        """Return whether this entry still holds for the medium as it stands now."""
        return (self.mtime_ns, self.size_bytes, self.uri, self.spec_hash, self.recipe_hash) == (
            medium.mtime_ns,
            medium.size_bytes,
            medium.uri,
            medium.spec_hash,
            recipe_hash,
        )


ENTRY_NAMES: Final[tuple[str, ...]] = tuple(f.name for f in fields(LedgerEntry))

_EMPTY: Final[Mapping[str, Any]] = {
    "name": "",
    "uri": "",
    "medium_id": "",
    "label": None,
    "split": None,
    "size_bytes": 0,
    "mtime_ns": 0,
    "content_hash": "",
    "spec_hash": "",
    "recipe_hash": "",
    "status": "ok",
    "reason": "",
    "rows": 0,
    "lost": 0,
    "wall_s": 0.0,
}
"""An entry that is of no medium."""


def media_entries(outcomes: Sequence[Outcome], recipe_hash: str) -> Entries:
    """Return the entries of outcomes."""
    media, count = [o.medium for o in outcomes], len(outcomes)
    return {
        "name": [m.name for m in media],
        "uri": [m.uri for m in media],
        "medium_id": [m.medium_id for m in media],
        "label": [m.label for m in media],
        "split": [m.split for m in media],
        "size_bytes": [m.size_bytes for m in media],
        "mtime_ns": [m.mtime_ns for m in media],
        "content_hash": [o.content_hash for o in outcomes],
        "spec_hash": [m.spec_hash for m in media],
        "recipe_hash": [recipe_hash] * count,
        "status": [o.status for o in outcomes],
        "reason": [o.reason for o in outcomes],
        "rows": [o.rows for o in outcomes],
        "lost": [o.lost for o in outcomes],
        "wall_s": [o.wall_s for o in outcomes],
        "kind": [MEDIUM] * count,
    }


def deleted_entries(entries: Entries) -> Entries:
    """Return the entries that delete the media of some entries."""
    count = len(entries["medium_id"])
    gone = {"status": "ok", "reason": "", "rows": 0, "lost": 0, "wall_s": 0.0, "kind": DELETED}
    return {**entries, **{name: [value] * count for name, value in gone.items()}}


def relabelled_entries(
    entries: Entries, labels: Sequence[str | None], splits: Sequence[str | None]
) -> Entries:
    """Return some entries with other labels and splits."""
    return {**entries, "label": labels, "split": splits}


def maintenance_entry(reason: str, recipe_hash: str) -> Entries:
    """Return the entry of what the store did to itself."""
    return _entry(MAINTENANCE, reason, recipe_hash)


def run_entry(text: str, recipe_hash: str) -> Entries:
    """Return the entry of a run's text."""
    return _entry(RUN, text, recipe_hash)


def time_entry(unix_s: float, recipe_hash: str) -> Entries:
    """Return the entry of the time of a commit, in seconds since 1970."""
    return _entry(TIME, json.dumps({"unix_s": round(unix_s, 3)}, separators=(",", ":")), recipe_hash)


def files_entry(sums: Mapping[str, str], recipe_hash: str) -> Entries:
    """Return the entry of the checksums of files of the rows, by their paths relative to `rows.lance`."""
    return _entry(FILES, json.dumps(sums, separators=(",", ":"), sort_keys=True), recipe_hash)


def index_entry(facts: Mapping[str, Any], recipe_hash: str) -> Entries:
    """Return the entry of an approximate index that was made, measured or dropped."""
    return _entry(INDEX, json.dumps(facts, separators=(",", ":"), sort_keys=True), recipe_hash)


def _entry(kind: str, reason: str, recipe_hash: str) -> Entries:
    values = {**_EMPTY, "reason": reason, "recipe_hash": recipe_hash, "kind": kind}
    return {name: [value] for name, value in values.items()}


def row_schema(recipe: Recipe, *, extra: bool = False) -> pa.Schema:
    """Return the columns of a view's rows: the fixed ones, then one for each layer of the recipe.

    Args:
        recipe: Of the view.
        extra: Whether the rows have extra columns, which stand behind the others.

    Raises:
        InputError: If two layers would share a column.
    """
    taken: dict[str, str] = {}
    for spec in recipe.layers:
        # SQL folds case, so a filter cannot distinguish names that differ in case alone.
        other = taken.get(spec.column.lower())
        if other is not None:
            raise InputError(
                f"the layer {spec.layer.name!r} needs the column {spec.column!r}, which {other} has.",
                todo="Extract them into two views: `view=NAME`.",
            )
        taken[spec.column.lower()] = f"the layer {spec.layer.name!r}"
    last = [EXTRA_FIELD] if extra else []
    return pa.schema([*ROW_FIELDS, *(_layer_field(spec) for spec in recipe.layers), *last])


def has_extra(schema: pa.Schema) -> bool:
    """Return whether rows of these columns have extra ones. A layer may have a column of the same name."""
    place = schema.get_field_index(EXTRA)
    return place >= 0 and bool(schema.field(place).type == EXTRA_FIELD.type)


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
