"""`vifex.issues` on images and videos that were spoilt on purpose."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow.csv
import pytest
from PIL import Image, ImageFilter

import vifex
from vifex.values import InputError

COLOURS = {"red": (210, 40, 40), "blue": (40, 60, 210)}


def scene(colour: tuple[int, int, int], seed: int) -> Image.Image:
    """Squares or thin bars of the class's own colour on noise."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(90, 150, (120, 160, 3), np.uint8)
    height, width = (30, 30) if colour == COLOURS["red"] else (120, 6)
    for _ in range(12):
        y, x = rng.integers(0, 121 - height), rng.integers(0, 161 - width)
        shade = np.clip(np.array(colour) + rng.integers(-20, 20, 3), 0, 255)
        pixels[y : y + height, x : x + width] = shade
    return Image.fromarray(pixels)


def write_video(path: Path, images: list[Image.Image]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(4))
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 160, 120, "yuv420p", 16_000_000
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("issues")
    media = folder / "media"
    media.mkdir()
    lines = ["name,label,split"]
    for number in range(16):
        colour = "red" if number % 2 else "blue"
        scene(COLOURS[colour], number).save(media / f"{number:02}.png")
        label = {"red": "blue", "blue": "red"}[colour] if number == 5 else colour
        lines.append(f"{number:02}.png,{label},{'test' if number >= 12 else 'train'}")
    (media / "exact.png").write_bytes((media / "03.png").read_bytes())
    Image.open(media / "04.png").save(media / "near.webp", lossless=True)
    scene(COLOURS["red"], 50).point(lambda level: level // 4).save(media / "dark.png")
    scene(COLOURS["red"], 51).filter(ImageFilter.GaussianBlur(5)).save(media / "blurred.png")
    scene(COLOURS["red"], 52).crop((0, 0, 160, 40)).save(media / "wide.png")
    lines += ["exact.png,red,test", "near.webp,blue,test"]
    lines += [f"{name}.png,red,train" for name in ("dark", "blurred", "wide")]
    write_video(media / "still.mp4", [scene(COLOURS["red"], 60)] * 16)
    write_video(media / "moving.mp4", [scene(COLOURS["red"], 70 + i) for i in range(16)])
    (folder / "labels.csv").write_text("\n".join(lines))
    vifex.extract(media, folder / "lib.vifex", fps=2)
    return folder / "lib.vifex"


def test_what_was_spoilt_is_found(store: Path, tmp_path: Path) -> None:
    labels = store.parent / "labels.csv"
    found = vifex.issues(store, labels=labels, output=tmp_path / "issues.csv", html=tmp_path / "issues.html")
    by_kind = {kind: {one.row.name for one in found.issues if one.kind == kind} for kind in found.counts()}
    assert by_kind["exact-copy"] == {"exact.png"}
    assert "05.png" in by_kind["label"]
    assert len(by_kind["label"]) <= 5
    assert by_kind["dark"] == {"dark.png"}
    assert by_kind["bright"] == set()
    assert by_kind["blurred"] == {"blurred.png"}
    assert by_kind["odd-shape"] == {"wide.png"}
    assert by_kind["still"] == {"still.mp4"}
    assert {"near.webp", "04.png"} & by_kind["near-copy"]
    assert not {"exact.png", "03.png"} & by_kind["near-copy"]
    (exact,) = (one for one in found.issues if one.kind == "exact-copy")
    assert (exact.other, exact.row.split) == ("03.png", "test")
    assert "in test labelled red, and its copy 03.png is in train labelled red" in exact.note
    table = pyarrow.csv.read_csv(tmp_path / "issues.csv")
    assert table.column("name").to_pylist() == [one.row.name for one in found.issues]
    page = (tmp_path / "issues.html").read_text()
    assert "Videos that stand still" in page
    assert "<script" not in page
    assert page.count("<img ") == len(found.issues)


def test_without_labels_and_pixels(store: Path) -> None:
    found = vifex.issues(store, pixels=False)
    assert set(found.counts()) >= {"exact-copy", "still"}
    assert "No medium has a label, so labels were not compared." in found.notes
    assert sum(found.counts().values()) == 0
    with pytest.raises(InputError, match="no column"):
        vifex.issues(store, labels="kind")
