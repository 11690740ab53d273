"""The ledger: entries sealed by commit, the proof that a version of it is whole, and reading entries.

A ledger of format 1 reads as one of format 2 here; `vifex.store.format_1` knows the difference.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vifex.store import format_1
from vifex.store.faults import BrokenTableError, lance_calls
from vifex.store.identities import hex_lanes
from vifex.store.lance_adapter import Table
from vifex.store.schema import (
    DELETED,
    FILES,
    LEDGER_SCHEMA,
    MAINTENANCE,
    MEDIUM,
    RUN,
    Entries,
    files_entry,
    run_entry,
)
from vifex.store.sums import LEDGER, file_sum, sum_of_sums

__all__ = [
    "FIRST",
    "Seal",
    "checksum",
    "commits_since_maintenance",
    "false_commits",
    "file_sums",
    "first_checksum",
    "newest_mask",
    "prove",
    "raw_batches",
    "read_entries",
    "runs_of",
    "seal",
    "split_by_commit",
    "take_entries",
    "with_checksum",
]

FIRST: Final = "0" * 32
"""The checksum that stands before the first commit."""

_NO_FILES: Final[Mapping[str, str]] = {}
_BATCH_ROWS: Final = 1 << 14


@dataclasses.dataclass(frozen=True, slots=True)
class Seal:
    """What the last commit of a ledger says of itself."""

    commit: int
    checksum: str
    rows_version: int
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Checksums of files of the rows that came with it, by their paths; empty in old stores."""


# -- writing --------------------------------------------------------------------------------------------


def checksum(before: str, entries: pa.RecordBatch | pa.Table) -> str:
    """Return the hash of the entries of one commit on top of the checksum of the commit before.

    Each entry is one JSON line: its values in the order of the columns, without the checksum.
    """
    digest = hashlib.blake2b(before.encode(), digest_size=16)
    columns = [entries.column(name).to_pylist() for name in entries.schema.names if name != "checksum"]
    for values in zip(*columns, strict=True):
        digest.update(_JSON.encode(values).encode() + b"\n")
    return digest.hexdigest()


def seal(
    entries: Entries,
    before: Seal,
    rows_version: int,
    files: Mapping[str, str] = _NO_FILES,
    *,
    run: int = 0,
    run_text: str = "",
) -> tuple[pa.RecordBatch, Seal]:
    """Complete the entries of one commit by rows version, run, commit number and checksum.

    Args:
        entries: Of the commit, at least one.
        before: The commit before.
        rows_version: Version of the rows that the commit names.
        files: Checksums of the files of the rows that came with the commit; one more entry names them.
        run: Number of the run that makes the commit; 0 for none.
        run_text: Text of the run where the ledger does not have it yet; one more entry holds it, and the
            number of this commit becomes the number of the run.
    """
    commit, recipe_hash = before.commit + 1, entries["recipe_hash"][0]
    more = [files_entry(files, recipe_hash)] if files else []
    if run_text:
        run, more = commit, [*more, run_entry(run_text, recipe_hash)]
    for entry in more:
        entries = {name: [*values, *entry[name]] for name, values in entries.items()}
    count = len(entries["medium_id"])
    given = {**entries, **{name: [_as_text(text) for text in entries[name]] for name in _TEXTS}}
    given |= {"rows_version": [rows_version] * count, "run": [run] * count}
    given |= {"commit": [commit] * count, "checksum": [""] * count}
    # Hash what comes back out of the columns: an int in a float column is not what went in.
    batch, total = with_checksum(pa.RecordBatch.from_pydict(given, schema=LEDGER_SCHEMA), before.checksum)
    return batch, Seal(commit, total, rows_version, dict(files))


def with_checksum(entries: pa.RecordBatch, before: str) -> tuple[pa.RecordBatch, str]:
    """Return the entries of one commit with their checksum filled in, and the checksum."""
    total = checksum(before, entries)
    column = pa.array([total] * entries.num_rows, pa.large_string())
    place = LEDGER_SCHEMA.get_field_index("checksum")
    columns = [*entries.columns[:place], column, *entries.columns[place + 1 :]]
    return pa.RecordBatch.from_arrays(columns, schema=LEDGER_SCHEMA), total


