"""Reading entries of the ledger: all, the newest of each medium, runs, checksums of files.

A ledger of format 1 reads as one of format 2 here; `vifex.store.files.format_1` converts it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vifex.store.files import format_1
from vifex.store.files.faults import lance_calls
from vifex.store.files.lance_adapter import Table
from vifex.store.ledger.identities import hex_lanes
from vifex.store.ledger.sealing import Seal
from vifex.store.schema import (
    DELETED,
    FILES,
    INDEX,
    LEDGER_SCHEMA,
    MAINTENANCE,
    MEDIUM,
    RUN,
)

__all__ = [
    "UNREADABLE",
    "commits_since_maintenance",
    "file_sums",
    "first_checksum",
    "index_facts",
    "last_of_each",
    "named_files",
    "newest_mask",
    "own_schema",
    "raw_batches",
    "read_entries",
    "runs_of",
    "take_entries",
]

_BATCH_ROWS: Final = 1 << 14
_KINDS_OF_MEDIA: Final = pa.array([MEDIUM, DELETED], pa.large_string())
UNREADABLE: Final = "the ledger does not read"
"""What is said of a ledger that Lance fails over."""


def read_entries(
    ledger: Table,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    mask: npt.NDArray[np.bool_] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield entries in the order of their commits, some thousand at a time.

    Args:
        ledger: To read.
        columns: Names of columns of the ledger, in any order; all by default. Only they are read.
        where: A filter in SQL as Lance reads it.
        mask: One value for each entry: whether it is given; all by default.

    Raises:
        BrokenTableError: If the ledger does not read.
    """
    schema = LEDGER_SCHEMA if columns is None else pa.schema([LEDGER_SCHEMA.field(c) for c in columns])
    convert = format_1.Converter(ledger, schema) if format_1.is_format_1(ledger) else None
    names = list(schema.names) if convert is None else convert.reads
    starts = _starts(ledger) if mask is not None and where is not None else {}
    at = 0
    # The scan itself distinguishes damage from a filter that cannot be evaluated.
    for batch in ledger.scan(names, where=where, batch_rows=_BATCH_ROWS, addresses=bool(starts)):
        places = _ordinals(batch, starts) if starts else np.arange(at, at + batch.num_rows)
        at += batch.num_rows
        arrays = batch.select(names).columns
        with lance_calls(ledger.path, UNREADABLE):
            arrays = arrays if convert is None else convert(arrays)
            found = pa.RecordBatch.from_arrays(arrays, schema=schema)
            # Texts that are no UTF-8 would fail wherever they are first looked at.
            found.validate(full=True)
        if mask is not None:
            found = found.filter(pa.array(mask[places]))
        if found.num_rows:
            yield found


def take_entries(ledger: Table, places: Sequence[int]) -> pa.Table:
    """Return the entries at these places of the ledger, in the order of `places`.

    Raises:
        BrokenTableError: If the ledger does not read.
    """
    with lance_calls(ledger.path, UNREADABLE):
        return ledger.take(places, LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA)


def newest_mask(ledger: Table) -> npt.NDArray[np.bool_]:
    """Return, for each entry, whether it is the newest one of a medium that was not deleted since."""
    count = ledger.count()
    high, low = np.empty(count, np.uint64), np.empty(count, np.uint64)
    places, alive = np.empty(count, np.int64), np.empty(count, np.bool_)
    at = found = 0
    for batch in read_entries(ledger, ["medium_id", "kind"]):
        media = pc.is_in(batch.column("kind"), _KINDS_OF_MEDIA).to_numpy(zero_copy_only=False)
        new = np.flatnonzero(media)
        part = slice(found, found + len(new))
        high[part], low[part] = hex_lanes(batch.column("medium_id").take(pa.array(new)))
        places[part] = at + new
        alive[part] = pc.equal(batch.column("kind"), MEDIUM).to_numpy(zero_copy_only=False)[new]
        at, found = at + batch.num_rows, part.stop
    last = last_of_each(high[:found], low[:found])
    mask = np.zeros(at, np.bool_)
    mask[places[last]] = alive[last]
    return mask


