"""What a reader gets: tables, arrays, batches, filters, and sentences for what is wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from store_maker import DIM, bits, medium, outcome, recipe, rows_of

from vifex.store import CommitRule, Store, open_store, open_writer, row_schema
from vifex.values import InputError, StoreError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_writer(tmp_path / "s.vifex") as writer:
        view = writer.view("main", recipe())
        for i in range(10):
            view.add(outcome(medium(i), 5), rows_of(medium(i), 5))
        view.add(outcome(medium(20), 0, "failed"))
        view.add(outcome(medium(21), 0, "skipped"))
        writer.view("empty", recipe())
    with open_store(tmp_path / "s.vifex") as read:
        yield read


def all_rows() -> pa.Table:
    return pa.Table.from_batches([rows_of(medium(i), 5) for i in range(10)])


def test_tables(store: Store) -> None:
    view = store.view()
    assert store.views() == ["empty", "main"]
    assert view.recipe == recipe()
    assert view.columns == ["head_fc", "stages_1"]
    assert view.schema.equals(row_schema(recipe()), check_metadata=True)
    table = view.to_arrow()
    assert table.schema.equals(row_schema(recipe()), check_metadata=True)
    assert bits(table) == bits(all_rows())
    assert view.count_rows() == 50
    some = view.to_arrow(["key", "stages.1", "t_s"], where="split = 'train' AND t_s >= 3")
    assert some.schema.names == ["key", "stages_1", "t_s"]
    assert some.num_rows == view.count_rows("split = 'train' AND t_s >= 3") == 10
    assert view.count_rows("label IS NULL AND name LIKE '%00003.mp4'") == 5


def test_arrays(store: Store) -> None:
    view = store.view()
    vectors = np.stack(all_rows().column("head_fc").to_numpy()).reshape(50, DIM)
    assert view.to_numpy().dtype == np.float32
    np.testing.assert_array_equal(view.to_numpy(), vectors)
    np.testing.assert_array_equal(view.to_numpy("head.fc"), vectors)
    assert view.to_numpy("stages.1").shape == (50, 2, 3, 4)
    assert view.to_numpy("stages_1", where="ordinal = 0").dtype == np.float16
    assert view.to_numpy("stages_1", where="ordinal = 0").shape == (10, 2, 3, 4)
    np.testing.assert_array_equal(view.to_numpy(where="ordinal = 4"), vectors[4::5])
    np.testing.assert_array_equal(view.to_numpy("t_s"), np.tile(np.arange(5.0), 10))


def test_an_empty_view(store: Store) -> None:
    view = store.view("empty")
    assert view.to_arrow().num_rows == 0
    assert view.to_arrow().schema.equals(row_schema(recipe()))
    assert view.to_numpy().shape == (0, DIM)
    assert view.to_numpy("stages.1").shape == (0, 2, 3, 4)
    assert list(view.batches()) == []
    assert view.ledger().num_rows == 0
    assert view.ledger(history=True).column("kind").to_pylist() == ["maintenance", "files"]


def test_batches_and_single_rows(store: Store) -> None:
    view = store.view()
    batches = list(view.batches(["key"], batch_rows=7))
    assert max(b.num_rows for b in batches) <= 7
    keys = [k for b in batches for k in b.column("key").to_pylist()]
    assert keys == all_rows().column("key").to_pylist()
    picked = view.take([49, 3, 3], ["key", "head.fc"])
    assert picked.column("key").to_pylist() == [keys[49], keys[3], keys[3]]
    assert picked.schema.names == ["key", "head_fc"]


def test_the_ledger(store: Store) -> None:
    ledger = store.view().ledger()
    assert ledger.column("status").to_pylist() == ["ok"] * 10 + ["failed", "skipped"]
    assert ledger.column("reason").to_pylist()[-2:] == ["it is failed", "it is skipped"]
    assert set(ledger.column("kind").to_pylist()) == {"medium"}


@pytest.mark.parametrize(
    ("where", "cause"),
    [
        ("nope = 1", "there is no column 'nope'"),
        ("label = ", "breaks off"),
        ("label", "does not return a boolean"),
        ("ordinal = 'x' AND", "breaks off"),
    ],
)
def test_a_wrong_filter_gets_one_sentence(where: str, cause: str, store: Store) -> None:
    view = store.view()
    for ask in (view.count_rows, lambda w: view.to_arrow(where=w), lambda w: view.to_numpy(where=w)):
        with pytest.raises(InputError) as wrong:
            ask(where)
        assert f"the filter {where!r} " in str(wrong.value)
        assert cause in str(wrong.value)
        assert ".rs:" not in str(wrong.value)


def test_names_that_are_not_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no view 'mian'\. Did you mean main\? It has: empty, main"):
        store.view("mian")
    with pytest.raises(InputError, match=r"no column 'head.fd'\. Did you mean head.fc or head_fc\?"):
        store.view().to_arrow(["head.fd"])
    with pytest.raises(StoreError, match="there is no store here"):
        open_store(tmp_path / "absent")
    with pytest.raises(StoreError, match="this folder is no store"):
        open_store(tmp_path)
    (tmp_path / "s.vifex" / "STORE.json").write_text("{")
    with pytest.raises(StoreError, match=r"STORE\.json does not read as one"):
        open_store(tmp_path / "s.vifex")
    (tmp_path / "s.vifex" / "views" / "main" / "recipe.json").write_text("{}")
    with pytest.raises(StoreError, match="recipe of the view 'main' cannot be read"):
        store.view()


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StoreError, match="the store is closed"):
        store.view()


def test_threads_may_share_a_store(store: Store) -> None:
    expected, found = bits(all_rows()), []

    def read() -> None:
        found.extend(bits(store.view().to_arrow()) == expected for _ in range(5))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 20


def test_the_ledger_by_columns_and_filters(tmp_path: Path) -> None:
    """Newest entries alone, whatever fragments they stand in and in whatever order columns are named."""
    store = tmp_path / "s.vifex"
    with open_writer(store, run="{1}", rule=CommitRule(media=2)) as writer:
        view = writer.view("main", recipe())
        for edition in (0, 1):
            for number in range(5):
                status = "failed" if (number + edition) % 2 else "ok"
                rows = 0 if status == "failed" else 2
                what = medium(number, edition)
                view.add(outcome(what, rows, status), rows_of(what, rows) if rows else None)  # type: ignore[arg-type]
    with open_store(store) as read:
        opened = read.view()
        whole = opened.ledger().to_pylist()
        assert [e["mtime_ns"] for e in whole] == [1] * 5
        failed = opened.ledger(columns=["rows", "name"], where="status = 'failed'")
        assert failed.column_names == ["rows", "name"]
        assert failed.to_pylist() == [
            {"rows": e["rows"], "name": e["name"]} for e in whole if e["status"] == "failed"
        ]
        assert opened.ledger(where="mtime_ns = 0").num_rows == 0, "older entries do not count"
        assert opened.ledger(history=True, where="mtime_ns = 0 AND kind = 'medium'").num_rows == 5
        assert opened.ledger(where="name = 'it''s'").num_rows == 0
        assert opened.ledger(columns=["run"]).column(0).to_pylist() == [1] * 5
        assert list(opened.runs().values()) == ["{1}"]
        for wrong in ({"columns": ["rowss"]}, {"columns": []}, {"where": "bogus = 1"}, {"where": "rows >"}):
            with pytest.raises(InputError):
                opened.ledger(**wrong)  # type: ignore[arg-type]
        assert opened.id == read.view().id
