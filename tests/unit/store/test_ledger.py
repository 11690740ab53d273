"""Entries are sealed commit by commit, and a version that lacks anything does not prove itself."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pytest
from store_maker import medium, outcome

from vifex.store.files.faults import BrokenTableError
from vifex.store.files.lance_adapter import Table
from vifex.store.ledger.entries import commits_since_maintenance, newest_mask, read_entries, runs_of
from vifex.store.ledger.finished import FinishedMedia
from vifex.store.ledger.proving import prove
from vifex.store.ledger.sealing import FIRST, Seal, seal
from vifex.store.schema import (
    LEDGER_SCHEMA,
    Entries,
    deleted_entries,
    maintenance_entry,
    media_entries,
)


def entry(number: int, edition: int = 0, **changes: object) -> Entries:
    made = media_entries([outcome(medium(number, edition), 3)], "r")
    return {**made, **{name: [value] for name, value in changes.items()}}


def together(*entries: Entries) -> Entries:
    return {name: [value for e in entries for value in e[name]] for name in entries[0]}


def ledger_of(path: Path, *commits: list[Entries]) -> Table:
    table, last = Table.create(path, LEDGER_SCHEMA), Seal(0, FIRST, 0)
    for number, entries in enumerate(commits):
        batch, last = seal(together(*entries), last, rows_version=10 + number)
        table = table.commit(table.write([batch], LEDGER_SCHEMA))
    return table


def test_the_checksum_is_what_the_format_says() -> None:
    """Computed here by hand from the text of docs/store-format.md."""
    hostile = 'a "quoted"]\n[\r\\n],["line],"",[],'
    batch, last = seal(
        together(entry(1, wall_s=1, reason=hostile), entry(2, reason="f\u00fcr \udcff")),
        Seal(4, "ab" * 16, 9),
        rows_version=7,
    )
    digest = hashlib.blake2b(b"ab" * 16, digest_size=16)
    for row in batch.to_pylist():
        values = [row[name] for name in LEDGER_SCHEMA.names[:-1]]
        assert (values[14], values[18]) == (7, 5)
        digest.update((json.dumps(values, separators=(",", ":")) + "\n").encode())
    assert batch.column("checksum").to_pylist() == [digest.hexdigest()] * 2
    assert last == Seal(5, digest.hexdigest(), 7)
    assert batch.column("wall_s")[0].as_py() == 1.0
    assert batch.column("reason")[1].as_py() == "für \\udcff"


def test_a_ledger_proves_itself(tmp_path: Path) -> None:
    table = ledger_of(tmp_path / "l", [entry(1)], [entry(2), entry(3)], [entry(1, 1)])
    last = prove(table)
    assert (last.commit, last.rows_version) == (3, 12)
    assert prove(Table.open(table.path, 3)).commit == 2


@pytest.mark.parametrize("lost", ["nothing", "a commit", "an entry", "the first", "a word"])
def test_a_ledger_that_lacks_something_does_not(lost: str, tmp_path: Path) -> None:
    whole = ledger_of(tmp_path / "whole", [entry(1)], [entry(2), entry(3)], [entry(4), entry(5)])
    rows = pa.Table.from_batches(whole.scan()).to_pylist()
    kept = {
        "nothing": rows,
        "a commit": [r for r in rows if r["commit"] != 2],
        "an entry": rows[:-1],
        "the first": rows[1:],
        "a word": [*rows[:-1], rows[-1] | {"status": "partial"}],
    }[lost]
    copy = Table.create(tmp_path / "copy", LEDGER_SCHEMA)
    copy = copy.commit(copy.write([pa.RecordBatch.from_pylist(kept, LEDGER_SCHEMA)], LEDGER_SCHEMA))
    if lost == "nothing":
        assert prove(copy) == prove(whole)
    else:
        with pytest.raises(BrokenTableError):
            prove(copy)


def test_an_empty_ledger_does_not_prove_itself(tmp_path: Path) -> None:
    with pytest.raises(BrokenTableError, match="no entry"):
        prove(Table.create(tmp_path / "l", LEDGER_SCHEMA))


def test_the_newest_entry_counts(tmp_path: Path) -> None:
    merged = maintenance_entry("merged", "r")
    table = ledger_of(tmp_path / "l", [entry(1), entry(2)], [merged], [entry(1, 5)], [entry(3)])
    newest = FinishedMedia(lambda: table)
    assert list(newest) == [medium(i).medium_id for i in (2, 1, 3)]
    assert newest[medium(1).medium_id].size_bytes == 1005
    first, _ = seal(together(entry(1), entry(2)), Seal(0, FIRST, 0), rows_version=10)
    assert dataclasses.asdict(newest[medium(2).medium_id]) == first.to_pylist()[1]
    assert medium(9).medium_id not in newest
    assert "no id" not in newest
    mask = newest_mask(table)
    assert mask.tolist() == [False, True, False, True, True]
    read = pa.Table.from_batches(read_entries(table, ["mtime_ns", "name"], mask=mask))
    assert read.column("mtime_ns").to_pylist() == [0, 5, 0]
    assert commits_since_maintenance(table, prove(table)) == 2
    batch, _ = seal(entry(2, 8), prove(table), 1)
    newest.update(batch)
    table = table.commit(table.write([batch], LEDGER_SCHEMA))
    assert newest[medium(2).medium_id].mtime_ns == 8
    assert len(newest) == 3


def test_a_deleted_medium_has_no_newest_entry(tmp_path: Path) -> None:
    gone = deleted_entries(entry(1))
    table = ledger_of(tmp_path / "l", [entry(1), entry(2)], [gone])
    finished = FinishedMedia(lambda: table)
    assert list(finished) == [medium(2).medium_id]
    assert newest_mask(table).tolist() == [False, True, False]
    batch, _ = seal(entry(1), prove(table), 1)
    finished.update(batch)
    assert list(finished) == [medium(2).medium_id, medium(1).medium_id]


def test_the_text_of_a_run_stands_in_the_ledger_once(tmp_path: Path) -> None:
    table, last, run = Table.create(tmp_path / "l", LEDGER_SCHEMA), Seal(0, FIRST, 0), 0
    for number, text in enumerate(["", "{1}", "", "", "{2}", ""]):
        batch, last = seal(entry(number), last, 1, run=run, run_text=text)
        run = last.commit if text else run
        table = table.commit(table.write([batch], LEDGER_SCHEMA))
    assert runs_of(table) == {2: "{1}", 5: "{2}"}
    entries = pa.Table.from_batches(read_entries(table, ["run"], mask=newest_mask(table)))
    assert entries.column("run").to_pylist() == [0, 2, 2, 2, 5, 5]
