"""The ledger: entries sealed by commit, the proof that a version of it is whole, and the newest entries."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute

from vifex.store.faults import BrokenTableError, lance_calls
from vifex.store.lance_adapter import Table
from vifex.store.schema import (
    ENTRY_NAMES,
    FILES,
    LEDGER_SCHEMA,
    STANDING,
    Entries,
    LedgerEntry,
    files_entry,
    standing,
)
from vifex.store.sums import LEDGER, file_sum, sum_of_sums
from vifex.values import Medium, Status

__all__ = [
    "FIRST",
    "Newest",
    "Seal",
    "checksum",
    "false_commits",
    "file_sums",
    "newest_entries",
    "prove",
    "seal",
]

FIRST: Final = "0" * 32
"""The checksum that stands before the first commit."""

_CHUNK: Final = 1 << 16
_NO_FILES: Final[Mapping[str, str]] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Seal:
    """What the last commit of a ledger says of itself."""

    commit: int
    checksum: str
    rows_version: int
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Checksums of files of the rows that came with it, by their paths; empty in stores of old."""


def checksum(before: str, entries: pa.RecordBatch | pa.Table) -> str:
    """Hash the entries of one commit on top of the checksum of the commit before.

    Each entry is one JSON line: its values in the order of the columns, without the checksum.
    """
    digest = hashlib.blake2b(before.encode(), digest_size=16)
    columns = [entries.column(name).to_pylist() for name in ENTRY_NAMES if name != "checksum"]
    for values in zip(*columns, strict=True):
        digest.update(_JSON.encode(values).encode() + b"\n")
    return digest.hexdigest()


def seal(
    entries: Entries, before: Seal, rows_version: int, files: Mapping[str, str] = _NO_FILES
) -> tuple[pa.RecordBatch, Seal]:
    """Complete the entries of one commit by rows version, commit number and checksum.

    One more entry names `files`, the checksums of the files of the rows that came with the commit.
    """
    if files:
        named = files_entry(files, entries["recipe_hash"][0], entries["run"][0])
        entries = {name: [*values, *named[name]] for name, values in entries.items()}
    commit, count = before.commit + 1, len(entries["medium_id"])
    given = {**entries, **{name: [_as_text(text) for text in entries[name]] for name in _TEXTS}}
    given |= {"rows_version": [rows_version] * count, "commit": [commit] * count, "checksum": [""] * count}
    batch = pa.RecordBatch.from_pydict(given, schema=LEDGER_SCHEMA)
    # Hash what comes back out of the columns: an int in a float column is not what went in.
    total = checksum(before.checksum, batch)
    column = pa.array([total] * batch.num_rows, pa.string())
    place = LEDGER_SCHEMA.get_field_index("checksum")
    columns = [*batch.columns[:place], column, *batch.columns[place + 1 :]]
    sealed = Seal(commit, total, rows_version, dict(files))
    return pa.RecordBatch.from_arrays(columns, schema=LEDGER_SCHEMA), sealed


def prove(ledger: Table) -> Seal:
    """Show that a version of the ledger is whole, and give what its last commit says.

    Every commit number from 1 up must be there, in order, the entries of the last commit must give the
    checksum that they carry, and the files before it the checksum that they name.

    Raises:
        BrokenTableError: If not.
    """
    _see_that_files_are_whole(ledger)
    _see_that_columns_are_found(ledger)
    commits = _column(ledger, "commit")
    if commits.size == 0:
        raise BrokenTableError("the ledger has no entry")
    steps = np.diff(commits, prepend=0)
    if commits[0] != 1 or steps.min() < 0 or steps.max() > 1:
        raise BrokenTableError("the ledger lacks commits")
    last = int(commits[-1])
    # The last two commits: the older one gives the checksum on which the newer one stands.
    start = int(np.searchsorted(commits, last - 1))
    tail = _read(ledger, skip=start)
    first = int(np.searchsorted(commits[start:], last))
    newest = tail.slice(first)
    before = tail.column("checksum")[0].as_py() if first else FIRST
    said = set(zip(*(newest.column(n).to_pylist() for n in ("checksum", "rows_version")), strict=True))
    total, version = checksum(before, newest), newest.column("rows_version")[0].as_py()
    if said != {(total, version)}:
        raise BrokenTableError(f"commit {last} of the ledger does not give its checksum")
    return Seal(last, total, version, _named_files(newest))


def false_commits(ledger: Table) -> dict[int, list[str]]:
    """Find the commits whose entries do not give their checksum, and the names of the media in them.

    A commit stands on the checksum that the one before it carries, so damage in one is told of that one
    alone, or of the next one too where it is the checksum itself that is damaged.

    Raises:
        BrokenTableError: If the ledger does not read.
    """
    table = _read(ledger)
    starts = np.flatnonzero(np.diff(table.column("commit").to_numpy(), prepend=0))
    false, before = {}, FIRST
    for start, end in zip(starts, [*starts[1:], table.num_rows], strict=True):
        entries = table.slice(int(start), int(end - start))
        said = set(entries.column("checksum").to_pylist())
        if said != {checksum(before, entries)}:
            media = entries.filter(pa.compute.equal(entries.column("kind"), "medium"))
            false[int(entries.column("commit")[0].as_py())] = media.column("name").to_pylist()
        before = entries.column("checksum")[0].as_py()
    return false


