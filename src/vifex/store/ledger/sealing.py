"""Sealing the entries of one commit: they get its number, and a checksum that covers the commits before."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa

from vifex.store.schema import LEDGER_SCHEMA, Entries, files_entry, run_entry, time_entry

__all__ = ["FIRST", "Seal", "checksum", "seal", "with_checksum"]

FIRST: Final = "0" * 32
"""The checksum that stands before the first commit."""

_NO_FILES: Final[Mapping[str, str]] = {}

_JSON: Final = json.JSONEncoder(separators=(",", ":"))
_BETWEEN: Final = ""
"""Stands between two lines that are encoded together..."""
_BOUNDARY: Final = '],"",['
"""... and makes this of their ends. Nothing else does: the values are no lists, and a quote in a text has a
backslash before it."""
_TEXTS: Final = ("name", "uri", "reason")
"""Columns of free text."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seal:
    """What the last commit of a ledger says of itself."""

    commit: int
    checksum: str
    rows_version: int
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Checksums of files of the rows that came with it, by their paths; empty in old stores."""


def checksum(before: str, entries: pa.RecordBatch | pa.Table) -> str:
    """Return the hash of the entries of one commit on top of the checksum of the commit before.

    Each entry is one JSON line: its values in the order of the columns, without the checksum.
    """
    digest = hashlib.blake2b(before.encode(), digest_size=16)
    columns = [entries.column(name).to_pylist() for name in entries.schema.names if name != "checksum"]
    if not entries.num_rows:
        return digest.hexdigest()
    lines: list[object] = [_BETWEEN] * (2 * entries.num_rows - 1)
    lines[::2] = zip(*columns, strict=True)
    # All lines at once: a call for each takes several times as long, and holds up the other threads.
    text = _JSON.encode(lines)[1:-1].replace(_BOUNDARY, "]\n[") + "\n"
    digest.update(text.encode())
    return digest.hexdigest()


def seal(
    entries: Entries,
    before: Seal,
    rows_version: int,
    files: Mapping[str, str] = _NO_FILES,
    *,
    run: int = 0,
    run_text: str = "",
    unix_s: float | None = None,
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
        unix_s: When the commit is made, in seconds since 1970; one more entry holds it. `None` leaves it out.
    """
    commit, recipe_hash = before.commit + 1, entries["recipe_hash"][0]
    more = [] if unix_s is None else [time_entry(unix_s, recipe_hash)]
    more += [files_entry(files, recipe_hash)] if files else []
    if run_text:
        run, more = commit, [*more, run_entry(run_text, recipe_hash)]
    for entry in more:
        entries = {name: [*values, *entry[name]] for name, values in entries.items()}
    count = len(entries["medium_id"])
    given = {**entries, **{name: _as_texts(entries[name]) for name in _TEXTS}}
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


def _as_texts(texts: Sequence[str]) -> Sequence[str]:
    return texts if "".join(texts).isascii() else [_as_text(text) for text in texts]


def _as_text(text: str) -> str:
    """Return a text of an entry; what a message quoted from the bytes of a name becomes plain text."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
