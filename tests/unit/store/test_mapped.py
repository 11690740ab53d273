"""Mapped columns hold what Lance reads, in the same order, and say where they cannot be mapped."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vifex.store import View, open_store
from vifex.store.files.lance_adapter import Table
from vifex.store.reading import mapped as mapped_module
from vifex.store.reading.mapped import _pages, map_column, row_places
from vifex.values import StoreError

ROWS = runpy.run_path(str(Path(__file__).parents[1] / "search" / "rows.py"))
D = 256


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., View]]:
    with ExitStack() as stack:

        def write(vectors: np.ndarray, **options: Any) -> View:
            path = ROWS["write_store"](tmp_path / "s.vifex", {"head": vectors}, **options)
            return stack.enter_context(open_store(path)).view("main")

        yield write


def numbers(n: int, size: int = D) -> np.ndarray:
    return np.random.default_rng(n).standard_normal((n, size)).astype(np.float32)


def live_rows(view: View) -> np.ndarray:
    mapped = view.mapped("head")
    assert mapped is not None
    return np.concatenate([p.rows if p.live is None else p.rows[p.live] for p in mapped.parts])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("commits", [1, 4])
def test_a_mapped_column_equals_what_is_read(make, dtype, commits):
    view = make(numbers(300), dtype=dtype, commits=commits)
    np.testing.assert_array_equal(live_rows(view), view.to_numpy("head"))
    mapped = view.mapped("head")
    assert len(mapped) == view.count_rows() == 300
    assert all(not p.rows.flags.writeable and p.rows.dtype == dtype for p in mapped.parts)
    assert [p.place for p in mapped.parts] == np.cumsum([0, *(p.count for p in mapped.parts[:-1])]).tolist()


def test_a_column_of_several_pages_is_mapped_whole(make):
    """Lance begins a new page about every 8 MiB."""
    view = make(numbers(5000, 1024), dtype="float32")
    assert len(view.mapped("head").parts) > 1
    np.testing.assert_array_equal(live_rows(view), view.to_numpy("head"))


def test_short_vectors_are_not_mapped(make):
    assert make(numbers(300, 4), dtype="float16").mapped("head") is None


def test_a_column_is_mapped_once_and_not_where_too_many_files_would_stay_open(make, monkeypatch):
    view = make(numbers(300), commits=3)
    assert view.mapped("head") is view.mapped("head")
    monkeypatch.setattr(mapped_module, "_MOST_FILES", 0)
    assert make(numbers(300)).mapped("head") is None


def test_an_empty_view_is_mapped(make):
    mapped = make(numbers(0)).mapped("head")
    assert mapped is not None
    assert len(mapped) == 0


@pytest.mark.parametrize("gone", [[0], [1, 2, 29], [59], [*range(30)], [5, 31, 32]])
def test_deleted_rows_are_left_out(tmp_path, gone):
    """Of two fragments of 30 rows."""
    x = numbers(60)
    schema = pa.schema([("n", pa.int64()), ("head", pa.list_(pa.float32(), D))])
    table = Table.create(tmp_path / "t.lance", schema)
    for start in (0, 30):
        flat = pa.FixedSizeListArray.from_arrays(pa.array(x[start : start + 30].reshape(-1)), D)
        batch = pa.record_batch([pa.array(range(start, start + 30), pa.int64()), flat], schema=schema)
        table = table.commit(new=table.write([batch], schema))
    ids = [fragment.id for fragment in table.fragments()]
    addresses = np.array([(ids[n // 30] << 32) + n % 30 for n in gone], np.uint64)
    changed, lost = table.delete_rows(addresses)
    table = table.commit([], changed, lost)
    kept = [n for n in range(60) if n not in gone]
    mapped = map_column(table, "head")
    rows = np.concatenate([p.rows if p.live is None else p.rows[p.live] for p in mapped.parts])
    np.testing.assert_array_equal(rows, x[kept])
    assert len(mapped) == table.count() == len(kept)
    for where in ("n % 3 = 0", "n > 50", "n >= 0", "n < 0"):
        places = np.concatenate([np.empty(0, np.int64), *row_places(table, where)])
        numbered = [n for batch in table.scan(["n"], where=where) for n in batch.column(0).to_pylist()]
        assert [kept[place] for place in places] == numbered
        selected = [(rows, places[part]) for rows, part in mapped.select(places)]
        assert sum(len(rows) for rows, _ in selected) == len(numbered)
        for rows, some in selected:
            np.testing.assert_array_equal(rows, x[[kept[place] for place in some]])


@pytest.mark.parametrize("where", ["ordinal = 0", "t_s >= 2", "name = 'm3.mp4'", "ordinal > 99"])
def test_rows_that_pass_a_filter_are_found_by_place(make, where):
    view = make(numbers(300), commits=3)
    keys = view.to_arrow(["key"]).column(0).to_pylist()
    places = view.places(where)
    assert [keys[place] for place in places] == view.to_arrow(["key"], where).column("key").to_pylist()
    rows = [rows for rows, _ in view.mapped("head").select(places)]
    np.testing.assert_array_equal(np.concatenate([numbers(0), *rows]), view.to_numpy("head", where))


def test_a_file_that_is_cut_short_is_an_error_not_a_crash(tmp_path):
    """Touching a map behind the end of its file would end the process by a signal."""
    file = tmp_path / "x.lance"
    file.write_bytes(bytes(100))
    with pytest.raises(StoreError, match=r"x\.lance"):
        list(_pages([(file, 64, 10)], np.dtype("<f4"), 1))
