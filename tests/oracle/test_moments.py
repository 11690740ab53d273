"""Boxes at given frames and times of videos, against the frames that FFmpeg's own command cuts out."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vifex

pytestmark = pytest.mark.filterwarnings("ignore:.* read as ")

CLIPS = ["clip-h264-bframes.mp4", "clip-h264-vfr-phone.mp4", "clip-h264-in-avi.avi", "anim-iss634.gif"]
FRAMES = (3, 11, 12)
BOX = (10, 20, 110, 90)


@pytest.fixture
def boxes(shared_media: Path, tmp_path: Path) -> Callable[[str, dict[int, object]], Path]:
    """Write a table of the box at several moments of a clip, each with a label of its own."""

    def write(clip: str, moments: dict[int, object], column: str = "frame") -> Path:
        path = tmp_path / "boxes.csv"
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["video", column, "class", "xmin", "ymin", "xmax", "ymax"])
            for number, moment in moments.items():
                table.writerow([shared_media / "good" / clip, moment, f"frame {number}", *BOX])
        return path

    return write


def _cut(ffmpeg: Callable[..., str], source: Path, folder: Path, number: int) -> Image.Image:
    left, top, right, bottom = BOX
    part = f"select=eq(n\\,{number}),crop={right - left}:{bottom - top}:{left}:{top}"
    out = folder / f"{number}.png"
    ffmpeg("-i", source, "-vf", part, "-frames:v", 1, "-pix_fmt", "rgb24", out)
    return Image.open(out)


@pytest.mark.parametrize("column", ["frame", "t_s"])
@pytest.mark.parametrize("clip", CLIPS)
def test_each_box_is_cut_from_its_own_frame(
    clip: str,
    column: str,
    boxes: Callable[..., Path],
    shared_media: Path,
    ffmpeg: Callable[..., str],
    tmp_path: Path,
) -> None:
    source = shared_media / "good" / clip
    every = tmp_path / "every.vifex"
    vifex.extract(source, every, every=1)
    with vifex.open(every) as store:
        rows = store.to_arrow(columns=["frame_index", "t_s", "t_end_s"]).sort_by("frame_index").to_pylist()
    middle = {n: (rows[n]["t_s"] + rows[n]["t_end_s"]) / 2 for n in FRAMES}
    table = boxes(clip, middle if column == "t_s" else {n: n for n in FRAMES}, column)
    store_path = tmp_path / "boxes.vifex"
    report = vifex.extract(table, store_path, decode="exact", precision="fp32")
    assert (report.ok, report.rows) == (1, len(FRAMES))
    with vifex.open(store_path) as store:
        order = np.argsort(store.to_arrow(columns=["frame_index"])["frame_index"].to_numpy())
        found = [store.to_arrow().to_pylist()[i] for i in order]
        vectors = store.to_numpy()[order]
    assert [(row["frame_index"], row["label"]) for row in found] == [(n, f"frame {n}") for n in FRAMES]
    assert {(row["x0"], row["y0"], row["x1"], row["y1"]) for row in found} == {BOX}
    with vifex.load_model() as model:
        cut = [_cut(ffmpeg, source, tmp_path, n) for n in FRAMES]
        wanted = model.encode(cut, precision="fp32", decode="exact")
    cosine = (vectors * wanted).sum(1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosine.min() > 0.99


@pytest.mark.parametrize(
    "options", [{"regions": "roi_align", "layers": ["stages.2"]}, {"regions": "crop"}, {}]
)
def test_two_boxes_of_one_frame_and_one_of_another(
    options: dict[str, object], shared_media: Path, tmp_path: Path
) -> None:
    clip = shared_media / "good" / "clip-h264-bframes.mp4"
    lines = [(5, "a", 0), (5, "b", 30), (9, "a", 60)]
    table = tmp_path / "boxes.csv"
    rows = "".join(f"{clip},{frame},{label},{x},0,40,40\n" for frame, label, x in lines)
    table.write_text(f"path,frame,class,x,y,w,h\n{rows}")
    vifex.extract(table, tmp_path / "s.vifex", **options)  # type: ignore[arg-type]
    with vifex.open(tmp_path / "s.vifex") as store:
        found = store.to_arrow().sort_by("ordinal").to_pylist()
    assert [(row["frame_index"], row["label"], row["x0"]) for row in found] == lines


def test_moments_without_boxes_and_moments_that_are_not_there(shared_media: Path, tmp_path: Path) -> None:
    clip = shared_media / "good" / "clip-h264-bframes.mp4"
    (tmp_path / "a.csv").write_text(f"file,t\n{clip},0.5\n{clip},0\n{clip},9999\n")
    report = vifex.extract(tmp_path / "a.csv", tmp_path / "a.vifex")
    assert (report.partial, report.rows) == (1, 2)
    assert report.problems[0].reason.startswith("1 of the listed moments is not in the video, which ends at")
    (tmp_path / "b.csv").write_text(f"file,frame\n{clip},100000\n")
    report = vifex.extract(tmp_path / "b.csv", tmp_path / "b.vifex")
    assert report.failed == 1
    assert "1 of the listed moments is not in the video, which ends with frame" in report.problems[0].reason


def test_times_and_frames_of_the_command_line(
    shared_media: Path, tmp_path: Path, vifex_command: Callable[..., object]
) -> None:
    clip = shared_media / "good" / "clip-h264-bframes.mp4"
    vifex_command("extract", clip, "-o", tmp_path / "a.vifex", "--frames", "9,0,5")
    vifex_command("extract", clip, "-o", tmp_path / "b.vifex", "--times", "0,0.5")
    with vifex.open(tmp_path / "a.vifex") as a, vifex.open(tmp_path / "b.vifex") as b:
        assert sorted(a.to_arrow()["frame_index"].to_pylist()) == [0, 5, 9]
        times = sorted(b.to_arrow()["t_s"].to_pylist())
        ends = sorted(b.to_arrow()["t_end_s"].to_pylist())
        assert times[0] == 0
        assert times[1] <= 0.5 < ends[1]


def test_a_still_image_says_that_moments_are_not_used(shared_media: Path, tmp_path: Path) -> None:
    photo = next((shared_media / "good").glob("*.jpg"))
    (tmp_path / "a.csv").write_text(
        f"file,frame,class,bbox\n{photo},4,cat,0 0 20 20\n{photo},5,dog,5 5 20 20\n"
    )
    report = vifex.extract(tmp_path / "a.csv", tmp_path / "a.vifex")
    assert (report.ok, report.rows) == (1, 2)
    with vifex.open(tmp_path / "a.vifex") as store:
        assert sorted(store.to_arrow()["label"].to_pylist()) == ["cat", "dog"]
        assert (
            "the moments that a manifest states for it are not used"
            in store.ledger()["reason"].to_pylist()[0]
        )


def test_the_same_command_again_does_nothing_and_another_label_of_a_box_computes(
    shared_media: Path, tmp_path: Path
) -> None:
    clip = shared_media / "good" / "clip-h264-bframes.mp4"
    table = tmp_path / "a.csv"
    store = tmp_path / "a.vifex"
    for labels, done in ((("a", "b"), 0), (("a", "b"), 1), (("a", "c"), 0)):
        rows = "".join(f"{clip},{n},{label},0,0,40,40\n" for n, label in enumerate(labels))
        table.write_text(f"path,frame,class,x,y,w,h\n{rows}")
        assert vifex.extract(table, store).already_done == done
    with vifex.open(store) as opened:
        assert sorted(opened.to_arrow()["label"].to_pylist()) == ["a", "c"]