# -- proving --------------------------------------------------------------------------------------------


def prove(ledger: Table) -> Seal:
    """Check that a version of the ledger is whole, and return what its last commit says.

    Every commit number from 1 up must be there, in order, the entries of the last commit must give the
    checksum that they carry, and the files before it the checksum that they name.

    Raises:
        BrokenTableError: If not.
    """
    _check_files(ledger)
    _check_columns(ledger)
    commits = _column(ledger, "commit")
    if commits.size == 0:
        raise BrokenTableError("the ledger has no entry")
    steps = np.diff(commits, prepend=0)
    if commits[0] != 1 or steps.min() < 0 or steps.max() > 1:
        raise BrokenTableError("the ledger lacks commits")
    last = int(commits[-1])
    # The last two commits: the older one gives the checksum on which the newer one stands.
    start = int(np.searchsorted(commits, last - 1))
    tail = _read_raw(ledger, skip=start)
    first = int(np.searchsorted(commits[start:], last))
    newest = tail.slice(first)
    before = tail.column("checksum")[0].as_py() if first else FIRST
    said = set(zip(*(newest.column(n).to_pylist() for n in ("checksum", "rows_version")), strict=True))
    total, version = checksum(before, newest), newest.column("rows_version")[0].as_py()
    if said != {(total, version)}:
        raise BrokenTableError(f"commit {last} of the ledger does not give its checksum")
    return Seal(last, total, version, _named_files(newest))


def false_commits(ledger: Table) -> dict[int, list[str]]:
    """Return the commits whose entries do not give their checksum, with the names of the media in them.

    A commit stands on the checksum that the one before it carries. So damage in one commit is reported for
    that one alone, or for the next one too where the checksum itself is damaged.

    Raises:
        BrokenTableError: If the ledger does not read.
    """
    false, before = {}, FIRST
    for entries in split_by_commit(raw_batches(ledger)):
        said = set(entries.column("checksum").to_pylist())
        if said != {checksum(before, entries)}:
            media = entries.filter(pc.equal(entries.column("kind"), MEDIUM))
            false[int(entries.column("commit")[0].as_py())] = media.column("name").to_pylist()
        before = entries.column("checksum")[0].as_py()
    return false


