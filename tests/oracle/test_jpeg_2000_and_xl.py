"""JPEG 2000 and JPEG XL of many depths, against the numbers that OpenJPEG and libjxl were given."""

from __future__ import annotations

import io
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imagecodecs
import numpy as np
import pillow_jxl  # noqa: F401 - lets Pillow write JPEG XL
import pytest
from PIL import Image, ImageCms
from skimage.data import coffee

from vifex.values import MediaError, PixelSpec, Sampling, ViewRequest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "media" / "made.py")))

RGB = np.asarray(Image.fromarray(coffee()).resize((150, 102))).copy()
RGB[:20, :30] = 255  # what is quite white must not run over
GRAY = RGB[..., 1]
ALPHA = (np.add.outer(np.arange(102), np.arange(150)) % 256).astype(np.uint8)
SHARE = ALPHA[..., None] / 255
KINDS = {
    "gray": (GRAY, GRAY[..., None]),
    "rgb": (RGB, RGB),
    "la": (np.dstack([GRAY, ALPHA]), GRAY[..., None] * SHARE + 255 * (1 - SHARE)),
    "rgba": (np.dstack([RGB, ALPHA]), RGB * SHARE + 255 * (1 - SHARE)),
}


def _read(path: Path, data: bytes, decode: Any = "exact") -> Any:
    path.write_bytes(data)
    (sample,), seen = made.collect(path, ViewRequest(Sampling(), PixelSpec(102, 150, decode=decode)))
    assert not seen.problems
    assert seen.kind == "image"
    return sample.pixels.astype(int)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("bits", [4, 6, 8, 9, 10, 12, 14, 16])
@pytest.mark.parametrize("form", ["jp2", "j2k"])
@pytest.mark.parametrize("decode", ["exact", "fast"])
def test_jpeg_2000_of_any_depth(tmp_path: Path, kind: str, bits: int, form: str, decode: str) -> None:
    stored, expected = KINDS[kind]
    if form == "j2k" and kind == "la":
        pytest.skip("a bare stream of two components does not say that one is alpha")
    if kind == "la" and 8 < bits < 16:
        pytest.skip("refused; see below")
    top = 2**bits - 1
    numbers = (stored.astype(np.uint32) * top + 127) // 255
    data = imagecodecs.jpeg2k_encode(
        numbers.astype(np.uint8 if bits <= 8 else np.uint16), bitspersample=bits, codecformat=form
    )
    apart = np.abs(_read(tmp_path / f"kind.{form}", data, decode) - expected)
    assert apart.max() <= max(2, 300 / top)


@pytest.mark.parametrize("numbers", [GRAY.astype(np.int16) - 128, GRAY.astype(np.int32) * 257 - 32768])
def test_jpeg_2000_of_signed_numbers(tmp_path: Path, numbers: Any) -> None:
    kind = np.int8 if numbers.min() >= -128 else np.int16
    data = imagecodecs.jpeg2k_encode(numbers.astype(kind))
    assert np.abs(_read(tmp_path / "signed.jp2", data) - GRAY[..., None]).max() <= 1


@pytest.mark.parametrize("bits", [9, 12, 15])
def test_jpeg_2000_of_deep_gray_with_alpha_is_named(tmp_path: Path, bits: int) -> None:
    numbers = (KINDS["la"][0].astype(np.uint32) * (2**bits - 1) + 127) // 255
    data = imagecodecs.jpeg2k_encode(numbers.astype(np.uint16), bitspersample=bits)
    with pytest.raises(MediaError, match=f"2 components of {bits} bits"):
        _read(tmp_path / "deep.jp2", data)


def test_jpeg_2000_of_more_than_16_bits_is_named(tmp_path: Path) -> None:
    data = imagecodecs.jpeg2k_encode(GRAY.astype(np.uint32) << 16, bitspersample=24)
    with pytest.raises(MediaError, match="JPEG 2000 of a kind that cannot be read: 1 components of 24 bits"):
        _read(tmp_path / "deep.jp2", data)


