"""Colours, orientation and alpha of images, against pairs that must look alike and against arithmetic."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage.data import coffee

from vifex.values import PixelSpec, Sampling, ViewRequest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "media" / "made.py")))


def _pixels(
    path: Path, height: int, width: int, *, decode: Any = "exact", background: Any = (255, 255, 255)
) -> Any:
    request = ViewRequest(Sampling(), PixelSpec(height, width, decode=decode, background=background))
    (sample,), seen = made.collect(path, request)
    assert seen.kind == "image"
    assert sample.t_s is sample.pts is sample.frame_index is None
    return sample.pixels.astype(int)


def _apart(a: Any, b: Any) -> float:
    return float(np.abs(a - b).mean())


@pytest.mark.shared
@pytest.mark.parametrize("decode", ["exact", "fast"])
def test_the_eight_orientations_look_alike(shared_media: Path, decode: str) -> None:
    images = [
        _pixels(shared_media / "good" / f"photo-exif-{i}.jpg", 60, 90, decode=decode) for i in range(1, 9)
    ]
    for turned in images[1:]:
        assert _apart(images[0], turned) < 1.5


@pytest.mark.shared
def test_display_p3_is_converted_by_its_profile(shared_media: Path) -> None:
    """Both files hold the same numbers; the one with the profile is to change as the matrices say.

    P3 and sRGB share white and the curve; the matrix is P3 to XYZ to sRGB (SMPTE EG 432-1, IEC 61966-2-1).
    """
    good = shared_media / "good"
    p3, plain = (_pixels(good / f"photo-{n}.jpg", 400, 600) for n in ("display-p3", "same-srgb"))
    coded = plain / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
    srgb = np.clip(linear @ matrix.T, 0, 1)
    expected = 255 * np.where(srgb <= 0.0031308, srgb * 12.92, 1.055 * srgb ** (1 / 2.4) - 0.055)
    assert _apart(p3, expected) < 0.6 < 3 < _apart(p3, plain)


@pytest.mark.shared
def test_sixteen_bit_gray_is_scaled(shared_media: Path) -> None:
    """The same photograph in colour, made gray: mean 117, where Pillow's own conversion gives 255."""
    gray = _pixels(shared_media / "odd" / "gray-16bit.png", 300, 451)
    colour = _pixels(shared_media / "good" / "photo-chelsea.png", 300, 451)
    luma = colour @ np.array([0.2126, 0.7152, 0.0722])
    assert gray.mean() == pytest.approx(117, abs=1)
    assert _apart(gray[..., 0], luma) < 3


@pytest.mark.shared
def test_cmyk_is_not_inverted(shared_media: Path) -> None:
    cmyk = _pixels(shared_media / "good" / "photo-cmyk.jpg", 400, 600)
    coffee = _pixels(shared_media / "good" / "photo-coffee.png", 400, 600)
    assert _apart(cmyk, coffee) < 6


@pytest.mark.shared
@pytest.mark.parametrize("decode", ["exact", "fast"])
def test_transparency_shows_the_background(shared_media: Path, decode: str) -> None:
    path = shared_media / "odd" / "pixel-1x1.png"
    assert _pixels(path, 2, 2, decode=decode).tolist() == [[[255] * 3] * 2] * 2
    assert _pixels(path, 1, 1, decode=decode, background=(10, 20, 30)).tolist() == [[[10, 20, 30]]]


@pytest.mark.shared
def test_exif_in_png_and_turns_in_avif_are_applied(shared_media: Path) -> None:
    _, png = made.collect(shared_media / "odd" / "exif-6.png")
    assert (png.width_px, png.height_px) == (960, 1395)
    _, avif = made.collect(shared_media / "odd" / "irot-imir.avif")
    assert (avif.width_px, avif.height_px) == (640, 427)
    _, tiff = made.collect(shared_media / "odd" / "bilevel-g4-orientation-6.tif")
    assert (tiff.width_px, tiff.height_px) == (590, 88)


