"""Exports: every format gives back what the store holds; files are whole or absent."""

from __future__ import annotations

import csv
import json
import runpy
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vifex.search.export import export
from vifex.store import open_store
from vifex.values import InputError, Recipe

write_store = runpy.run_path(str(Path(__file__).with_name("rows.py")))["write_store"]


def test_npy_is_the_matrix(plain_view, numbers, tmp_path):
    assert export(plain_view, tmp_path / "x.npy", to="npy") == 200
    found = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, numbers)


def test_npy_keeps_shape_and_dtype(make_view, tmp_path):
    x = np.random.default_rng(0).standard_normal((7, 4, 3, 2)).astype(np.float16)
    view = make_view({"stage.1": x, "head": x[:, :, 0, 0]}, dtype="float16")
    export(view, tmp_path / "x.npy", to="npy", column="stage.1")
    found = np.load(tmp_path / "x.npy")
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, x)
    np.testing.assert_array_equal(found, view.to_numpy("stage_1"))


def test_npz_has_vectors_names_keys_and_the_other_columns(plain_view, numbers, tmp_path):
    export(plain_view, tmp_path / "x.npz", to="npz")
    rows = plain_view.to_arrow([n for n in plain_view.schema.names if n != "head"]).to_pylist()
    absent = {"i": np.iinfo(np.int64).min, "U": ""}
    with np.load(tmp_path / "x.npz") as found:
        np.testing.assert_array_equal(found["X"], numbers)
        assert Recipe.from_dict(json.loads(str(found["recipe"]))) == plain_view.recipe
        others = {"names": "name", "keys": "key"}
        read = {others.get(name, name): found[name] for name in found if name not in ("X", "recipe")}
    assert set(rows[0]) - set(read) == {"medium_id", "split"}  # a key begins with the id; no row has a split
    for name, values in read.items():
        wanted = [row[name] for row in rows]
        if values.dtype.kind == "f":
            assert [None if np.isnan(v) else v for v in values.tolist()] == wanted
        else:
            assert [None if v == absent[values.dtype.kind] else v for v in values.tolist()] == wanted


