"""Proving that a version of the ledger is whole, and finding the commits that are not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vifex.store.files.faults import BrokenTableError, lance_calls
from vifex.store.files.lance_adapter import Table
from vifex.store.files.sums import LEDGER, file_sum, sum_of_sums
from vifex.store.ledger.entries import UNREADABLE, named_files, own_schema, raw_batches
from vifex.store.ledger.sealing import FIRST, Seal, checksum
from vifex.store.schema import MEDIUM

__all__ = ["false_commits", "prove", "split_by_commit"]


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
    return Seal(last, total, version, named_files(newest))


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


def _check_files(ledger: Table) -> None:
    """Compare all files but the last commit's with what that one says, before anything else reads them.

    A damaged length in one of them can take all memory, or keep Lance busy for ever.
    """
    fragments = ledger.fragments()
    if len(fragments) < 2:
        return
    before, newest = fragments[:-1], fragments[-1]
    with lance_calls(ledger.path, UNREADABLE):
        schema = pa.schema([ledger.schema.field(c) for c in ("kind", "reason")])
        batches = list(ledger.scan(schema.names, fragments=[newest.id]))
        said = named_files(pa.Table.from_batches(batches, schema)).get(LEDGER)
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
    with lance_calls(ledger.path, UNREADABLE):
        ledger.take(firsts).cast(own_schema(ledger)).validate(full=True)


def _column(ledger: Table, name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    with lance_calls(ledger.path, UNREADABLE):
        parts = [batch.column(0).to_numpy() for batch in ledger.scan([name], batch_rows=1 << 16)]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _read_raw(ledger: Table, skip: int | None = None) -> pa.Table:
    return pa.Table.from_batches(raw_batches(ledger, skip), schema=own_schema(ledger))