def split_by_commit(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the entries of one commit after the other; the batches may cut a commit in two."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        commits = batch.column("commit").to_numpy()
        starts = np.flatnonzero(np.diff(commits, prepend=commits[:1]))
        bounds = [0, *starts.tolist(), len(commits)]
        for start, end in pairwise(bounds):
            if held and start < end and held[-1].column("commit")[0] != batch.column("commit")[start]:
                yield pa.Table.from_batches(held)
                held = []
            if start < end:
                held.append(batch.slice(start, end - start))
    if held:
        yield pa.Table.from_batches(held)


# -- reading --------------------------------------------------------------------------------------------


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
    # The scan itself tells damage from a filter that cannot be evaluated.
    for batch in ledger.scan(names, where=where, batch_rows=_BATCH_ROWS, addresses=bool(starts)):
        places = _ordinals(batch, starts) if starts else np.arange(at, at + batch.num_rows)
        at += batch.num_rows
        arrays = batch.select(names).columns
        with lance_calls(ledger.path, _UNREADABLE):
            arrays = arrays if convert is None else convert(arrays)
            found = pa.RecordBatch.from_arrays(arrays, schema=schema)
            # Texts that are no UTF-8 would fail wherever they are first looked at.
            found.validate(full=True)
        if mask is not None:
            found = found.filter(pa.array(mask[places]))
        if found.num_rows:
            yield found


def take_entries(ledger: Table, places: Sequence[int]) -> pa.Table:
    """Return the entries at these places of the ledger, in the order asked for.

    Raises:
        BrokenTableError: If the ledger does not read.
    """
    with lance_calls(ledger.path, _UNREADABLE):
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
    if np.any(low[order[pairs]] != low[order[pairs + 1]]):  # as good as never
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
    return _named_files(pa.Table.from_batches(batches, schema))


def commits_since_maintenance(ledger: Table, seal: Seal) -> int:
    """Return how many commits came after the newest entry of maintenance."""
    batches = read_entries(ledger, ["kind", "commit"], where=f"kind = '{MAINTENANCE}'")
    newest = max((commit for b in batches for commit in b.column("commit").to_pylist()), default=0)
    return int(seal.commit - newest)


def first_checksum(ledger: Table) -> str:
    """Return the checksum of the first commit."""
    with lance_calls(ledger.path, _UNREADABLE):
        return str(ledger.take([0], ["checksum"]).column(0)[0].as_py())


def _check_files(ledger: Table) -> None:
    """Compare all files but the last commit's with what that one says, before anything else reads them.

    A damaged length in one of them can take all memory, or keep Lance busy for ever.
    """
    fragments = ledger.fragments()
    if len(fragments) < 2:
        return
    before, newest = fragments[:-1], fragments[-1]
    with lance_calls(ledger.path, _UNREADABLE):
        schema = pa.schema([ledger.schema.field(c) for c in ("kind", "reason")])
        batches = list(ledger.scan(schema.names, fragments=[newest.id]))
        said = _named_files(pa.Table.from_batches(batches, schema)).get(LEDGER)
        names = [name for f in before for name in f.files] if said else []
        sums = {name: file_sum(ledger.data / name) for name in names}
    if said is None:
        return
    of_names, of_files = sum_of_sums(sums)
    # Merged since then, the files have other names; the next commit will name those.
    if said.startswith(f"{of_names}:") and said != f"{of_names}:{of_files}":
        raise BrokenTableError(f"the bytes of a file in {ledger.data} are not what was written")


def _check_columns(ledger: Table) -> None:
    """Read one entry of each file, all columns: a damaged manifest can send a column to another place."""
    rows = [f.rows for f in ledger.fragments()]
    firsts = [sum(rows[:i]) for i, count in enumerate(rows) if count]
    with lance_calls(ledger.path, _UNREADABLE):
        ledger.take(firsts).cast(_own_schema(ledger)).validate(full=True)


def _named_files(entries: pa.Table) -> dict[str, str]:
    """Read the entries of files among these; of two checksums of one path the later one counts."""
    sums: dict[str, str] = {}
    for kind, reason in zip(*(entries.column(n).to_pylist() for n in ("kind", "reason")), strict=True):
        if kind == FILES:
            sums.update(json.loads(reason))
    return sums


def _as_text(text: str) -> str:
    """Return a text of an entry; what a message quoted from the bytes of a name becomes plain text."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


_JSON: Final = json.JSONEncoder(separators=(",", ":"))
_TEXTS: Final = ("name", "uri", "reason")
"""Columns of free text."""
_KINDS_OF_MEDIA: Final = pa.array([MEDIUM, DELETED], pa.large_string())
_UNREADABLE: Final = "the ledger does not read"


def _own_schema(ledger: Table) -> pa.Schema:
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


def _column(ledger: Table, name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    with lance_calls(ledger.path, _UNREADABLE):
        parts = [batch.column(0).to_numpy() for batch in ledger.scan([name], batch_rows=1 << 16)]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)


def raw_batches(ledger: Table, skip: int | None = None) -> Iterator[pa.RecordBatch]:
    """Yield entries as they are stored, in the ledger's own format."""
    schema = _own_schema(ledger)
    with lance_calls(ledger.path, _UNREADABLE):
        for batch in ledger.scan(skip=skip, batch_rows=_BATCH_ROWS):
            found = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
            found.validate(full=True)
            yield found


def _read_raw(ledger: Table, skip: int | None = None) -> pa.Table:
    return pa.Table.from_batches(raw_batches(ledger, skip), schema=_own_schema(ledger))