def test_equal_rows_give_equal_npz_files(plain_view, tmp_path):
    for name in ("a.npz", "b.npz"):
        export(plain_view, tmp_path / name, to="npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_parquet_is_the_table(make_view, tmp_path, dtype):
    x = np.random.default_rng(0).standard_normal((40, 6)).astype(dtype)
    view = make_view({"a.b": x, "c": -x}, dtype=dtype, labels=["l"] * 40)
    assert export(view, tmp_path / "x.parquet", to="parquet") == 40
    found = pq.read_table(tmp_path / "x.parquet")
    assert found.equals(view.to_arrow())
    assert found.schema.field("a_b").metadata == view.schema.field("a_b").metadata
    recipe = json.loads(found.schema.metadata[b"vifex.recipe"])
    assert recipe.pop("view") == "main"
    assert Recipe.from_dict(recipe) == view.recipe


def test_parquet_of_one_column_leaves_the_others_out(make_view, tmp_path):
    x = np.eye(4, dtype=np.float32)
    export(make_view({"a": x, "b": x}), tmp_path / "x.parquet", to="parquet", column="b")
    assert [n for n in pq.read_schema(tmp_path / "x.parquet").names if n in ("a", "b")] == ["b"]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_csv_reads_back_to_the_same_numbers(make_view, tmp_path, dtype):
    """Random bit patterns: subnormal, huge and tiny ones, all signs; NaN and infinity too."""
    bits = np.random.default_rng(0).integers(0, 2 ** (8 * np.dtype(dtype).itemsize), (60, 9))
    x = bits.astype(f"u{np.dtype(dtype).itemsize}").view(dtype)
    view = make_view({"head": x}, dtype=dtype)
    export(view, tmp_path / "x.csv", to="csv")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = np.array([[r[f"head_{i}"] for i in range(9)] for r in rows], dtype=np.float64).astype(dtype)
    np.testing.assert_array_equal(found, x)
    assert [r["key"] for r in rows] == view.to_arrow(["key"])["key"].to_pylist()


def test_jsonl_is_json_whatever_the_numbers(plain_view, numbers, tmp_path):
    export(plain_view, tmp_path / "x.jsonl", to="jsonl")
    lines = (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()

    def refuse(word):
        raise AssertionError(word)

    read = [json.loads(line, parse_constant=refuse)["head"] for line in lines]
    found = np.array([[np.nan if n is None else n for n in row] for row in read]).astype(np.float32)
    np.testing.assert_array_equal(found, numbers)


def test_csv_keeps_every_text_as_it_is(make_view, tmp_path):
    names = ['a "b", c.jpg', "=1+1.jpg", "line\nbreak.mp4", "ü 漢字.jpg", r"bad\xff.mp4", "-1"]
    view = make_view({"head": np.ones((18, 2))}, names=names, labels=["", None, "x,y", "=f()", " s ", "1"])
    export(view, tmp_path / "x.csv", to="csv")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["name"] for r in rows] == view.to_arrow(["name"])["name"].to_pylist()
    assert [r["label"] for r in rows] == [t or "" for t in view.to_arrow(["label"])["label"].to_pylist()]
    assert {r["t_s"] for r in rows} == {"", "0", "1", "2", "3", "4"}


def test_csv_numbers_are_the_shortest(make_view, tmp_path):
    export(make_view({"head": np.array([[0.1, 1e-7, 2.0]])}), tmp_path / "x.csv", to="csv")
    assert (tmp_path / "x.csv").read_text().splitlines()[1].endswith(",0.1,1e-7,2")


@pytest.mark.parametrize("to", ["npy", "npz", "parquet", "csv"])
def test_batches_change_no_byte_that_is_read(plain_view, tmp_path, monkeypatch, to):
    whole, cut = tmp_path / f"a.{to}", tmp_path / f"b.{to}"
    export(plain_view, whole, to=to)
    for module in ("npy", "parquet", "csv"):
        monkeypatch.setattr(f"vifex.search.formats.{module}.rows_per_batch", lambda size: 7)
    monkeypatch.setattr("vifex.search.formats.npz._BATCH_ROWS", 7)
    monkeypatch.setattr("vifex.search.formats.parquet._GROUP_BYTES", 1)
    export(plain_view, cut, to=to)
    if to == "parquet":  # groups of rows are cut as they come
        assert pq.read_table(whole).drop_columns("head").equals(pq.read_table(cut).drop_columns("head"))
    else:
        assert whole.read_bytes() == cut.read_bytes()


@pytest.fixture(scope="module")
def wide_view(tmp_path_factory):
    """24 MB in 300 rows."""
    x = np.random.default_rng(1).standard_normal((300, 20_000), np.float32)
    path = write_store(tmp_path_factory.mktemp("wide") / "s.vifex", {"head": x})
    with open_store(path) as store:
        yield store.view("main")


@pytest.mark.parametrize("to", ["npy", "npz", "parquet", "safetensors", "hdf5", "huggingface"])
def test_an_export_holds_no_more_than_some_batches(wide_view, tmp_path, monkeypatch, to):
    """By the books of NumPy and of Arrow; `benchmarks/export_memory.py` measures processes over 5 GiB."""
    monkeypatch.setattr("vifex.search.formats.parquet._GROUP_BYTES", 2 << 20)
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        assert export(wide_view, tmp_path / "x", to=to) == 300
        held = tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)
    assert held < 12 << 20


def test_columns_must_be_named_where_a_file_holds_one(make_view, tmp_path):
    view = make_view({"a": np.ones((2, 2)), "b": np.ones((2, 2))})
    with pytest.raises(InputError, match="2 feature columns, so one must be named"):
        export(view, tmp_path / "x.npy", to="npy")
    assert list(tmp_path.glob("*x.npy*")) == []


def test_an_existing_file_is_kept(plain_view, tmp_path):
    (tmp_path / "x.npy").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        export(plain_view, tmp_path / "x.npy", to="npy")
    assert (tmp_path / "x.npy").read_text() == "mine"
    assert export(plain_view, tmp_path / "x.npy", to="npy", overwrite=True) == 200


def test_an_unknown_format_is_said(plain_view, tmp_path):
    with pytest.raises(InputError, match=r"no export format 'parket'. Did you mean parquet"):
        export(plain_view, tmp_path / "x", to="parket")


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file size are POSIX")
@pytest.mark.parametrize("to", ["npy", "npz", "parquet", "csv", "huggingface", "lance"])
def test_a_file_that_cannot_grow_leaves_nothing(plain_store, tmp_path, to):
    """A limit on the size of files, met by the real writers: one sentence, and no half file."""
    code = f"""
import resource
from pathlib import Path
from vifex.search.export import export
from vifex.store import open_store
from vifex.values import InputError
with open_store({str(plain_store)!r}) as store:
    view = store.view("main")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        export(view, "x.{to}", to="{to}")
    except InputError as exc:
        print(exc)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert "larger than its disk allows" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []
