"""Rows that another process writes into a view: committed as if the writer had written them itself."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from store_maker import bits, by_key, medium, outcome, rows_of, wide_recipe

from vifex.store import RowsThere, ViewWriter, open_rows, open_store, open_writer, row_schema

RECIPE = wide_recipe(8)
SCHEMA = row_schema(RECIPE)
ROWS = 3


def together(numbers: range, edition: int = 0) -> list[pa.RecordBatch]:
    return [rows_of(medium(n, edition), ROWS, RECIPE) for n in numbers]


def outcomes(numbers: range, edition: int = 0) -> list:
    return [outcome(medium(n, edition), ROWS) for n in numbers]


def there(view: ViewWriter) -> RowsThere:
    found = open_rows(view.place(), SCHEMA)
    assert found is not None
    return found


def data_files(store: Path) -> int:
    return len(list((store / "views/main/rows.lance/data").glob("*.lance")))


def filled(store: Path) -> list[object]:
    with open_store(store) as opened:
        assert all(check.ok for check in opened.verify())
        view = opened.view("main")
        ledger = sorted(row["name"] for batch in view.ledger_batches(["name"]) for row in batch.to_pylist())
        return [*bits(by_key(view.to_arrow())), ledger]


def test_written_rows_are_those_that_are_handed_over(folder: Path) -> None:
    with open_writer(folder / "a.vifex") as writer:
        view = writer.view("main", RECIPE)
        view.add_many(outcomes(range(6)), pa.concat_batches(together(range(6))))
        view.add_many(outcomes(range(2), 1), pa.concat_batches(together(range(2), 1)))
    with open_writer(folder / "b.vifex") as writer:
        view = writer.view("main", RECIPE)
        rows = there(view)
        view.add_written(outcomes(range(4)), rows.write(together(range(4))))
        view.add_many(outcomes(range(4, 6)), pa.concat_batches(together(range(4, 6))))
        view.commit()
        # Media that have changed: their old rows go in the same commit.
        view.add_written(outcomes(range(2), 1), rows.write(together(range(2), 1)))
    assert filled(folder / "b.vifex") == filled(folder / "a.vifex")
    with open_store(folder / "b.vifex") as opened:
        assert [check.without_checksum for check in opened.verify()] == [0]


def test_parts_of_a_medium_are_spilled_where_they_belong(folder: Path) -> None:
    long, given = medium(0), [rows_of(medium(0), 2, RECIPE, first=first) for first in (0, 2, 4)]
    with open_writer(folder / "s.vifex") as writer:
        view = writer.view("main", RECIPE)
        rows = there(view)
        part = view.spill_written(None, long.medium_id, rows.write(given[:1]))
        part = view.spill_written(part, long.medium_id, rows.write(given[1:2]))
        view.add(outcome(long, 6), given[2], part)
        discarded = view.spill_written(None, medium(1).medium_id, rows.write(together(range(1, 2))))
        files = data_files(folder / "s.vifex")
        view.discard(discarded)
        assert data_files(folder / "s.vifex") == files - 1
    with open_store(folder / "s.vifex") as opened:
        assert bits(by_key(opened.view("main").to_arrow())) == bits(pa.Table.from_batches(given))


def test_what_no_commit_takes_is_removed_by_the_next_writer(folder: Path) -> None:
    with open_writer(folder / "s.vifex") as writer:
        view = writer.view("main", RECIPE)
        rows = there(view)
        view.add_written(outcomes(range(2)), rows.write(together(range(2))))
        view.commit()
        rows.write(together(range(2, 4)))  # its process was killed before it said so
        assert data_files(folder / "s.vifex") == 2
    before = filled(folder / "s.vifex")
    with open_writer(folder / "s.vifex") as writer:
        writer.view("main", RECIPE)
        assert data_files(folder / "s.vifex") == 1
    assert filled(folder / "s.vifex") == before


def test_extra_columns_beside_written_rows(folder: Path) -> None:
    """The table gets a column that the fragment lacks, in the same commit."""
    with open_writer(folder / "s.vifex") as writer:
        view = writer.view("main", RECIPE)
        rows = there(view)
        written = rows.write(together(range(2)))
        (plain,) = together(range(2, 3))
        schema = row_schema(RECIPE, extra=True)
        columns = [
            plain.column(f.name) if f.name in plain.schema.names else pa.array(['{"a":1}'] * ROWS, f.type)
            for f in schema
        ]
        more = pa.RecordBatch.from_arrays(columns, schema=schema)
        assert rows.fits(plain)
        assert not rows.fits(more)
        view.add_written(outcomes(range(2)), written)
        view.add_many(outcomes(range(2, 3)), more)
        view.commit()
        assert rows.write(together(range(3, 4))).rows == ROWS
        view.add_written(outcomes(range(3, 4)), rows.write(together(range(3, 4))))
        again = view.take_back(rows.write(together(range(4, 5))))
        view.add_many(outcomes(range(4, 5)), again)
    with open_store(folder / "s.vifex") as opened:
        assert all(check.ok for check in opened.verify())
        found = by_key(opened.view("main").to_arrow())
        extra = found.column("extra").to_pylist()
        assert [one for one in extra if one] == ['{"a":1}'] * ROWS
        without = found.drop_columns(["extra"])
    given = pa.Table.from_batches(together(range(5)))
    assert bits(without) == bits(by_key(given.select(without.schema.names)))


def test_rows_are_taken_back(folder: Path) -> None:
    with open_writer(folder / "s.vifex") as writer:
        view = writer.view("main", RECIPE)
        written = there(view).write(together(range(3)))
        assert view.take_back(written).equals(pa.concat_batches(together(range(3))))
        assert data_files(folder / "s.vifex") == 0


def test_a_count_that_does_not_fit_is_refused(folder: Path) -> None:
    with open_writer(folder / "s.vifex") as writer:
        view = writer.view("main", RECIPE)
        with pytest.raises(ValueError, match="2 media: 6 rows announced, 9 written"):
            view.add_written(outcomes(range(2)), there(view).write(together(range(3))))


def test_a_machine_without_the_store_writes_nothing(folder: Path) -> None:
    with open_writer(folder / "s.vifex") as writer:
        place = writer.view("main", RECIPE).place()
        assert open_rows(place, SCHEMA) is not None
        assert open_rows(replace(place, store=str(folder / "nowhere")), SCHEMA) is None
        assert open_rows(replace(place, store_id="another store at the same path"), SCHEMA) is None
        assert open_rows(replace(place, view="other"), SCHEMA) is None


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_machine_that_may_only_read_writes_nothing(folder: Path) -> None:
    with open_writer(folder / "s.vifex") as writer:
        place = writer.view("main", RECIPE).place()
        table = folder / "s.vifex/views/main/rows.lance"
        table.chmod(0o500)
        try:
            assert open_rows(place, SCHEMA) is None
        finally:
            table.chmod(0o700)
