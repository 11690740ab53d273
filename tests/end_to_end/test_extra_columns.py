"""Columns of sources that have no meaning for Vifex: kept with the rows, filtered, exported."""

from __future__ import annotations

import io
import json
import tarfile
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from colour_network import write_colour_network
from PIL import Image

import vifex


def png(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 24), (10 * number, 200 - number, 60)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images, a clip of 20 frames at 10 per second, and a small network."""
    folder = tmp_path_factory.mktemp("extra")
    write_colour_network(folder)
    for number in range(6):
        (folder / f"{number}.png").write_bytes(png(number))
    with av.open(str(folder / "clip.mp4"), "w") as out:
        stream = out.add_stream("libx264", 10)
        stream.width = stream.height = 32
        for number in range(20):
            pixels = np.full((32, 32, 3), 12 * number, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        out.mux(stream.encode())
    return folder


@pytest.fixture
def extract(made: Path) -> Any:
    return partial(vifex.extract, model=made / "colours.onnx", on_notice=lambda notice: None)


def read(store: Path, *columns: str, where: str | None = None) -> list[dict[str, Any]]:
    with vifex.open(store) as opened:
        assert opened.verify().ok
        rows = opened.to_arrow(["name", "ordinal", *columns, "extra"], where=where).to_pylist()
    rows.sort(key=lambda row: (row["name"], row.pop("ordinal")))
    return [{**row, "extra": json.loads(row["extra"] or "{}")} for row in rows]


def test_a_table_of_images(made: Path, tmp_path: Path, extract: Any) -> None:
    """Cells are numbers where the whole column is; a run with other columns leaves the first as they are."""
    table = tmp_path / "a.csv"
    lines = ["path,class,camera,score,code", "0.png,cat,A,0.5,007", "1.png,cat,B,2,1", "2.png,dog,,1e2,2"]
    table.write_text("\n".join(lines))
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    store = tmp_path / "s.vifex"
    report = extract(tmp_path / "0.png", store)
    report = extract(table, store)
    assert any("the fields camera, score, code are kept as extra columns" in n for n in report.notices)
    assert report.already_done == 1
    assert read(store) == [
        {"name": "0.png", "extra": {}},
        {"name": "1.png", "extra": {"camera": "B", "code": "1", "score": 2}},
        {"name": "2.png", "extra": {"code": "2", "score": 100.0}},
    ]
    (tmp_path / "b.jsonl").write_text('{"uri": "3.png", "weather": {"sky": "grey"}, "camera": 7}\n')
    extract(tmp_path / "b.jsonl", store)
    assert [row["name"] for row in read(store, where="extra.score >= 2 AND label IS NOT NULL")] == [
        "1.png",
        "2.png",
    ]
    assert [row["name"] for row in read(store, where="extra.camera = 7 OR extra.camera = 'C'")] == ["3.png"]
    assert read(store, where="name = '3.png'")[0]["extra"] == {"camera": 7, "weather": {"sky": "grey"}}
    with vifex.open(store, model=made / "colours.onnx") as opened:
        (hit,) = opened.search(tmp_path / "1.png", k=1)
        assert (hit.name, hit.extra) == ("1.png", {"camera": "B", "code": "1", "score": 2})
        assert hit.to_dict()["extra"] == hit.extra
        assert opened.item("1.png").extra == (hit.extra,)
        texts = opened.to_pandas(["name", "extra"]).set_index("name")["extra"]
        assert json.loads(texts["2.png"]) == {"code": "2", "score": 100.0}


def test_boxes_and_moments_of_a_video_have_their_own(made: Path, tmp_path: Path, extract: Any) -> None:
    (made / "boxes.csv").write_text(
        "video,frame,x0,y0,x1,y1,score\nclip.mp4,3,0,0,8,8,0.9\nclip.mp4,3,8,8,16,16,0.4\nclip.mp4,11,0,0,8,8,0.7\n"
    )
    extract(made / "boxes.csv", tmp_path / "boxes", regions="crop")
    rows = read(tmp_path / "boxes", "frame_index", "x0")
    assert [(r["frame_index"], r["x0"], r["extra"]) for r in rows] == [
        (3, 0.0, {"score": 0.9}),
        (3, 8.0, {"score": 0.4}),
        (11, 0.0, {"score": 0.7}),
    ]
    (made / "frames.csv").write_text("video,frame,mood\nclip.mp4,11,calm\nclip.mp4,2,loud\n")
    (made / "times.csv").write_text(
        "video,t_s,mood\nclip.mp4,1.14,calm\nclip.mp4,0.25,loud\nclip.mp4,0.26,late\n"
    )
    for name in ("frames", "times"):
        extract(made / f"{name}.csv", tmp_path / name)
        moods = [(r["frame_index"], r["extra"]["mood"]) for r in read(tmp_path / name, "frame_index")]
        assert moods == [(2, "loud"), (11, "calm")]
    (made / "captions.csv").write_text("path,caption\n0.png,a cat\n0.png,a pet\n0.png,a cat\n1.png,a dog\n")
    extract(made / "captions.csv", tmp_path / "captions")
    assert [r["extra"]["caption"] for r in read(tmp_path / "captions")] == [["a cat", "a pet"], "a dog"]


def test_shards_tables_and_coco(made: Path, tmp_path: Path, extract: Any) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, data in {
            "1.png": png(1),
            "1.json": b'{"label": "cat", "author": "ann", "likes": 3}',
            "1.txt": b"a caption",
            "2.png": png(2),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    extract(tmp_path / "a.tar", tmp_path / "tar")
    assert [r["extra"] for r in read(tmp_path / "tar")] == [
        {"author": "ann", "likes": 3, "txt": "a caption"},
        {},
    ]
    table = pa.table({"image": [png(1), png(2)], "id": ["x", "y"], "likes": [3, None], "mask": [[1], [2]]})
    pq.write_table(table, tmp_path / "a.parquet")
    report = extract(tmp_path / "a.parquet", tmp_path / "parquet")
    assert [r["extra"] for r in read(tmp_path / "parquet")] == [{"likes": 3}, {}]
    assert any("likes is kept as an extra column. The field mask is not read." in n for n in report.notices)
    coco = {
        "images": [{"id": 1, "file_name": "1.png", "width": 24, "height": 24, "license": 4}],
        "annotations": [
            {"id": 5, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "attributes": {"hidden": True}},
            {
                "id": 6,
                "image_id": 1,
                "category_id": 1,
                "bbox": [9, 9, 9, 9],
                "segmentation": [[1, 2]],
                "score": 1,
            },
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (made / "instances.json").write_text(json.dumps(coco))
    report = extract(made / "instances.json", tmp_path / "coco", regions="crop")
    assert [r["extra"] for r in read(tmp_path / "coco", "x0")] == [
        {"license": 4, "attributes": {"hidden": True}},
        {"license": 4, "score": 1},
    ]
    assert any("The field segmentation is not read." in notice for notice in report.notices)


@pytest.mark.parametrize(
    "kind", ["parquet", "csv", "jsonl", "hdf5", "npz", "safetensors", "huggingface", "lance"]
)
def test_exports_have_them_and_come_back(kind: str, made: Path, tmp_path: Path, extract: Any) -> None:
    (made / "a.csv").write_text("path,camera,score\n0.png,A,0.5\n1.png,B,2\n2.png,,\n")
    store = tmp_path / "s.vifex"
    extract(made / "a.csv", store)
    suffix = {"hdf5": ".h5", "huggingface": ""}.get(kind, f".{kind}")
    with vifex.open(store) as opened:
        opened.export(tmp_path / f"out{suffix}", to=kind)
    vifex.import_features(tmp_path / f"out{suffix}", tmp_path / "back.vifex")
    assert read(tmp_path / "back.vifex") == read(store)
    assert read(store)[1]["extra"] == {"camera": "B", "score": 2}


def test_shards_of_a_run_give_the_same(made: Path, tmp_path: Path, extract: Any) -> None:
    lines = [json.dumps({"uri": f"{number}.png", "number": number}) for number in range(6)]
    (made / "six.jsonl").write_text("\n".join(lines))
    extract(made / "six.jsonl", tmp_path / "s.vifex", shards=2)
    assert {r["name"]: r["extra"]["number"] for r in read(tmp_path / "s.vifex")} == {
        f"{number}.png": number for number in range(6)
    }


def test_columns_that_are_too_long_or_too_many_are_named(made: Path, tmp_path: Path, extract: Any) -> None:
    line = {"uri": "0.png", "text": "x" * 5000, "fine": 1, **{f"k{number}": number for number in range(120)}}
    (made / "long.jsonl").write_text(json.dumps(line))
    report = extract(made / "long.jsonl", tmp_path / "s.vifex")
    (notice,) = report.notices
    assert "The field text is not kept, because of values of more than 4,096 characters." in notice
    assert "are not kept, because of the limit of 100 extra columns for a source." in notice
    (row,) = read(tmp_path / "s.vifex")
    assert len(row["extra"]) == 99
    assert "text" not in row["extra"]