def file_sums(ledger: Table) -> dict[str, str]:
    """Read the checksum of every file of the rows that any commit named, by its path."""
    with lance_calls(ledger.path, _UNREADABLE):
        schema = pa.schema([LEDGER_SCHEMA.field(c) for c in ("kind", "reason")])
        batches = ledger.scan(schema.names, where=f"kind = '{FILES}'")
        return _named_files(pa.Table.from_batches(batches, schema))


def commits_since_care(ledger: Table, seal: Seal) -> int:
    """Count the commits after the newest maintenance entry."""
    cared = [
        e["commit"]
        for batch in ledger.scan(["kind", "commit"], where="kind = 'maintenance'")
        for e in batch.to_pylist()
    ]
    return seal.commit - max(cared, default=0)


def newest_entries(ledger: Table, *, history: bool = False) -> pa.Table:
    """Read the newest entry of each medium in the order of their commits, or every entry there is."""
    table = _read(ledger)
    if history:
        return table
    kinds = table.column("kind").to_pylist()
    media = table.column("medium_id").to_pylist()
    latest = {medium_id: i for i, medium_id in enumerate(media) if kinds[i] == "medium"}
    return table.take(pa.array(sorted(latest.values()), pa.int64()))


class Newest(Mapping[str, LedgerEntry]):
    """The newest entry of each medium, kept as columns: some hundred bytes per medium."""

    def __init__(self, ledger: Table) -> None:
        self._chunks: list[tuple[pa.Array, ...]] = []
        self._places: dict[bytes, int] = {}
        with lance_calls(ledger.path, _UNREADABLE):
            for batch in newest_entries(ledger).to_batches(max_chunksize=_CHUNK):
                self.update(batch)

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in entries that are newer than all before."""
        for start in range(0, batch.num_rows, _CHUNK):
            self._append(batch.slice(start, _CHUNK))

    def __getitem__(self, medium_id: str) -> LedgerEntry:
        try:
            number, place = divmod(self._places[bytes.fromhex(medium_id)], _CHUNK)
        except ValueError:
            raise KeyError(medium_id) from None
        return LedgerEntry(*(column[place].as_py() for column in self._chunks[number]))

    def status_of(self, medium: Medium, recipe_hash: str) -> Status | None:
        """How a medium ended, if its newest entry still holds for it; else `None`.

        The same as to look the entry up and ask it (`LedgerEntry.matches`), but it reads those columns alone:
        a resume asks this of every file.
        """
        found = self._places.get(bytes.fromhex(medium.medium_id))
        if found is None:
            return None
        number, place = divmod(found, _CHUNK)
        columns = self._chunks[number]
        for index, wanted in zip(_STANDING, standing(medium, recipe_hash), strict=True):
            if columns[index][place].as_py() != wanted:
                return None
        status: Status = columns[_STATUS][place].as_py()
        return status

    def __iter__(self) -> Iterator[str]:
        return (key.hex() for key in self._places)

    def __len__(self) -> int:
        return len(self._places)

    def _append(self, batch: pa.RecordBatch) -> None:
        # The same few long texts stand in every entry.
        dense = [
            c.dictionary_encode() if n in ("run", "recipe_hash", "checksum", "status", "reason") else c
            for n, c in zip(batch.schema.names, batch.columns, strict=True)
        ]
        # First the entries and then their places: another thread may be looking one up.
        number = len(self._chunks)
        self._chunks.append(tuple(dense))
        kinds = batch.column("kind").to_pylist()
        for place, medium_id in enumerate(batch.column("medium_id").to_pylist()):
            if kinds[place] == "medium":
                self._places[bytes.fromhex(medium_id)] = number * _CHUNK + place


def _see_that_files_are_whole(ledger: Table) -> None:
    """Compare all files but the last commit's with what that one says, before anything else reads them.

    A damaged length in one of them can take all memory, or keep Lance busy for ever.
    """
    fragments = ledger.fragments()
    if len(fragments) < 2:
        return
    before, newest = fragments[:-1], fragments[-1]
    with lance_calls(ledger.path, _UNREADABLE):
        schema = pa.schema([LEDGER_SCHEMA.field(c) for c in ("kind", "reason")])
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


def _see_that_columns_are_found(ledger: Table) -> None:
    """Read one entry of each file, all columns: a damaged manifest can send a column to another place."""
    rows = [f.rows for f in ledger.fragments()]
    firsts = [sum(rows[:i]) for i, count in enumerate(rows) if count]
    with lance_calls(ledger.path, _UNREADABLE):
        ledger.take(firsts).cast(LEDGER_SCHEMA).validate(full=True)


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


_STANDING: Final = tuple(ENTRY_NAMES.index(name) for name in STANDING)
_STATUS: Final = ENTRY_NAMES.index("status")
_JSON: Final = json.JSONEncoder(separators=(",", ":"))
_TEXTS: Final = ("name", "uri", "reason", "run")
"""Columns of free text."""
_UNREADABLE: Final = "the ledger does not read"


def _column(ledger: Table, name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    with lance_calls(ledger.path, _UNREADABLE):
        parts = [batch.column(0).to_numpy() for batch in ledger.scan([name], batch_rows=1 << 16)]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _read(ledger: Table, skip: int | None = None) -> pa.Table:
    with lance_calls(ledger.path, _UNREADABLE):
        table = pa.Table.from_batches(ledger.scan(skip=skip, batch_rows=1 << 14), schema=LEDGER_SCHEMA)
        # Texts that are no UTF-8 would fail wherever they are first looked at.
        table.validate(full=True)
    return table