def last_of_each(high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return the index of the last occurrence of each 128-bit number, in the order of the numbers.

    Args:
        high: Upper halves of the numbers, `[N]`.
        low: Lower halves, `[N]`.
    """
    order = np.argsort(high, kind="stable")
    ordered = high[order]
    same = ordered[1:] == ordered[:-1]
    del ordered
    pairs = np.flatnonzero(same)
    if np.any(low[order[pairs]] != low[order[pairs + 1]]):  # practically never
        order = np.lexsort((low, high))
        same = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
    elif not len(pairs):
        return order
    last: npt.NDArray[np.int64] = order[np.append(~same, True)]
    return last


def runs_of(ledger: Table) -> dict[int, str]:
    """Return the texts of all runs by their numbers, in the order of the runs."""
    if format_1.is_format_1(ledger):
        return {number: text for text, number in format_1.run_numbers(ledger).items()}
    batches = read_entries(ledger, ["commit", "reason", "kind"], where=f"kind = '{RUN}'")
    return {entry["commit"]: entry["reason"] for batch in batches for entry in batch.to_pylist()}


def file_sums(ledger: Table) -> dict[str, str]:
    """Return the checksum of every file of the rows that any commit named, by its path."""
    batches = read_entries(ledger, ["kind", "reason"], where=f"kind = '{FILES}'")
    schema = pa.schema([LEDGER_SCHEMA.field(c) for c in ("kind", "reason")])
    return named_files(pa.Table.from_batches(batches, schema))


def commits_since_maintenance(ledger: Table, seal: Seal) -> int:
    """Return how many commits came after the newest entry of maintenance."""
    batches = read_entries(ledger, ["kind", "commit"], where=f"kind = '{MAINTENANCE}'")
    newest = max((commit for b in batches for commit in b.column("commit").to_pylist()), default=0)
    return int(seal.commit - newest)


def index_facts(ledger: Table) -> dict[str, dict[str, Any]]:
    """Return what was last said of the approximate index of each column."""
    if format_1.is_format_1(ledger):
        return {}
    batches = read_entries(ledger, ["reason", "kind"], where=f"kind = '{INDEX}'")
    entries = [json.loads(text) for batch in batches for text in batch.column("reason").to_pylist()]
    return {str(facts["column"]): facts for facts in entries}


def first_checksum(ledger: Table) -> str:
    """Return the checksum of the first commit."""
    with lance_calls(ledger.path, UNREADABLE):
        return str(ledger.take([0], ["checksum"]).column(0)[0].as_py())


def raw_batches(ledger: Table, skip: int | None = None) -> Iterator[pa.RecordBatch]:
    """Yield entries as they are stored, in the ledger's own format."""
    schema = own_schema(ledger)
    with lance_calls(ledger.path, UNREADABLE):
        for batch in ledger.scan(skip=skip, batch_rows=_BATCH_ROWS):
            found = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
            found.validate(full=True)
            yield found


def named_files(entries: pa.Table) -> dict[str, str]:
    """Return the checksums that entries of files name, by path; the later one of a path counts."""
    sums: dict[str, str] = {}
    for kind, reason in zip(*(entries.column(n).to_pylist() for n in ("kind", "reason")), strict=True):
        if kind == FILES:
            sums.update(json.loads(reason))
    return sums


def own_schema(ledger: Table) -> pa.Schema:
    """Return the columns that a ledger is stored with: those of its own format."""
    return format_1.LEDGER_SCHEMA if format_1.is_format_1(ledger) else LEDGER_SCHEMA


def _starts(ledger: Table) -> dict[int, int]:
    """Return the place of the first entry of each fragment."""
    starts, at = {}, 0
    for fragment in ledger.fragments():
        starts[fragment.id] = at
        at += fragment.rows
    return starts


def _ordinals(batch: pa.RecordBatch, starts: Mapping[int, int]) -> npt.NDArray[np.int64]:
    """Return the places of a batch's entries; no entry is ever deleted, so addresses have no holes."""
    addresses = batch.column("_rowaddr").to_numpy()
    owners, index = np.unique(addresses >> np.uint64(32), return_inverse=True)
    first = np.array([starts[int(owner)] for owner in owners], np.int64)
    places: npt.NDArray[np.int64] = first[index] + (addresses & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return places
