"""Files of other tools, written by their own libraries: which fields are understood, and what is told."""

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
from vifex.importing.formats.csv import vectors_of

X = np.random.default_rng(7).standard_normal((4, 6))
ROWS = X.astype(np.float32)
FILE = "data-00000-of-00001.arrow"
PATHS = ["a/1.jpg", "a/1.jpg", "b.mp4", "c.wav"]


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder with the files of two of three media."""
    folder = tmp_path / "media"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "1.jpg").write_bytes(b"an image")
    (folder / "b.mp4").write_bytes(b"a video")
    return folder


def imported(path: Path, **options: Any) -> tuple[vifex.ImportReport, Any, list[dict[str, Any]], Any]:
    """Import a file; give the report, the rows, the ledger and the vectors of the first column."""
    store = path.parent / "imported.vifex"
    report = vifex.import_features(path, store, on_notice=lambda notice: None, **options)
    with vifex.open(store) as opened:
        table = opened.to_arrow()
        vectors = opened.to_numpy(opened.columns[0])
        return report, table, opened.ledger().to_pylist(), vectors


def write_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["all/embedding"] = X
        file["all/paths"] = PATHS
        file["all/labels"] = np.array([1, 1, 2, 3])


def write_dataset(path: Path) -> None:
    """As `Dataset.save_to_disk` writes it, with classes as numbers."""
    features = {
        "image_path": {"dtype": "string", "_type": "Value"},
        "embedding": {"feature": {"dtype": "float64", "_type": "Value"}, "_type": "List"},
        "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
    }
    columns = {"image_path": PATHS, "embedding": X.tolist(), "label": [0, 0, 1, None]}
    table = pa.table(columns).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    path.mkdir()
    with pa.ipc.new_stream(path / FILE, table.schema) as writer:
        writer.write_table(table)
    state = {"_data_files": [{"filename": FILE}], "_split": None}
    (path / "state.json").write_text(json.dumps(state))


def columns(**names: Any) -> pa.Table:
    return pa.table({"file_name": PATHS, "class": ["cat", "cat", "dog", None], "vec": X.tolist(), **names})


WRITERS = {
    "t.npz": lambda p: np.savez(
        p, embeddings=X, paths=np.array(PATHS), labels=np.array(["cat", "cat", "dog", ""])
    ),
    "t.parquet": lambda p: pq.write_table(columns(), p),
    "t.lance": lambda p: lance.write_dataset(columns(), str(p)),
    "t.jsonl": lambda p: p.write_text("".join(json.dumps(row) + "\n" for row in columns().to_pylist())),
    "t.h5": write_hdf5,
    "t.safetensors": lambda p: safetensors.numpy.save_file({"emb": X, "label": np.arange(4)}, p),
    "t.csv": lambda p: np.savetxt(
        p,
        np.column_stack([PATHS, X]),
        "%s",
        ",",
        header="video," + ",".join(f"f{i}" for i in range(6)),
        comments="",
    ),
    "t": write_dataset,
}
LABELS = {
    "t.h5": ["1", "1", "2", "3"],
    "t.safetensors": ["0", "1", "2", "3"],
    "t.csv": [None] * 4,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_of_another_tool(name: str, media: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    if name == "t.safetensors":  # tensors alone: a list names the rows
        (tmp_path / "list.txt").write_text("\n".join(PATHS))
        report, table, ledger, vectors = imported(path, media=[media, tmp_path / "list.txt"])
    else:
        report, table, ledger, vectors = imported(path, media=media)
    np.testing.assert_array_equal(vectors, ROWS)
    assert (report.media, report.rows, report.without_address) == (3, 4, 1)
    assert table["name"].to_pylist() == PATHS
    assert table["ordinal"].to_pylist() == [0, 1, 0, 0]
    assert table["label"].to_pylist() == LABELS.get(name, ["cat", "cat", "dog", None])
    by_name = {entry["name"]: entry for entry in ledger}
    assert by_name["a/1.jpg"]["uri"] == (media / "a" / "1.jpg").as_uri()
    assert by_name["a/1.jpg"]["size_bytes"] == 8
    assert by_name["a/1.jpg"]["content_hash"]
    assert by_name["c.wav"]["uri"] == "unknown:c.wav"
    assert "model" in report.missing
    assert report.can_query is False
    if name not in ("t.csv", "t.jsonl"):  # texts have no other type
        assert any("is stored as float32" in notice for notice in report.notices)


def test_times_frames_and_boxes_of_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    more = {"timestamp_ms": [0.0, 40.0, 1500.0, None], "frame": [0, 1, 45, None], "score": [1, 2, 3, 4]}
    boxes = [[1.0, 2.0, 10.0, 20.0], [0.0, 0.0, 5.5, 5.0], None, [3.0, 3.0, 1.0, 1.0]]
    pq.write_table(columns(**more, bbox=pa.array(boxes, pa.list_(pa.float64()))), path)
    report, table, _, vectors = imported(path, columns="vec")
    assert vectors.shape == (4, 6)
    assert table["t_s"].to_pylist() == [0.0, 0.04, 1.5, None]
    assert table["frame_index"].to_pylist() == [0, 1, 45, None]
    corners = [table[side].to_pylist() for side in ("x0", "y0", "x1", "y1")]
    assert list(zip(*corners, strict=True)) == [(1, 2, 11, 22), (0, 0, 5.5, 5), (None,) * 4, (3, 3, 4, 4)]
    assert any("the column score is not read" in notice for notice in report.notices)
    assert any("file_name is read as uri, class as label" in notice for notice in report.notices)


def test_a_saved_dataset_with_splits(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for split in ("train", "test"):
        write_dataset(folder / split)
        table = pa.ipc.open_stream((folder / split / FILE).read_bytes()).read_all()
        named = table.set_column(0, "image_path", pa.array([f"{split}/{name}" for name in PATHS]))
        with pa.ipc.new_stream(folder / split / FILE, named.schema) as writer:
            writer.write_table(named)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    _, table, ledger, _ = imported(folder)
    assert table["split"].to_pylist() == ["train"] * 4 + ["test"] * 4
    assert {entry["name"]: entry["split"] for entry in ledger}["test/b.mp4"] == "test"


def test_the_folder_of_video_features(tmp_path: Path, media: Path) -> None:
    """Names with underscores, two streams of a network, and media whose suffix no name says."""
    folder = tmp_path / "i3d"
    folder.mkdir()
    for name, count in (("v_a_b", 3), ("v_a", 2)):
        (media / f"{name}.mp4").write_bytes(name.encode())
        np.save(folder / f"{name}_rgb.npy", np.full((count, 4), count, np.float32))
        np.save(folder / f"{name}_flow.npy", np.full((count, 5), -count, np.float32))
        np.save(folder / f"{name}_timestamps_ms.npy", 40.0 * np.arange(count))
        np.save(folder / f"{name}_fps.npy", np.float64(25))
    report, table, ledger, _ = imported(folder, media=media)
    assert report.columns == {"flow": (5,), "rgb": (4,)}
    assert table["name"].to_pylist() == ["v_a"] * 2 + ["v_a_b"] * 3
    assert table["t_s"].to_pylist() == [0, 0.04, 0, 0.04, 0.08]
    assert np.stack(table["flow"].to_pylist())[:, 0].tolist() == [-2, -2, -3, -3, -3]
    assert {entry["uri"] for entry in ledger} == {(media / f"{n}.mp4").as_uri() for n in ("v_a", "v_a_b")}
    one = vifex.import_features(folder, tmp_path / "one.vifex", columns="rgb", on_notice=lambda notice: None)
    assert (one.columns, one.model) == ({"rgb": (4,)}, "rgb")
    few = vifex.import_features(
        sorted(folder.glob("v_a_b_*.npy")),
        tmp_path / "few.vifex",
        columns="rgb",
        on_notice=lambda notice: None,
    )
    assert (few.media, few.rows) == (1, 3)


def test_images_of_video_features_share_their_ending(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    for name in ("x_1", "x_2", "y"):
        np.save(folder / f"{name}_clip_vit.npy", ROWS[:1])
    report, table, _, _ = imported(folder)
    assert table["name"].to_pylist() == ["x_1", "x_2", "y"]
    assert report.model == "clip_vit"


def test_which_columns_of_a_table_of_text_are_a_vector() -> None:
    head = [
        "name",
        "x0",
        "y0",
        "x1",
        "y1",
        "head_0",
        "head_1",
        "0",
        "1",
        "2",
        "f1",
        "f2",
        "f3",
        "v2",
        "v3",
        "v4",
    ]
    assert vectors_of(head) == {
        "head": ["head_0", "head_1"],
        "features": ["0", "1", "2"],
        "f": ["f1", "f2", "f3"],
    }
