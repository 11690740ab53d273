"""Files that cannot be imported: one sentence each, before a store is made where that can be seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy

import vifex

X = np.random.default_rng(0).standard_normal((400, 40)).astype(np.float32)
NAMES = [f"{n}.jpg" for n in range(400)]


def table() -> pa.Table:
    return pa.table({"name": NAMES, "vec": pa.FixedSizeListArray.from_arrays(pa.array(X.reshape(-1)), 40)})


WHOLE = {
    "x.npy": lambda p: np.save(p, X),
    "x.npz": lambda p: np.savez(p, x=X),
    "x.parquet": lambda p: pq.write_table(table(), p),
    "x.arrow": lambda p: pa.ipc.new_file(p, table().schema).write_table(table()),
    "x.safetensors": lambda p: safetensors.numpy.save_file({"x": X}, p),
    "x.h5": lambda p: h5py.File(p, "w").create_dataset("x", data=X),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_ends_too_early(name: str, tmp_path: Path) -> None:
    WHOLE[name](tmp_path / name)
    data = (tmp_path / name).read_bytes()
    for size in (0, 7, len(data) // 2, len(data) - 9):
        (tmp_path / name).write_bytes(data[:size])
        with pytest.raises(vifex.InputError) as caught:
            vifex.import_features(tmp_path / name, tmp_path / "s.vifex")
        assert "cannot be read as" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_table_of_text_and_lines_that_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("name,f0,f1,f2\na,1,2,3\nb,1,x,3\n")
    (tmp_path / "x.jsonl").write_text('{"name": "a", "v": [1, 2]}\n{"name": "b", "v": [1, 2')
    (tmp_path / "y.jsonl").write_text('{"name": "a", "v": [1, 2]}\n{"name": "b", "v": [1, 2, 3]}\n')
    for name, words in (
        ("x.csv", "cannot be read as a table of text"),
        ("x.jsonl", "cannot be read as JSONL"),
        ("y.jsonl", "row 1 has 3 numbers in 'v', and the rows before it have 2"),
    ):
        with pytest.raises(vifex.InputError, match=words):
            vifex.import_features(tmp_path / name, tmp_path / f"{name}.vifex")


def test_a_lance_table_without_its_data(tmp_path: Path) -> None:
    lance.write_dataset(table(), str(tmp_path / "x.lance"))
    for file in (tmp_path / "x.lance" / "data").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(vifex.InputError, match="this Lance table cannot be read"):
        vifex.import_features(tmp_path / "x.lance", tmp_path / "s.vifex")


def write(to: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), to)
    return to


def test_rows_that_cannot_be_stored(tmp_path: Path) -> None:
    vec, abc = [[1.0, 2.0]] * 3, ["a", "b", "c"]
    cases = {
        "no array with a vector": write(tmp_path / "a.parquet", name=abc, label=["x", "y", "z"]),
        "row 1 has no vector": write(tmp_path / "b.parquet", name=abc, v=[[1.0, 2.0], None, [3.0, 4.0]]),
        "rows of a are in several places, the second at row 2": write(
            tmp_path / "c.parquet", name=["a", "b", "a"], v=vec
        ),
        "path and video may both name the file": write(tmp_path / "d.parquet", path=abc, video=abc, v=vec),
        "row 1 does not say of which medium it is": write(
            tmp_path / "e.parquet", path=["a", None, "c"], v=vec
        ),
        "the column 't_s' has values that are no numbers": write(
            tmp_path / "f.parquet", path=abc, t_s=["0", "soon", "2"], v=vec
        ),
    }
    for words, path in cases.items():
        with pytest.raises(vifex.InputError, match=words):
            vifex.import_features(path, tmp_path / f"{path.stem}.vifex")
    report = vifex.import_features(
        tmp_path / "d.parquet", tmp_path / "d.vifex", names="video", on_notice=lambda notice: None
    )
    assert report.media == 3


def test_arrays_that_are_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.arange(5.0))
    np.save(tmp_path / "fortran.npy", np.asfortranarray(X))
    np.savez(tmp_path / "objects.npz", x=np.array([{"a": 1}, None], dtype=object))
    np.savez(tmp_path / "unlike.npz", a=X, b=X[:3])
    for name, words in (
        ("flat.npy", r"the array has the shape \[5\]"),
        ("fortran.npy", "it is in Fortran's order"),
        ("objects.npz", "it holds Python objects"),
        ("unlike.npz", "the arrays have different numbers of rows: a 400, b 3"),
    ):
        with pytest.raises(vifex.InputError, match=words):
            vifex.import_features(tmp_path / name, tmp_path / "s.vifex")
    assert not (tmp_path / "s.vifex").exists()


def test_choices_that_do_not_fit(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "short.txt").write_text("\n".join(NAMES[:399]))
    (tmp_path / "notes.md").write_text("# notes")
    cases: list[tuple[str, Any, dict[str, Any]]] = [
        ("it has 399 lines, and x.npy has 400 rows", "x.npy", {"media": tmp_path / "short.txt"}),
        ("there is no such file or folder", "y.npy", {}),
        ("there is no such file or folder", "x.npy", {"media": tmp_path / "gone"}),
        (r"\.md is no format of features", "notes.md", {}),
        ("no column of vectors 'head'", "x.npy", {"columns": "head"}),
        ("the file has no column 'path'", "x.npy", {"names": "path"}),
    ]
    for words, name, options in cases:
        with pytest.raises(vifex.InputError, match=words):
            vifex.import_features(tmp_path / name, tmp_path / "s.vifex", **options)
    with pytest.raises(vifex.InputError, match="the file is named twice"):
        vifex.import_features([tmp_path / "x.npy", tmp_path / "x.npy"], tmp_path / "s.vifex")
    assert not (tmp_path / "s.vifex").exists()
    vifex.import_features(tmp_path / "x.npy", tmp_path / "s.vifex", on_notice=lambda notice: None)
    with pytest.raises(vifex.InputError, match="this is a store, not a file of features"):
        vifex.import_features(tmp_path / "s.vifex", tmp_path / "t.vifex")
    with pytest.raises(vifex.InputError, match="this lies inside a store"):
        vifex.import_features(tmp_path / "x.npy", tmp_path / "s.vifex" / "t.vifex")


def test_a_dataset_of_which_a_file_is_gone_or_lies_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (tmp_path / "outside.arrow").write_bytes(b"")
    for name in ("gone.arrow", "../outside.arrow"):
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
        with pytest.raises(vifex.InputError, match="a file of the dataset is not there"):
            vifex.import_features(folder, tmp_path / "s.vifex")
