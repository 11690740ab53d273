"""Names that other tools give to the fields of a manifest, and several ways to write a box."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vifex.media.sources import find
from vifex.media.sources.fields import FIELDS, reading_of, split_of
from vifex.values import Box, Medium

Make = Callable[..., Path]


def only(path: Path) -> tuple[Medium, list[str]]:
    notices: list[str] = []
    (found,) = find([path], on_notice=notices.append)
    assert isinstance(found, Medium)
    return found, notices


@pytest.mark.parametrize(
    "name",
    ["path", "file", "filename", "File Name", "image", "img_path", "video", "videoPath", "url", "FILE_PATH"],
)
def test_names_of_the_file(make: Make, name: str) -> None:
    folder = make("v.mp4")
    (folder / "a.csv").write_text(f"{name},label\nv.mp4,cat\n")
    found, notices = only(folder / "a.csv")
    assert (found.name, found.label) == ("v.mp4", "cat")
    assert notices == [f"{folder / 'a.csv'}: {name} is read as uri."]


@pytest.mark.parametrize(
    ("head", "values"),
    [
        ("x0,y0,x1,y1", "10,20,40,60"),
        ("x1,y1,x2,y2", "10,20,40,60"),
        ("xmin,ymin,xmax,ymax", "10,20,40,60"),
        ("xMin,yMin,xMax,yMax", "10,20,40,60"),
        ("left,top,right,bottom", "10,20,40,60"),
        ("x,y,w,h", "10,20,30,40"),
        ("x,y,width,height", "10,20,30,40"),
        ("left,top,width,height", "10,20,30,40"),
        ("width,height,xmin,ymin,xmax,ymax", "640,480,10,20,40,60"),
        ("bbox", '"[10, 20, 30, 40]"'),
        ("bbox", "10 20 30 40"),
        ("xyxy", '"(10, 20, 40, 60)"'),
    ],
)
def test_ways_to_write_a_box(make: Make, head: str, values: str) -> None:
    folder = make("v.mp4")
    (folder / "a.csv").write_text(f"uri,{head}\nv.mp4,{values}\n")
    found, notices = only(folder / "a.csv")
    assert found.boxes == (Box(10, 20, 40, 60),)
    if head != "x0,y0,x1,y1":
        sized = "bbox" in head or head.endswith(("w,h", "height"))
        assert ("x, y, width and height of a box" if sized else "the corners of a box") in notices[0]


def test_a_box_of_json(make: Make) -> None:
    folder = make("v.mp4")
    (folder / "a.jsonl").write_text('{"file_name": "v.mp4", "bbox": [10, 20, 30, 40], "category": "dog"}\n')
    found, _ = only(folder / "a.jsonl")
    assert found.boxes == (Box(10, 20, 40, 60),)
    assert found.label == "dog"


def test_moments(make: Make) -> None:
    folder = make("v.mp4")
    (folder / "a.csv").write_text("uri,t\nv.mp4,2.5\nv.mp4,0\nv.mp4,2.5\n")
    (folder / "b.csv").write_text("uri,frameId,timestamp\nv.mp4,12,0.5\nv.mp4,3,0.1\n")
    (folder / "c.csv").write_text("uri,timestamp_ms\nv.mp4,1500\n")
    assert only(folder / "a.csv")[0].times_s == (0.0, 2.5)
    by_frame, notices = only(folder / "b.csv")
    assert (by_frame.frames, by_frame.times_s) == ((3, 12), ())
    assert "timestamp is kept as an extra column" in notices[1]
    assert by_frame.moment_extras == ('{"timestamp":0.1}', '{"timestamp":0.5}')
    by_ms, (notice,) = only(folder / "c.csv")
    assert by_ms.times_s == (1.5,)
    assert "timestamp_ms is read as t_s in milliseconds" in notice


def test_each_box_has_its_moment_and_its_label(make: Make) -> None:
    folder = make("v.mp4")
    (folder / "a.csv").write_text("uri,frame,class,x,y,w,h\nv.mp4,0,cat,1,1,2,2\nv.mp4,9,dog,1,1,2,2\n")
    found, _ = only(folder / "a.csv")
    assert found.boxes == (Box(1, 1, 3, 3, "cat", frame=0), Box(1, 1, 3, 3, "dog", frame=9))
    assert (found.frames, found.label) == ((0, 9), None)


def test_boxes_of_one_label_leave_it_to_the_medium(make: Make) -> None:
    """So that the label can change without computing the rows again."""
    folder = make("v.mp4")
    for label in ("cat", "dog"):
        (folder / f"{label}.csv").write_text(
            f"uri,label,x0,y0,x1,y1\nv.mp4,{label},1,1,2,2\nv.mp4,,3,3,4,4\n"
        )
    cat, dog = (only(folder / f"{label}.csv")[0] for label in ("cat", "dog"))
    assert (cat.label, dog.label) == ("cat", "dog")
    assert cat.spec_hash == dog.spec_hash


def test_what_decides_the_rows_decides_the_hash() -> None:
    def hashed(*boxes: Box, times: tuple[float, ...] = (), frames: tuple[int, ...] = ()) -> str:
        return Medium("file:///a", "a", "video", 1, 1, boxes=boxes, times_s=times, frames=frames).spec_hash

    plain = Box(0, 0, 1, 1)
    every = [
        hashed(),
        hashed(plain),
        hashed(Box(0, 0, 1, 1, "cat")),
        hashed(Box(0, 0, 1, 1, t_s=1.0)),
        hashed(Box(0, 0, 1, 1, frame=1)),
        hashed(Box(0, 0, 1, 1, is_relative=True)),
        hashed(times=(1.0,)),
        hashed(frames=(1,)),
    ]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("name", FIELDS)
def test_our_own_names_are_read_as_they_stand(name: str) -> None:
    reading = reading_of([*FIELDS[:5], *FIELDS[7:], *([name] if name in ("t_s", "frame") else [])])
    assert reading.problem is None
    assert name in (*reading.named, *reading.box)
    assert reading.sentence() is None


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("instances_train2017.json", "train"),
        ("validation-00000-of-00002.parquet", "val"),
        ("Test.parquet", "test"),
        ("my-training_set.json", "train"),
        ("latest.parquet", None),
        ("evaluation.json", None),
        ("constraints.json", None),
    ],
)
def test_a_split_is_a_word_of_its_own(name: str, split: str | None) -> None:
    assert split_of(name) == split
