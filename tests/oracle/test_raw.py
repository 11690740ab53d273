"""Raw photographs: which of the images in them is taken, and that a thumbnail never passes for it.

The files are made here as cameras lay them out; thumbnails are plain red.
"""

from __future__ import annotations

import io
import runpy
import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.data import coffee

from vifex.values import MediaError, PixelSpec, Sampling, ViewRequest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "media" / "made.py")))

WIDTH, HEIGHT = 300, 200
PHOTO = np.asarray(Image.fromarray(coffee()).resize((WIDTH, HEIGHT)))
RED = np.full((48, 64, 3), (200, 0, 0), np.uint8)
DNG = [(50706, "B", 4, b"\1\4\0\0", True)]
CAMERA = [(271, "s", 0, "NIKON CORPORATION", True)]
LINEAR = np.where(PHOTO / 255 <= 0.04045, PHOTO / 255 / 12.92, ((PHOTO / 255 + 0.055) / 1.055) ** 2.4)


def _mosaic() -> Any:
    """Give what a sensor with red, green, green and blue in turn would count, 14 bits."""
    out = np.empty((HEIGHT, WIDTH), np.uint16)
    for y, x, band in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        out[y::2, x::2] = np.round(LINEAR[y::2, x::2, band] * 16000)
    return out


def _cfa(*, is_complete: bool) -> dict[str, Any]:
    tags: list[Any] = [(33421, "H", 2, (2, 2), True), (33422, "B", 4, b"\0\1\1\2", True)]
    if is_complete:
        tags += [(50710, "B", 3, b"\0\1\2", True), (50714, "H", 1, 0, True), (50717, "H", 1, 16000, True)]
    return {"photometric": 32803, "extratags": tags, "subfiletype": 0}


def _jpeg(image: Any, orientation: int | None = None, **options: Any) -> bytes:
    memory, exif = io.BytesIO(), Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.fromarray(image).save(
        memory, "JPEG", quality=95, exif=exif.tobytes() if orientation else b"", **options
    )
    return memory.getvalue()


def _matrix() -> list[Any]:
    """Give tags by which LibRaw knows the colours of the sensor: those of sRGB itself, from XYZ."""
    from_xyz = (32405, -15371, -4985, -9693, 18760, 416, 556, -2040, 10572)
    flat = tuple(v for n in from_xyz for v in (n, 10000))
    return [
        (50708, "s", 0, "Made here", True), (50721, "2i", 9, flat, True), (50778, "H", 1, 21, True),
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),
    ]  # fmt: skip


def _write(path: Path, *, tags: list[Any], below: list[Any], orientation: int | None = None) -> None:
    extra = [*tags] + ([(274, "H", 1, orientation, True)] if orientation else [])
    with tifffile.TiffWriter(path) as tif:
        tif.write(RED, subifds=len(below), subfiletype=1, photometric="rgb", extratags=extra)
        for pixels, options in below:
            tif.write(pixels, **options)


def _seen(path: Path) -> tuple[Any, Any]:
    _, seen = made.collect(path)
    spec = PixelSpec(seen.height_px, seen.width_px, decode="exact")
    (sample,), seen = made.collect(path, ViewRequest(Sampling(), spec))
    assert not seen.problems
    return sample.pixels.astype(int), seen


def _is_photo(pixels: Any, *, turned: int = 0, mean: float = 4) -> bool:
    small = np.asarray(Image.fromarray(np.rot90(PHOTO, turned)).resize(pixels.shape[1::-1]))
    return float(np.abs(pixels - small).mean()) < mean


@pytest.mark.parametrize("tags", [DNG, CAMERA], ids=["dng", "nef"])
@pytest.mark.parametrize("orientation", [None, 1, 6, 8])
def test_the_jpeg_beside_the_mosaic_is_read_and_turned(
    tmp_path: Path, tags: Any, orientation: int | None
) -> None:
    """As Nikon does it: the thumbnail first, the mosaic below it, the JPEG where only the maker knows."""
    path = tmp_path / "camera.nef"
    _write(path, tags=tags, below=[(_mosaic(), _cfa(is_complete=False))], orientation=orientation)
    path.write_bytes(path.read_bytes() + b"maker" + _jpeg(PHOTO))
    pixels, seen = _seen(path)
    assert _is_photo(pixels, turned={6: 3, 8: 1}.get(orientation or 1, 0))
    assert "raw photograph" in seen.choices[0]
    assert "300 x 200 pixels embedded" in seen.choices[0]


def test_the_largest_of_several_is_taken_and_the_smaller_one_told(tmp_path: Path) -> None:
    path = tmp_path / "camera.dng"
    half = np.asarray(Image.fromarray(PHOTO).resize((160, 106)))
    _write(path, tags=DNG, below=[(_mosaic(), _cfa(is_complete=False))])
    path.write_bytes(
        path.read_bytes() + _jpeg(np.ascontiguousarray(RED)) + b"\0" * 9 + _jpeg(half) + _jpeg(RED[:32])
    )
    pixels, seen = _seen(path)
    assert pixels.shape == (106, 160, 3)
    assert _is_photo(pixels)
    assert seen.choices == (
        "It is a raw photograph (DNG) of 300 x 200; the preview of 160 x 106 pixels embedded in it was read.",
    )


