"""Reading the commits of a ledger that may be damaged, and saying of each whether its entries are proved.

A damaged length can keep Lance busy for ever or take all memory. So where the ledger is not proved whole, a
process of its own reads it, one file after the other, and is ended when it takes too long.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from vifex.store.files.faults import BrokenTableError
from vifex.store.files.lance_adapter import Table
from vifex.store.ledger.entries import raw_batches
from vifex.store.ledger.proving import prove, split_by_commit
from vifex.store.ledger.sealing import FIRST, checksum
from vifex.store.schema import LEDGER_SCHEMA

__all__ = ["LedgerCommit", "read_commits", "write_fragments"]

_FILE_S: Final = 60.0
"""Seconds that one file of a ledger may take."""


@dataclass(frozen=True, slots=True)
class LedgerCommit:
    """The entries of one commit."""

    number: int
    entries: pa.Table
    is_proved: bool
    """Whether they give the checksum that they carry, on top of the commit before."""
    follows: bool
    """Whether the commit before it is there."""


def read_commits(ledger: Table) -> tuple[list[LedgerCommit], bool]:
    """Read the commits of a version of the ledger in their order; what does not read is left out.

    Returns:
        The commits, and whether all files of the ledger are as they were written.
    """
    try:
        prove(ledger)
        return list(_proved(raw_batches(ledger))), True
    except BrokenTableError:
        return list(_proved(_in_another_process(ledger))), False


def write_fragments(table: Path, version: int, first: int, into: Path) -> None:
    """Write each fragment of a ledger from a place on as an Arrow file `NUMBER.arrow`, where it reads."""
    ledger = Table.open(table, version)
    for number, fragment in list(enumerate(ledger.fragments()))[first:]:
        aside = into / f"{number}.tmp"
        try:
            with pa.OSFile(str(aside), "wb") as file, pa.ipc.new_file(file, LEDGER_SCHEMA) as out:
                for batch in ledger.scan(LEDGER_SCHEMA.names, fragments=[fragment.id], batch_rows=1 << 14):
                    found = pa.RecordBatch.from_arrays(batch.columns, schema=LEDGER_SCHEMA)
                    found.validate(full=True)
                    out.write_batch(found)
        except (BrokenTableError, pa.ArrowException):
            aside.unlink(missing_ok=True)
            (into / f"{number}.bad").touch()
        else:
            aside.rename(into / f"{number}.arrow")


def _in_another_process(ledger: Table) -> Iterator[pa.RecordBatch]:
    count = len(ledger.fragments())
    with tempfile.TemporaryDirectory(prefix="vifex-repair-") as name:
        folder, first = Path(name), 0
        while first < count:
            _run(ledger, first, folder, (count - first) * _FILE_S)
            # Where the process died or hung, it is the next file that it could not read.
            done = {int(f.stem) for f in folder.iterdir() if f.suffix in (".arrow", ".bad")}
            first = next((n for n in range(first, count) if n not in done), count) + 1
        for number in range(count):
            file = folder / f"{number}.arrow"
            if file.exists():
                with pa.OSFile(str(file), "rb") as opened:
                    yield from pa.ipc.open_file(opened).read_all().to_batches()


def _run(ledger: Table, first: int, folder: Path, seconds: float) -> None:
    program = "import sys; from vifex.store.repairing import child; child.main(sys.argv[1:])"
    words = [str(ledger.path), str(ledger.version), str(first), str(folder)]
    # The child imports what this process imports, wherever it was started.
    path = f"import sys; sys.path[:] = {[p for p in sys.path if p]!r}; "
    try:
        subprocess.run(
            [sys.executable, "-c", path + program, *words],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return


def _proved(batches: Iterable[pa.RecordBatch]) -> Iterator[LedgerCommit]:
    before: str | None = FIRST
    last = 0
    for entries in split_by_commit(iter(batches)):
        number = int(entries.column("commit")[0].as_py())
        follows = number == last + 1
        if not follows:
            before = None
        said = set(entries.column("checksum").to_pylist())
        is_proved = before is not None and said == {checksum(before, entries)}
        yield LedgerCommit(number, entries, is_proved, follows)
        before = entries.column("checksum")[0].as_py() if len(said) == 1 else None
        last = number
