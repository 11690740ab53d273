"""Exports read back by the libraries of their formats, and files for each medium by NumPy alone."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from safetensors import safe_open

import vifex


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, shared_media: Path) -> Path:
    """Images and a video, with names in folders, labels, and two layers."""
    folder = tmp_path_factory.mktemp("formats")
    media = folder / "media"
    (media / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.png", "a.jpg", "sub/ä.png"):
        Image.fromarray(rng.integers(0, 255, (40, 50, 3), np.uint8)).save(media / name)
    (media / "clip.mp4").write_bytes((shared_media / "good" / "clip-h264-bframes.mp4").read_bytes())
    vifex.extract(
        media, folder / "s.vifex", fps=2, layers=["stages.6", "embedding"], pool="none", dtype="float16"
    )
    vifex.label(folder / "s.vifex", {"a.png": "x"})
    return folder / "s.vifex"


def rows_of(store: Path) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    with vifex.open(store) as opened:
        vectors = {name: opened.to_numpy(name) for name in opened.columns}
        plain = opened.to_arrow([n for n in opened.schema.names if n not in opened.columns])
    return plain.to_pylist(), vectors


def test_jsonl_reads_back_to_the_same_numbers(store: Path, tmp_path: Path) -> None:
    with vifex.open(store) as opened:
        opened.export(tmp_path / "a.jsonl", to="jsonl")
    rows, vectors = rows_of(store)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    for column, wanted in vectors.items():
        read = np.array([line.pop(column) for line in lines], np.float16).reshape(wanted.shape)
        np.testing.assert_array_equal(read, wanted)
    assert lines == rows


def test_safetensors_reads_back(store: Path, tmp_path: Path) -> None:
    with vifex.open(store) as opened:
        opened.export(tmp_path / "a.safetensors", to="safetensors")
    rows, vectors = rows_of(store)
    with safe_open(tmp_path / "a.safetensors", "numpy") as file:
        for column, wanted in vectors.items():
            np.testing.assert_array_equal(file.get_tensor(column), wanted)
        assert json.loads(file.metadata()["names"]) == [row["name"] for row in rows]
        assert json.loads(file.metadata()["keys"]) == [row["key"] for row in rows]
        times = np.array([np.nan if row["t_s"] is None else row["t_s"] for row in rows])
        np.testing.assert_array_equal(file.get_tensor("t_s"), times)
        assert file.get_tensor("ordinal").tolist() == [row["ordinal"] for row in rows]


def test_safetensors_has_the_texts_that_rows_state(store: Path, tmp_path: Path) -> None:
    with vifex.open(store) as opened:
        opened.export(tmp_path / "a.safetensors", to="safetensors")
    rows, _ = rows_of(store)
    with safe_open(tmp_path / "a.safetensors", "numpy") as file:
        for column in ("uri", "label", "time_base"):
            data, ends = file.get_tensor(f"{column}.utf8").tobytes(), file.get_tensor(f"{column}.offsets")
            texts = [data[start:end].decode() for start, end in itertools.pairwise(ends)]
            assert texts == [row[column] or "" for row in rows]
        assert "split.utf8" not in file.keys()  # noqa: SIM118 - it is no dictionary
        absent = np.iinfo(np.int64).min
        assert file.get_tensor("pts").tolist() == [absent if r["pts"] is None else r["pts"] for r in rows]


def test_lance_reads_the_table_by_itself(store: Path, tmp_path: Path) -> None:
    with vifex.open(store) as opened:
        rows = opened.export(tmp_path / "a.lance", to="lance")
        wanted, recipe = opened.to_arrow(), opened.recipe
    found = lance.dataset(str(tmp_path / "a.lance"))
    assert found.count_rows() == rows == wanted.num_rows
    assert found.to_table().equals(wanted)
    assert vifex.Recipe.from_dict(json.loads(found.schema.metadata[b"vifex.recipe"])) == recipe


def test_huggingface_has_features_that_fit_its_files(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layout and the words of `datasets`, whose versions 3.6 and 5.2 read such a folder."""
    monkeypatch.setattr("vifex.search.formats.huggingface._FILE_BYTES", 20_000)
    monkeypatch.setattr("vifex.search.formats.huggingface.rows_per_batch", lambda size: 2)
    with vifex.open(store) as opened:
        rows = opened.export(tmp_path / "a", to="huggingface", column="embedding")
        wanted = opened.to_arrow([n for n in opened.schema.names if n != "stages_6"])
    state = json.loads((tmp_path / "a" / "state.json").read_text())
    names = [one["filename"] for one in state["_data_files"]]
    assert len(names) > 1
    assert sorted([*names, "state.json", "dataset_info.json"]) == sorted(
        p.name for p in (tmp_path / "a").iterdir()
    )
    tables = [pa.ipc.open_stream(tmp_path / "a" / name).read_all() for name in names]
    assert pa.concat_tables(tables).num_rows == rows
    assert pa.concat_tables(tables).cast(wanted.schema).equals(wanted)
    features = json.loads((tmp_path / "a" / "dataset_info.json").read_text())["features"]
    for table in tables:
        assert json.loads(table.schema.metadata[b"huggingface"])["info"]["features"] == features
    for field in tables[0].schema:
        said = features[field.name]
        if said["_type"] == "Sequence":
            kind = pa.list_(getattr(pa, said["feature"]["dtype"])(), said["length"])
        else:
            kind = getattr(pa, said["dtype"])()
        assert field.type == kind, field


