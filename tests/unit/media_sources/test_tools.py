"""Boxes and lists as other tools write them: COCO, YOLO, MOT, and a plain list."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vifex.media.sources import find
from vifex.values import Box, InputError, Medium, Outcome

Make = Callable[..., Path]


def media(path: Path) -> tuple[dict[str, Medium], list[str]]:
    notices: list[str] = []
    found = list(find([path], on_notice=notices.append))
    assert not [f for f in found if isinstance(f, Outcome)]
    return {f.name: f for f in found if isinstance(f, Medium)}, notices


def coco(**more: Any) -> dict[str, Any]:
    boxes = [
        {"id": 5, "image_id": 7, "category_id": 3, "bbox": [1, 2, 10, 20], "iscrowd": 0},
        {"id": 6, "image_id": 8, "category_id": 1, "bbox": [0, 0, 5, 5]},
        {"id": 7, "image_id": 7, "category_id": 1, "bbox": [3, 3, 4, 4]},
        {"id": 8, "image_id": 7, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1},
    ]
    names = [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}]
    images = [
        {"id": 7, "file_name": "1.jpg"},
        {"id": 8, "file_name": "2.jpg"},
        {"id": 9, "file_name": "3.jpg"},
    ]
    return {"images": images, "annotations": boxes, "categories": names, **more}


@pytest.mark.parametrize(
    "place", ["a.json", "annotations/instances_train2017.json", "labels/x_val.json", "annotations/a.json"]
)
def test_coco(make: Make, place: str) -> None:
    below = {"annotations/instances_train2017.json": "train2017/", "labels/x_val.json": "images/val/"}.get(
        place, ""
    )
    folder = make(*(f"{below}{n}.jpg" for n in (1, 2, 3)))
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).write_text(json.dumps(coco()))
    found, notices = media(folder / place)
    assert found["1.jpg"].boxes == (Box(1, 2, 11, 22, "dog"), Box(3, 3, 7, 7, "cat"))
    assert (found["2.jpg"].boxes, found["2.jpg"].label) == ((Box(0, 0, 5, 5),), "cat")
    assert (found["3.jpg"].boxes, found["3.jpg"].label) == ((), None)
    assert found["1.jpg"].split == {
        "annotations/instances_train2017.json": "train",
        "labels/x_val.json": "val",
    }.get(place)
    assert notices == [f"{folder / place}: regions of crowds (iscrowd) are left out: 1."]


def test_coco_says_which_annotation_is_wrong(make: Make) -> None:
    folder = make("1.jpg", "2.jpg")
    boxes = [
        {"id": 5, "image_id": 7, "category_id": 3, "bbox": [1, 2, 0, 20]},
        {"id": 6, "image_id": 8, "category_id": 3, "bbox": [1, 2]},
    ]
    (folder / "a.json").write_text(json.dumps(coco(annotations=boxes)))
    reasons = sorted(f.reason for f in find([folder / "a.json"]) if isinstance(f, Outcome))
    start = f"{folder / 'a.json'}, annotation"
    assert reasons[0] == f"{start} 5: a box needs x0 < x1 and y0 < y1, got 1.0,2.0,1.0,22.0"
    assert reasons[1] == f"{start} 6: a box needs four numbers, got [1, 2]"
    assert reasons[2].startswith("there is no such file or folder")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"images": 1}', "it has no list of images"),
        ('{"images": [], "annotations": {}}', "its annotations are not a list"),
        ('{"images": [', "this is not JSON in UTF-8"),
        ('{"images": []}', "this manifest names no medium"),
    ],
)
def test_a_file_of_coco_that_is_wrong(make: Make, text: str, told: str) -> None:
    folder = make()
    (folder / "a.json").write_text(text)
    with pytest.raises(InputError, match=told):
        list(find([folder / "a.json"]))


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.txt"])
def test_other_files_of_these_kinds_are_no_manifests(make: Make, name: str) -> None:
    """`vifex extract folder/*` meets texts that stand beside the media."""
    folder = make("1.jpg")
    (folder / name).write_text('{"width": 3}' if name == "a.json" else "names of things\n")
    found = list(find([folder / name, folder / "1.jpg"]))
    assert [(f.name, f.kind) for f in found if isinstance(f, Medium)] == [
        (name, "unknown"),
        ("1.jpg", "image"),
    ]


YOLO = "path: {path}\ntrain: images/train\nval: [images/val]\nnames:\n  0: cat\n  1: dog\n"


@pytest.mark.parametrize("path", [".", "somewhere/else"])
def test_yolo(make: Make, path: str) -> None:
    """A path that is not there starts where YOLO was run; the file's own folder stands in for it."""
    folder = make("images/train/1.jpg", "images/train/b/2.jpg", "images/val/3.jpg")
    for name in ("train/b", "val"):
        (folder / "labels" / name).mkdir(parents=True)
    (folder / "labels/train/1.txt").write_text("1 0.5 0.5 0.5 0.25\n\n0 0.1 0.1 0.2 0.2\n")
    (folder / "labels/train/b/2.txt").write_text("0 0.1 0.2 0.5 0.2 0.5 0.7 0.1 0.7\n")
    (folder / "data.yaml").write_text(YOLO.format(path=path))
    found, _ = media(folder / "data.yaml")
    one, two, three = (found[f"images/{n}"] for n in ("train/1.jpg", "train/b/2.jpg", "val/3.jpg"))
    assert [b.in_pixels(200, 400) for b in one.boxes] == [
        Box(50, 150, 150, 250, "dog"),
        Box(0, 0, 40, 80, "cat"),
    ]
    assert two.boxes[0].in_pixels(100, 10) == Box(10, 2, 50, 7)
    assert (two.label, three.boxes, three.label) == ("cat", (), None)
    assert (one.split, three.split) == ("train", "val")