def test_a_jpeg_that_says_how_it_is_turned_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "camera.dng"
    _write(path, tags=DNG, below=[(_mosaic(), _cfa(is_complete=False))], orientation=6)
    path.write_bytes(path.read_bytes() + _jpeg(np.ascontiguousarray(np.rot90(PHOTO)), orientation=6))
    assert _is_photo(_seen(path)[0])


def test_pixels_of_a_directory_are_read(tmp_path: Path) -> None:
    path = tmp_path / "camera.dng"
    rgb = {"photometric": "rgb", "compression": "zlib", "subfiletype": 1, "rowsperstrip": 16}
    _write(path, tags=DNG, below=[(_mosaic(), _cfa(is_complete=False)), (PHOTO, rgb)], orientation=3)
    assert _is_photo(_seen(path)[0], turned=2, mean=0.5)


def test_a_damaged_preview_gives_way_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "camera.dng"
    half = np.asarray(Image.fromarray(PHOTO).resize((160, 106)))
    whole = _jpeg(PHOTO)
    _write(path, tags=DNG, below=[(_mosaic(), _cfa(is_complete=False))])
    path.write_bytes(path.read_bytes() + _jpeg(half) + whole[: len(whole) // 2])
    assert _seen(path)[0].shape == (106, 160, 3)


@pytest.mark.parametrize("tags", [DNG, CAMERA], ids=["dng", "nef"])
def test_a_thumbnail_alone_is_refused(tmp_path: Path, tags: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    path = tmp_path / "camera.dng"
    _write(path, tags=tags, below=[(_mosaic(), _cfa(is_complete=False))])
    path.write_bytes(path.read_bytes() + _jpeg(RED))
    with pytest.raises(MediaError, match=r"raw photograph .*\.\[raw\]"):
        made.collect(path)


def test_a_thumbnail_alone_is_developed_where_rawpy_is(tmp_path: Path) -> None:
    path = tmp_path / "camera.dng"
    _write(path, tags=[*DNG, *_matrix()], below=[(_mosaic(), _cfa(is_complete=True))], orientation=6)
    pixels, seen = _seen(path)
    assert "developed by LibRaw" in seen.choices[0]
    assert pixels.shape[0] > pixels.shape[1]
    expected = np.asarray(Image.fromarray(np.rot90(PHOTO, 3)).resize(pixels.shape[1::-1]))
    alike = [np.corrcoef(pixels[..., band].ravel(), expected[..., band].ravel())[0, 1] for band in range(3)]
    assert min(alike) > 0.97


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("RAF", b"FUJIFILMCCD-RAW 0201FF129502" + b"\0" * 100),
        ("X3F", b"FOVb" + b"\0" * 200),
        ("MRW", b"\0MRM" + b"\0" * 200),
        ("CRW", b"II\x1a\0\0\0HEAPCCDR" + b"\0" * 200),
        ("CR3", struct.pack(">I", 24) + b"ftypcrx \0\0\0\1crx isom" + b"\0" * 200),
        ("RW2", b"IIU\0\x18\0\0\0" + b"\0" * 200),
        ("ORF", b"IIRO\x08\0\0\0" + b"\0" * 200),
    ],
)
def test_what_is_no_tiff_by_its_first_bytes(
    tmp_path: Path, kind: str, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    large = np.asarray(Image.fromarray(PHOTO).resize((900, 600)))
    path = tmp_path / "camera.raw"
    path.write_bytes(
        head + _jpeg(RED) + b"\0" * 50 + _jpeg(large, progressive=True) + b"\xff\xd8\xff\xc3" * 9
    )
    pixels, seen = _seen(path)
    assert pixels.shape == (600, 900, 3)
    assert _is_photo(pixels)
    assert f"({kind})" in seen.choices[0]
    path.write_bytes(head + _jpeg(RED))
    with pytest.raises(MediaError, match=rf"raw photograph \({kind}\)"):
        made.collect(path)


def test_tiles_of_the_sensor_are_no_previews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lossy DNG keeps the sensor's image in tiles that are JPEGs by themselves."""
    monkeypatch.setitem(sys.modules, "rawpy", None)
    path = tmp_path / "lossy.dng"
    linear = {
        "photometric": 34892,
        "planarconfig": "contig",
        "compression": "jpeg",
        "tile": (192, 192),
        "subfiletype": 0,
    }
    _write(path, tags=DNG, below=[(PHOTO, linear)])
    assert path.read_bytes().count(b"\xff\xd8\xff") >= 4
    with pytest.raises(MediaError, match="raw photograph"):
        made.collect(path)


def test_a_plain_tiff_with_a_thumbnail_first(tmp_path: Path) -> None:
    """No raw file: the image is the directory below, whole and not flagged as a copy."""
    path = tmp_path / "scan.tif"
    _write(path, tags=[], below=[(PHOTO, {"photometric": "rgb", "subfiletype": 0})])
    pixels, seen = _seen(path)
    assert _is_photo(pixels, mean=0.5)
    assert not seen.choices


@pytest.mark.shared
def test_the_reported_file(shared_cases: Path) -> None:
    pixels, seen = _seen(shared_cases / "04-camera.dng")
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(shared_cases / "photo.png").convert("RGB")))
    assert "raw photograph (DNG)" in seen.choices[0]
