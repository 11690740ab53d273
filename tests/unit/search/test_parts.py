"""A part of an image as a query: the same vector as a row of that box."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import vifex
from vifex import InputError
from vifex.search.query import FrameQuery, ImageQuery, Part, parse_query

Command = Callable[..., object]
BOX = (30.0, 10.0, 90.0, 60.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with rows of two boxes, and a video of two scenes of two seconds each."""
    folder = tmp_path_factory.mktemp("parts")
    rng = np.random.default_rng(1)
    pixels = [rng.integers(0, 256, (8, 12, 3), np.uint8) for _ in range(3)]
    images = [Image.fromarray(p).resize((120, 80), Image.Resampling.BICUBIC) for p in pixels]
    images[0].save(folder / "a.png")
    with av.open(str(folder / "v.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 120, 80, "yuv420p"
        for number in range(40):
            container.mux(stream.encode(av.VideoFrame.from_image(images[1 + number // 20])))
        container.mux(stream.encode(None))
    lines = [
        {"uri": str(folder / "a.png"), **dict(zip(("x0", "y0", "x1", "y1"), BOX, strict=True))},
        {"uri": str(folder / "a.png"), "x0": 0, "y0": 0, "x1": 20, "y1": 20},
        {"uri": str(folder / "v.mp4")},
    ]
    (folder / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    vifex.extract(folder / "m.jsonl", folder / "s.vifex", fps=2)
    return folder


@pytest.mark.parametrize("sides", ["30,10,60,50", "pixel:30,10,60,50", "percent:25,12.5,50,62.5"])
def test_a_part_of_an_image_finds_the_row_of_its_box(folder: Path, sides: str) -> None:
    with vifex.open(folder / "s.vifex") as store:
        first, second = store.search(f"{folder / 'a.png'}#xywh={sides}", k=2)
    assert first.box is not None
    assert (first.box.x0, first.box.y0, first.box.x1, first.box.y1) == BOX
    assert first.score > 0.9999 > second.score


def test_a_part_of_a_frame(folder: Path) -> None:
    with vifex.open(folder / "s.vifex") as store:
        (hit,) = store.search(f"{folder / 'v.mp4'}@1#xywh=percent:0,0,100,100", k=1)
        assert hit.name.endswith("v.mp4")
        assert hit.score > 0.9999
        with pytest.raises(InputError, match="needs a time"):
            store.search(f"{folder / 'v.mp4'}#xywh=0,0,9,9")
        with pytest.raises(InputError, match="outside of the image, which has 120 x 80"):
            store.search(f"{folder / 'a.png'}#xywh=120,0,5,5")


def test_what_the_text_means(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert parse_query("a.png#xywh=1,2,3,4.5") == ImageQuery(Path("a.png"), Part(1, 2, 3, 4.5))
    wanted = FrameQuery(Path("v.mp4"), 1.0, Part(0, 0, 50, 50, is_percent=True))
    assert parse_query("v.mp4@1#xywh=percent:0,0,50,50") == wanted


@pytest.mark.parametrize("sides", ["1,2,3", "1,2,0,4", "a,b,c,d", "share:1,2,3,4", "-1,2,3,4", ""])
def test_a_part_that_makes_no_sense_is_refused(folder: Path, sides: str) -> None:
    with pytest.raises(InputError, match="is no part of an image"):
        parse_query(f"{folder / 'a.png'}#xywh={sides}")
    with pytest.raises(InputError, match="an image or a frame"):
        parse_query(f"row:a:1#xywh={sides}")


def test_moments_of_a_video_are_its_scenes(folder: Path) -> None:
    with vifex.open(folder / "s.vifex") as store:
        (first, *_) = store.moments(f"{folder / 'v.mp4'}@1")
        assert (first.start_s, first.end_s, first.rows) == (0.0, 2.0, 4)
        assert first.duration_s == 2.0
        assert first.to_dict()["best"]["name"] == first.name
        (both,) = store.moments(f"{folder / 'v.mp4'}@1 THEN WITHIN 0s {folder / 'v.mp4'}@3")
        assert [(part.start_s, part.end_s) for part in both.parts] == [(0.0, 2.0), (2.0, 3.6)]
        store.contact_sheet(folder / "m.html", [both, first], query=f"{folder / 'v.mp4'}@1", overwrite=True)
    page = (folder / "m.html").read_text()
    assert "<b>2 moments</b>" in page
    assert "00:00.0 – 00:02.0, 00:02.0 – 00:03.6" in page
    assert page.count("<img ") == 3


def test_the_command_finds_writes_and_cuts_moments(folder: Path, vifex_command: Command) -> None:
    video = folder / "v.mp4"
    more = ("--export", folder / "m.edl", "--cut", folder / "clips", "--json", "--where", "t_s >= 0")
    done = vifex_command("search", folder / "s.vifex", f"{video}@3", "--spans", "-k", 1, *more)
    told = json.loads(done.stdout)  # type: ignore[attr-defined]
    assert [(m["start_s"], m["end_s"]) for m in told["moments"]] == [(2.0, 3.6)]
    assert Path(told["cuts"][0]["path"]).is_file()
    assert "00:00:02:00 00:00:03:06 01:00:00:00 01:00:01:06" in (folder / "m.edl").read_text()
    several = vifex_command("search", folder / "s.vifex", f"{video}@3", f"{video}@1", "--match", "any")
    assert several.stdout.count("v.mp4") == 8  # type: ignore[attr-defined]
    few = vifex_command("search", folder / "s.vifex", f"{video}@3", "--min-score", "auto")
    assert "has 2 media" in few.stderr  # type: ignore[attr-defined]
    nothing = vifex_command("search", folder / "s.vifex", f"{video}@3#xywh=0,0,9,9", "--min-score", "0.999")
    assert "Nothing matches." in nothing.stdout  # type: ignore[attr-defined]