def test_yolo_says_which_line_is_wrong(make: Make) -> None:
    folder = make("images/train/1.jpg", "images/val/2.jpg")
    (folder / "labels/train").mkdir(parents=True)
    (folder / "labels/train/1.txt").write_text("0 0.5 0.5 0.5\n")
    (folder / "data.yaml").write_text(YOLO.format(path="."))
    (outcome,) = [f for f in find([folder / "data.yaml"]) if isinstance(f, Outcome)]
    assert (
        outcome.reason
        == f"{folder / 'data.yaml'}, 1.txt, line 1: it is neither a class with a box nor one with a polygon"
    )


def test_yolo_without_its_folders(make: Make) -> None:
    folder = make()
    (folder / "data.yaml").write_text(YOLO.format(path="."))
    with pytest.raises(InputError, match=r"it names .*images/train, which is not there"):
        list(find([folder / "data.yaml"]))
    (folder / "data.yaml").write_text("names: [\ntrain: a")
    with pytest.raises(InputError, match="this is not YAML"):
        list(find([folder / "data.yaml"]))


@pytest.mark.parametrize("given", ["gt/gt.txt", "seqinfo.ini"])
def test_mot(make: Make, given: str) -> None:
    folder = make("pics/000001.png", "pics/000002.png")
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=x\nimDir=pics\nimExt=.png\n")
    (folder / "gt").mkdir()
    lines = ["1,3,11,21,30,40,1,1,1", "2,3,12,21,30,40,1,1,1", "1,4,1,1,5,5,1,1,0.5", "2,9,1,1,5,5,0,1,1"]
    (folder / "gt/gt.txt").write_text("\n".join(lines))
    found, notices = media(folder / given)
    assert found["000001.png"].boxes == (Box(10, 20, 40, 60, "3"), Box(0, 0, 5, 5, "4"))
    assert (found["000002.png"].boxes, found["000002.png"].label) == ((Box(11, 20, 41, 60),), "3")
    left_out, kept = notices
    assert left_out == f"{folder / given}: boxes with a confidence of 0 are left out: 1."
    assert kept == f"{folder / given}: the fields confidence, class, visibility are kept as extra columns."
    extras = [box.extra for box in found["000001.png"].boxes]
    assert extras == [f'{{"class":1,"confidence":1,"visibility":{v}}}' for v in (1, 0.5)]


def test_detections_of_mot_have_no_labels(make: Make) -> None:
    folder = make("img1/000001.jpg")
    (folder / "det").mkdir()
    (folder / "det/det.txt").write_text("1,-1,11,21,30,40,0\n1,-1,a,21,30,40,0.2\n")
    found = list(find([folder / "det/det.txt"]))
    assert [(f.boxes, f.label) for f in found if isinstance(f, Medium)] == [((Box(10, 20, 40, 60),), None)]
    (outcome,) = [f for f in found if isinstance(f, Outcome)]
    assert "line 2: it has no six numbers" in outcome.reason


def test_a_plain_list(make: Make) -> None:
    folder = make("a b.jpg", "2.jpg", "c/3.jpg")
    (folder / "list.txt").write_text("a b.jpg\n\n2.jpg cat\nc/3.jpg\tdog\n")
    found, _ = media(folder / "list.txt")
    assert {name: one.label for name, one in found.items()} == {
        "a b.jpg": None,
        "2.jpg": "cat",
        "c/3.jpg": "dog",
    }
    (folder / "list.txt").write_text("2.jpg\ngone.jpg 3\n")
    (outcome,) = [f for f in find([folder / "list.txt"]) if isinstance(f, Outcome)]
    assert outcome.medium.name == "gone.jpg 3"
    assert "line 2" in outcome.reason
