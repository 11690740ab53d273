"""Regions through the whole pipeline, against the same boxes read by hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.pool.regions import roi_align, roi_pool

BOXES = [(0.0, 0.0, 200.0, 100.0), (20.0, 10.0, 90.0, 95.0), (150.0, 40.0, 260.0, 90.0)]
SIZE = (200, 100)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    small = Image.fromarray(rng.integers(0, 256, (6, 12, 3), dtype=np.uint8))
    path = tmp_path / "one.png"
    small.resize(SIZE, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def manifest(image: Path, tmp_path: Path) -> Path:
    path = tmp_path / "boxes.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["uri", "label", "x0", "y0", "x1", "y1"])
        out.writerows([image.name, "noise", *box] for box in BOXES)
    return path


@pytest.mark.parametrize("method", ["roi_align", "roi_pool"])
def test_boxes_are_read_off_the_maps_of_one_pass(method: Any, manifest: Path, image: Path) -> None:
    """A box that leaves the image is cut at its edge; coordinates are the image's."""
    store = manifest.with_suffix(".vifex")
    options: dict[str, Any] = {"layers": ["stages.2"], "precision": "fp32", "pool": "none"}
    report = vifex.extract(manifest, store, regions=method, bins=3, **options)
    assert report.ok == 1
    fmap = vifex.load_model().features([image], layers=["stages.2"], precision="fp32")["stages.2"][0]
    inside = np.array([(x0, y0, min(x1, 200.0), y1) for x0, y0, x1, y1 in BOXES], dtype=np.float32)
    # The image is stretched to 160 x 160, and the map has 20 x 20 cells.
    on_input = inside * np.array([160 / 200, 160 / 100] * 2, dtype=np.float32)
    read = roi_align if method == "roi_align" else roi_pool
    wanted = read(fmap, on_input, spatial_scale=20 / 160, output_size=3)
    with vifex.open(store) as opened:
        rows = opened.to_arrow().sort_by("ordinal").to_pylist()
        vectors = opened.to_numpy("stages.2")
    assert [r["ordinal"] for r in rows] == [0, 1, 2]
    assert [(r["x0"], r["y0"], r["x1"], r["y1"]) for r in rows] == [tuple(box) for box in inside.tolist()]
    assert {r["label"] for r in rows} == {"noise"}
    np.testing.assert_allclose(vectors, wanted, rtol=1e-5, atol=1e-6)


def test_a_grid_of_crops_is_each_part_by_itself(image: Path, tmp_path: Path) -> None:
    store = tmp_path / "grid.vifex"
    vifex.extract(image, store, grid="1x2", precision="fp32", decode="exact")
    whole = Image.open(image)
    parts = [whole.crop((0, 0, 100, 100)), whole.crop((100, 0, 200, 100))]
    wanted = vifex.load_model().features(parts, precision="fp32", decode="exact")["embedding"]
    with vifex.open(store) as opened:
        np.testing.assert_allclose(opened.to_numpy(), wanted, rtol=1e-4, atol=1e-5)
        assert opened.to_arrow(["x0", "x1"]).to_pylist() == [{"x0": 0, "x1": 100}, {"x0": 100, "x1": 200}]


def test_a_video_gives_a_row_for_each_frame_and_box(tmp_path: Path, shared_media: Path) -> None:
    store = tmp_path / "video.vifex"
    clip = shared_media / "good" / "clip-vp9.webm"
    vifex.extract(clip, store, regions="roi_align", grid="2x3", layers=["stages.1"], every=20)
    with vifex.open(store) as opened:
        rows = opened.to_arrow(["ordinal", "frame_index", "x0"]).sort_by("ordinal").to_pylist()
    assert [r["frame_index"] for r in rows] == [f for f in (0, 20, 40, 60, 80) for _ in range(6)]
    assert [r["ordinal"] for r in rows] == list(range(30))
    assert [round(r["x0"]) for r in rows[:6]] == [0, 107, 213] * 2


def test_boxes_outside_and_layers_without_places_are_told(image: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "out.csv"
    manifest.write_text("uri,x0,y0,x1,y1\none.png,300,0,400,50\n")
    report = vifex.extract(manifest, tmp_path / "out.vifex", regions="roi_align", layers=["stages.2"])
    assert report.failed == 1
    assert "lies outside the image of 200 x 100 pixels" in report.problems[0].reason
    with pytest.raises(vifex.InputError, match=r"regions are read off maps.*'embedding' is a vector"):
        vifex.extract(image, tmp_path / "no.vifex", regions="roi_align")
    with pytest.raises(vifex.InputError, match="single frames, not for clips"):
        vifex.extract(image, tmp_path / "no.vifex", regions="roi_pool", layers=["stem"], clip="4x1")
    with pytest.raises(vifex.InputError, match="takes ROWSxCOLS"):
        vifex.extract(image, tmp_path / "no.vifex", grid="3")