@pytest.mark.parametrize("to", ["huggingface", "lance"])
def test_only_a_folder_of_an_export_is_replaced(store: Path, tmp_path: Path, to: str) -> None:
    target = tmp_path / "out"
    target.mkdir()
    with vifex.open(store) as opened:
        rows = opened.export(target, to=to)  # an empty folder may be there
        with pytest.raises(vifex.InputError, match="this folder has files"):
            opened.export(target, to=to)
        assert opened.export(target, to=to, where="ordinal = 0", overwrite=True) < rows
        mine = tmp_path / "mine"
        mine.mkdir()
        (mine / "thesis.txt").write_text("mine")
        with pytest.raises(vifex.InputError, match="is not such an export"):
            opened.export(mine, to=to, overwrite=True)
        with pytest.raises(vifex.InputError, match="lies inside a store"):
            opened.export(store / "x", to=to)
        with pytest.raises(vifex.InputError, match="lies inside a store"):
            opened.export(store, to=to, overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "out"]
    assert (mine / "thesis.txt").read_text() == "mine"


def test_rows_without_vectors(store: Path, tmp_path: Path) -> None:
    with vifex.open(store) as opened:
        plain = [n for n in opened.schema.names if n not in opened.columns]
        opened.export(tmp_path / "a.parquet", to="parquet", vectors=False)
        assert pq.read_table(tmp_path / "a.parquet").equals(opened.to_arrow(plain))
        with pytest.raises(vifex.InputError, match="a file of npy holds nothing without vectors"):
            opened.export(tmp_path / "a.npy", to="npy", vectors=False)


def test_hdf5_reads_back(store: Path, tmp_path: Path) -> None:
    with vifex.open(store) as opened:
        opened.export(tmp_path / "a.h5", to="hdf5")
    rows, vectors = rows_of(store)
    with h5py.File(tmp_path / "a.h5") as file:
        for column, wanted in vectors.items():
            np.testing.assert_array_equal(file[column][...], wanted)
            assert file[column].dtype == np.float16
        assert [text.decode() for text in file["name"]] == [row["name"] for row in rows]
        assert [text.decode() for text in file["label"]] == [row["label"] or "" for row in rows]
        absent = np.iinfo(np.int64).min
        assert file["frame_index"][...].tolist() == [
            absent if row["frame_index"] is None else row["frame_index"] for row in rows
        ]
        assert json.loads(file.attrs["vifex.recipe"])["view"] == "main"


READ = """
import json, sys
from pathlib import Path
import numpy as np
found = {}
for path in sorted(Path(sys.argv[1]).rglob("*.npy")):
    array = np.load(path)
    name = path.relative_to(sys.argv[1]).as_posix()
    found[name] = [list(array.shape), str(array.dtype), array.ravel()[:3].tolist()]
print(json.dumps(found))
"""


def test_a_file_for_each_medium_is_read_by_numpy_alone(
    store: Path, tmp_path: Path, vifex_command: Callable[..., Any]
) -> None:
    done = vifex_command(
        "export", store, "-o", f"{tmp_path / 'out'}/", "--each", "medium", "--column", "embedding"
    )
    assert done.returncode == 0, done.stderr
    assert "4 media" in done.stdout
    read = subprocess.run(
        [sys.executable, "-I", "-c", READ, tmp_path / "out"], capture_output=True, text=True, check=True
    )
    found = json.loads(read.stdout)
    rows, vectors = rows_of(store)
    of_clip = [i for i, row in enumerate(rows) if row["name"] == "clip.mp4"]
    model = "vifex-small-1"
    assert sorted(found) == [
        f"a.jpg_{model}.npy",
        f"a.png_{model}.npy",
        "clip_fps.npy",
        "clip_timestamps_ms.npy",
        f"clip_{model}.npy",
        f"sub/ä_{model}.npy",
    ]
    assert found[f"clip_{model}.npy"] == [
        [len(of_clip), 512],
        "float16",
        vectors["embedding"][of_clip[0]][:3].tolist(),
    ]
    assert found["clip_fps.npy"] == [[], "float64", [2.0]]
    assert found["clip_timestamps_ms.npy"][2] == [1000 * rows[i]["t_s"] for i in of_clip[:3]]
    again = vifex_command("export", store, "-o", tmp_path / "out", "--each", "medium")
    assert again.returncode == 4
    assert "this folder has files" in again.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_npz_for_each_medium_with_all_layers(store: Path, tmp_path: Path) -> None:
    with vifex.open(store) as opened:
        assert opened.export_each_medium(tmp_path / "out", to="npz", where="name = 'clip.mp4'") == 1
        columns = opened.columns
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
        f"clip_vifex-small-1_{column}.npz" for column in columns
    )
    one = np.load(tmp_path / "out" / f"clip_vifex-small-1_{columns[0]}.npz")
    assert sorted(one.files) == ["features", "fps", "timestamps_ms"]
    assert len(one["features"]) == len(one["timestamps_ms"])


def test_names_that_lead_out_stay_inside(tmp_path: Path) -> None:
    outside = tmp_path / "x" / "1.png"
    outside.parent.mkdir()
    Image.new("RGB", (32, 32), "red").save(outside)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "list.csv").write_text(f"uri\n../x/1.png\n{outside.parent / '../x/1.png'}\n")
    vifex.extract(tmp_path / "m" / "list.csv", tmp_path / "s.vifex")
    with vifex.open(tmp_path / "s.vifex") as opened:
        opened.export_each_medium(tmp_path / "out")
    written = [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.npy")]
    assert written
    assert all(name.startswith("out/") for name in written)


def test_another_kind_of_file_is_refused(store: Path, tmp_path: Path) -> None:
    with vifex.open(store) as opened, pytest.raises(vifex.InputError, match="takes 'npy' or 'npz'"):
        opened.export_each_medium(tmp_path / "out", to="csv")  # type: ignore[arg-type]
