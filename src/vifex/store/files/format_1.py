"""Stores of format 1: how their recipes and ledgers differ, and how they read as format 2.

In format 1 the text of its run stood in every ledger entry, labels were a part of `spec_hash`, and recipes
called a layer `"tap"`. `vifex.store.commit.upgrading` makes such a store one of format 2.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from vifex.store.files.faults import lance_calls
from vifex.store.files.lance_adapter import Table
from vifex.values import Medium

__all__ = [
    "LEDGER_SCHEMA",
    "PREFIX",
    "hash_of_recipe",
    "hash_of_sources",
    "is_format_1",
    "recipe_of",
    "run_numbers",
    "spec_hash",
]

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

PREFIX: Final = "1:"
"""Begins the `spec_hash` of an entry that has only the one of format 1."""


def is_format_1(ledger: Table) -> bool:
    """Return whether a ledger has the columns of format 1."""
    return "content_hash" not in ledger.schema.names


def spec_hash(medium: Medium, label: str | None, split: str | None) -> str:
    """Return the `spec_hash` that format 1 gives a medium with this label and split."""
    span = (medium.span.t_start_s, medium.span.t_end_s) if medium.span else None
    boxes = [(b.x0, b.y0, b.x1, b.y1) for b in medium.boxes]
    return _hash_128([span, boxes, label, split])


def spec_hash_of_whole_medium(label: str | None, split: str | None) -> str:
    """Return the `spec_hash` that format 1 gives a medium with neither a span nor boxes."""
    return _hash_128([None, [], label, split])


def hash_of_sources(entries: Sequence[tuple[str, int, str] | None]) -> str:
    """Return the `spec_hash` that format 1 gives a medium of a derived view.

    Args:
        entries: The medium's newest entry in each input: view, commit and checksum.
    """
    text = json.dumps([None if e is None else list(e) for e in entries], separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def hash_of_recipe(recipe: Mapping[str, Any]) -> str:
    """Return the hash of a recipe as its file holds it: over all fields but `hdr`."""
    return _hash_128({key: value for key, value in recipe.items() if key != "hdr"})


def recipe_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe of format 1 with the names of format 2."""
    layers = []
    for spec in recipe["taps"]:
        layer = {key: value for key, value in spec.items() if key != "tap_shape"}
        layers.append({**layer, "layer_shape": spec["tap_shape"]})
    return {**{key: value for key, value in recipe.items() if key != "taps"}, "layers": layers}


def run_numbers(ledger: Table) -> dict[str, int]:
    """Return a number for the text of each run: the first commit that it made."""
    numbers: dict[str, int] = {}
    with lance_calls(ledger.path, "the ledger does not read"):
        for batch in ledger.scan(["run", "commit"], batch_rows=1 << 14):
            runs, commits = batch.column("run").dictionary_encode(), batch.column("commit")
            texts = runs.dictionary.to_pylist()
            new = {i for i, text in enumerate(texts) if text and text not in numbers}
            for place, index in enumerate(runs.indices.to_pylist() if new else ()):
                if index in new:
                    numbers.setdefault(texts[index], commits[place].as_py())
    return numbers


class Converter:
    """Turns columns of format 1 into those of format 2.

    Args:
        ledger: Of format 1.
        schema: The columns of format 2 that are wanted.
    """

    def __init__(self, ledger: Table, schema: pa.Schema) -> None:
        self._schema = schema
        self._runs = run_numbers(ledger) if "run" in schema.names else {}
        known = set(LEDGER_SCHEMA.names)
        # At least one column is read, to know how many entries there are.
        self.reads: Final = [name for name in schema.names if name in known] or ["commit"]

    def __call__(self, arrays: Sequence[pa.Array]) -> list[pa.Array]:
        """Convert the columns `reads` of some entries."""
        given = dict(zip(self.reads, arrays, strict=True))
        return [self._column(field, given, len(arrays[0])) for field in self._schema]

    def _column(self, field: pa.Field, given: Mapping[str, pa.Array], count: int) -> pa.Array:
        if field.name == "run":
            return _mapped(given["run"], lambda text: self._runs.get(text, 0), field.type)
        if field.name == "spec_hash":
            return _mapped(given["spec_hash"], lambda text: text and PREFIX + text, field.type)
        if field.name in given:
            return given[field.name].cast(field.type)
        return pa.array(["" if field.name == "content_hash" else None] * count, field.type)


def _mapped(column: pa.Array, change: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    encoded = column.dictionary_encode()
    changed = pa.array([change(text) for text in encoded.dictionary.to_pylist()], kind)
    return changed.take(encoded.indices)


def _hash_128(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