@pytest.mark.shared
def test_the_first_image_counts(shared_media: Path) -> None:
    for name, size in {
        "multipage.tif": (10, 10),
        "stereo.mpo": (640, 480),
        "gain-map.jpg": (400, 300),
    }.items():
        samples, seen = made.collect(shared_media / "odd" / name)
        assert (len(samples), seen.width_px, seen.height_px) == (1, *size)


@pytest.mark.shared
def test_interlaced_png_equals_the_plain_one(shared_media: Path) -> None:
    good = shared_media / "good"
    a, b = (_pixels(good / n, 300, 451) for n in ("photo-chelsea.png", "photo-interlaced.png"))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("I;16", [0, 257, 32896, 65535], [0, 1, 128, 255]),
        ("I", [0, 257, 32896, 65535], [0, 1, 128, 255]),
        ("F", [0.0, 0.5, 1.0, float("nan")], [0, 128, 255, 0]),
    ],
)
def test_deep_gray_is_scaled_by_its_range(
    tmp_path: Path, mode: str, values: list[float], expected: list[int]
) -> None:
    kinds = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    path = tmp_path / "deep.tif"
    Image.fromarray(np.array([values], dtype=kinds[mode])).save(path)
    assert _pixels(path, 1, 4)[0, :, 0].tolist() == expected


def test_palettes_with_transparency_lie_over_the_background(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])
    image.save(tmp_path / "p.png", transparency=1)
    assert _pixels(tmp_path / "p.png", 1, 2).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_half_transparent_pixels_are_mixed(tmp_path: Path) -> None:
    Image.new("RGBA", (1, 1), (0, 0, 0, 128)).save(tmp_path / "half.png")
    assert _pixels(tmp_path / "half.png", 1, 1).tolist() == [[[127, 127, 127]]]


@pytest.mark.parametrize("numbers", ["float", "half"])
@pytest.mark.parametrize("compression", ["none", "rle", "zip1", "zip16"])
def test_linear_light_of_openexr_becomes_srgb(
    tmp_path: Path, ffmpeg: Any, numbers: str, compression: str
) -> None:
    """A photograph's light by IEC 61966-2-1; light beyond white stays white."""
    photo = np.asarray(Image.fromarray(coffee()).resize((96, 64)))
    code = photo / 255
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype("<f4")
    light[:8, :8] = 7.5
    raw, path = tmp_path / "planes.raw", tmp_path / "light.exr"
    raw.write_bytes(np.ascontiguousarray(np.moveaxis(light[..., [1, 2, 0]], 2, 0)).tobytes())
    ffmpeg("-f", "rawvideo", "-pix_fmt", "gbrpf32le", "-s", "96x64", "-i", raw, "-c:v", "exr",
           "-format", numbers, "-compression", compression, "-frames:v", 1, "-update", 1, path)  # fmt: skip
    (sample,), seen = made.collect(path, ViewRequest(Sampling(), PixelSpec(64, 96, decode="exact")))
    assert not seen.problems
    expected = photo.astype(int)
    expected[:8, :8] = 255
    assert np.abs(sample.pixels.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("brightest", [1.0, 9.0])
def test_linear_light_of_radiance_becomes_srgb(tmp_path: Path, brightest: float) -> None:
    """Three mantissas and a shared exponent for each pixel; one of 8 bits is less exact in the dark."""
    photo = np.asarray(Image.fromarray(coffee()).resize((97, 63)))
    code = photo / 255
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    light[:8, :8] = brightest
    exponents = np.floor(np.log2(light.max(axis=2))) + 1
    mantissas = np.clip(light / 2.0 ** exponents[..., None] * 256, 0, 255)
    pixels = np.dstack([mantissas, exponents + 128]).astype(np.uint8)
    path = tmp_path / "light.hdr"
    path.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 63 +X 97\n" + pixels.tobytes())
    (sample,), seen = made.collect(path, ViewRequest(Sampling(), PixelSpec(63, 97, decode="exact")))
    assert not seen.problems
    expected = photo.astype(int)
    expected[:8, :8] = 255
    apart = np.abs(sample.pixels.astype(int) - expected)
    assert apart.mean() < 3
