"""Fields of a manifest that have no meaning are kept and named, and what follows where they say when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vifex.media.sources import find
from vifex.values import Box, Medium

Make = Callable[..., Path]

DETECTOR = """video,pts,class,score,x0,y0,x1,y1
v.mp4,0,cat,0.9,1,2,30,40
v.mp4,512,cat,0.8,2,2,31,40
v.mp4,1024,dog,0.7,3,2,32,40
"""
EVERY = "every box is taken on every sampled frame of its file"
WHOLE = "every file is read whole"


def told(path: Path) -> list[str]:
    notices: list[str] = []
    found = list(find([path], on_notice=notices.append))
    assert all(isinstance(f, Medium) for f in found)
    assert found == list(find([path]))  # a notice changes nothing
    return notices


def test_a_detectors_table(make: Make) -> None:
    folder = make("v.mp4")
    (folder / "boxes.csv").write_text(DETECTOR)
    renamed, notice = told(folder / "boxes.csv")
    assert renamed.endswith("boxes.csv: video is read as uri, class is read as label.")
    assert "boxes.csv: the fields pts, score are kept as extra columns." in notice
    assert f"Although pts may say when a box is seen, {EVERY}" in notice
    assert "t_start_s and t_end_s" in notice
    (medium,) = find([folder / "boxes.csv"])
    assert isinstance(medium, Medium)
    first, second, third = Box(1, 2, 30, 40, "cat"), Box(2, 2, 31, 40, "cat"), Box(3, 2, 32, 40, "dog")
    assert medium.boxes == (first, second, third)


def test_no_advice_where_the_moment_is_read(make: Make) -> None:
    folder = make("v.mp4")
    (folder / "a.csv").write_text("uri,frame,t_s,x0,y0,x1,y1\nv.mp4,3,0.1,1,1,9,9\n")
    assert told(folder / "a.csv") == [f"{folder / 'a.csv'}: the field t_s is kept as an extra column."]


def test_a_detectors_lines_of_json(make: Make) -> None:
    folder = make("v.mp4")
    (folder / "boxes.jsonl").write_text(
        '{"uri": "v.mp4", "pts": 3, "score": 0.5, "x0": 1, "y0": 1, "x1": 9, "y1": 9}\n'
        '{"uri": "v.mp4", "class": null, "track": {"id": [1]}, "x0": 2, "y0": 1, "x1": 9, "y1": 9}\n'
    )
    (notice,) = told(folder / "boxes.jsonl")
    assert "the fields pts, score, track are kept as extra columns." in notice
    assert EVERY in notice


TIMES = "time_us ts pts dts sec n_frame video_frame_number ms time_of_frame timestampNs"


@pytest.mark.parametrize("name", [*TIMES.split(), "Frame Count"])
def test_words_that_say_when(make: Make, name: str) -> None:
    folder = make("v.mp4")
    (folder / "a.csv").write_text(f"uri,{name},x0,y0,x1,y1\nv.mp4,1,1,1,9,9\n")
    (folder / "b.csv").write_text(f"uri,{name}\nv.mp4,1\n")
    assert EVERY in told(folder / "a.csv")[0]
    assert WHOLE in told(folder / "b.csv")[0]


@pytest.mark.parametrize("name", ["score", "category_id", "track", "meters", "items", "width", "sect", "msg"])
def test_words_that_do_not(make: Make, name: str) -> None:
    folder = make("v.mp4")
    (folder / "a.csv").write_text(f"uri,{name},x0,y0,x1,y1\nv.mp4,1,1,1,9,9\n")
    assert told(folder / "a.csv") == [f"{folder / 'a.csv'}: the field {name} is kept as an extra column."]


def test_no_word_where_all_is_read_or_nothing_stands(make: Make) -> None:
    folder = make("v.mp4")
    (folder / "a.csv").write_text("uri,label,split,t_start_s,t_end_s,x0,y0,x1,y1\nv.mp4,a,b,0,1,1,1,9,9\n")
    (folder / "b.csv").write_text("uri,frame,score\nv.mp4,,\n")
    (folder / "c.jsonl").write_text('{"uri": "v.mp4", "frame": null}\n')
    for name in ("a.csv", "b.csv", "c.jsonl"):
        assert told(folder / name) == []


def test_many_and_odd_names_make_one_line(make: Make) -> None:
    folder = make("v.mp4")
    names = ["", "x" * 500, "a\tb", *(f"k{i}" for i in range(3000))]
    (folder / "a.csv").write_text(f"uri,{','.join(names)}\nv.mp4,{','.join('1' * len(names))}\n")
    (notice,) = told(folder / "a.csv")
    assert "(one without a name)" in notice
    assert "more are kept as extra columns. The fields" in notice
    assert "more are not kept, because of the limit of 100 extra columns for a source." in notice
    assert len(notice) < 700
    assert "\n" not in notice