@pytest.mark.parametrize("side", [(66, 92), (67, 92), (66, 93), (67, 93)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p12le"])
def test_jpeg_2000_of_ycc(tmp_path: Path, ffmpeg: Any, pix_fmt: str, side: tuple[int, int]) -> None:
    """Of lower chroma, at odd sizes too; sYCC takes the full range (ISO/IEC 15444-1, I.5.3.3)."""
    image = RGB[: side[0], : side[1]]
    source, path = tmp_path / "source.png", tmp_path / "ycc.jp2"
    Image.fromarray(image).save(source)
    to = "scale=out_range=pc:out_color_matrix=bt601:flags=accurate_rnd+full_chroma_int"
    ffmpeg("-i", source, "-vf", to, "-pix_fmt", pix_fmt, "-c:v", "libopenjpeg", path)
    request = ViewRequest(Sampling(), PixelSpec(*side, decode="exact"))
    (sample,), seen = made.collect(path, request)
    assert not seen.problems
    apart = sample.pixels.astype(int) - image
    assert np.abs(apart).mean() < 4
    assert abs(apart.mean()) < 1


def test_jpeg_xl_of_deep_gray_with_alpha_is_named(tmp_path: Path) -> None:
    data = imagecodecs.jpegxl_encode(KINDS["la"][0].astype(np.uint16) * 257, lossless=True)
    with pytest.raises(MediaError, match="gray JPEG XL with alpha of more than 8 bits"):
        _read(tmp_path / "deep.jxl", data)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("container", [False, True])
def test_jpeg_xl_of_8_bits(tmp_path: Path, kind: str, container: bool) -> None:
    stored, expected = KINDS[kind]
    data = imagecodecs.jpegxl_encode(stored, lossless=True, usecontainer=container)
    assert np.abs(_read(tmp_path / "kind.jxl", data) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["gray", "rgb"])
def test_jpeg_xl_of_16_linear_bits_is_brightened_by_its_profile(tmp_path: Path, kind: str) -> None:
    """The encoder marks 16 bits as linear light: IEC 61966-2-1 says what sRGB makes of it."""
    stored, expected = KINDS[kind]
    data = imagecodecs.jpegxl_encode(stored.astype(np.uint16) * 257, lossless=True)
    light = expected / 255
    srgb = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    apart = np.abs(_read(tmp_path / "linear.jxl", data) - srgb)
    assert apart.mean() < 3


def test_jpeg_xl_that_loses_a_little(tmp_path: Path) -> None:
    memory = io.BytesIO()
    Image.fromarray(RGB).save(memory, "JXL", quality=92)
    assert np.abs(_read(tmp_path / "lossy.jxl", memory.getvalue()) - RGB).mean() < 4


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_jpeg_xl_made_from_a_jpeg_is_turned_as_it(tmp_path: Path, orientation: int) -> None:
    exif, memory = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    turned = np.ascontiguousarray(np.rot90(RGB, {1: 0, 3: 2, 6: 1, 8: 3}[orientation]))
    Image.fromarray(turned).save(memory, "JPEG", quality=95, exif=exif.tobytes())
    (tmp_path / "turned.jpg").write_bytes(memory.getvalue())
    out = tmp_path / "turned.jxl"
    Image.open(tmp_path / "turned.jpg").save(out, "JXL", lossless_jpeg=True)
    assert np.abs(_read(out, out.read_bytes()) - RGB).mean() < 5


def test_jpeg_xl_without_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    data = imagecodecs.jpegxl_encode(RGB, lossless=True)
    with pytest.raises(MediaError, match=r"it is a JPEG XL, and reading it needs .*\.\[jxl\]"):
        _read(tmp_path / "kind.jxl", data)


def test_an_animated_jpeg_xl_is_refused(tmp_path: Path) -> None:
    data = imagecodecs.jpegxl_encode(
        np.stack([RGB, 255 - RGB]), lossless=True, photometric="rgb", planar=False
    )
    with pytest.raises(MediaError, match="animated JPEG XL"):
        _read(tmp_path / "moving.jxl", data)


@pytest.mark.parametrize("size", [(8, 8), (256, 256), (300, 200), (1920, 1080), (7, 5000), (640, 480)])
def test_a_jpeg_xl_that_is_too_large_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    from vifex.media.decode.files.source import open_uri
    from vifex.media.decode.images.formats.jpeg_xl import prepare_jpeg_xl
    from vifex.values import Limits

    path = tmp_path / "size.jxl"
    Image.new("RGB", size).save(path, "JXL")
    area = size[0] * size[1]
    with open_uri(path) as file:
        prepare_jpeg_xl(file, Limits(max_pixels=area))
        with pytest.raises(MediaError, match=f"it is {size[0]} x {size[1]} pixels large"):
            prepare_jpeg_xl(file, Limits(max_pixels=area - 1))


def test_a_profile_of_deep_jpeg_2000_counts(tmp_path: Path) -> None:
    """A box with a profile stands before the image; Lab cannot be one, so nothing is to change."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = imagecodecs.jpeg2k_encode(RGB.astype(np.uint16) * 257)
    box = b"\x02\0\0" + profile
    start = data.index(b"colr") - 4
    size = int.from_bytes(data[start : start + 4])
    colr = (8 + len(box)).to_bytes(4) + b"colr" + box
    header = data.index(b"jp2h") - 4
    grown = int.from_bytes(data[header : header + 4]) + len(colr) - size
    data = data[:header] + grown.to_bytes(4) + data[header + 4 : start] + colr + data[start + size :]
    assert np.abs(_read(tmp_path / "profile.jp2", data) - RGB).max() <= 3
