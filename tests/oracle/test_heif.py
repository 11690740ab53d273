"""HEIF images put together from items, against libheif (pillow-heif) and against what was encoded."""

from __future__ import annotations

import io
import runpy
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms
from skimage.data import coffee

from vifex.values import MediaError, PixelSpec, Sampling, ViewRequest

TESTS = Path(__file__).parents[1]
made: Any = SimpleNamespace(**runpy.run_path(str(TESTS / "unit" / "media" / "made.py")))
heif: Any = SimpleNamespace(**runpy.run_path(str(TESTS / "support" / "heif_maker.py")))

PHOTO = np.asarray(Image.fromarray(coffee()).resize((150, 102)))
RED = np.full((64, 64, 3), (255, 0, 0), np.uint8)


def _by_vifex(path: Path, background: Any = (255, 255, 255)) -> Any:
    _, seen = made.collect(path)
    assert not seen.problems
    spec = PixelSpec(seen.height_px, seen.width_px, decode="exact", background=background)
    (sample,), _ = made.collect(path, ViewRequest(Sampling(), spec))
    return sample.pixels.astype(int)


def _by_libheif(path: Path) -> Any:
    image = pillow_heif.open_heif(path).to_pillow()
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB")).astype(int)


def _check(path: Path, data: bytes, mean: float = 1.5) -> Any:
    """See that the image is libheif's; it places chroma otherwise, hence the mean."""
    path.write_bytes(data)
    ours, theirs = _by_vifex(path), _by_libheif(path)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < mean
    return ours


@pytest.mark.parametrize("side", [(64, 64), (80, 64), (64, 128), (150, 102), (160, 110), (512, 512)])
@pytest.mark.parametrize("pix_fmt", ["yuvj420p", "yuv444p", "yuv420p10le"])
def test_tiles_of_any_size(tmp_path: Path, side: tuple[int, int], pix_fmt: str) -> None:
    maker = heif.Maker()
    grid = maker.grid(PHOTO, side, pix_fmt=pix_fmt)
    # libheif cuts 10 bits to 8 where FFmpeg rounds.
    ours = _check(tmp_path / "grid.heic", maker.write(grid), mean=2.5 if "10" in pix_fmt else 1.5)
    assert np.abs(ours - PHOTO).mean() < 4


def test_numbers_of_four_bytes_and_many_tiles(tmp_path: Path) -> None:
    maker = heif.Maker(wide=True)
    grid = maker.grid(PHOTO, (64, 64), wide=True)
    _check(tmp_path / "wide.heic", maker.write(grid))


@pytest.mark.parametrize("turns", [
    [(heif.irot, 1)], [(heif.irot, 2)], [(heif.irot, 3)], [(heif.imir, 0)], [(heif.imir, 1)],
    [(heif.irot, 1), (heif.imir, 0)], [(heif.irot, 3), (heif.imir, 1)],
])  # fmt: skip
def test_turns_are_applied_in_their_order(tmp_path: Path, turns: Any) -> None:
    maker = heif.Maker()
    grid = maker.grid(PHOTO, (64, 64), *[make(value) for make, value in turns])
    _check(tmp_path / "turned.heic", maker.write(grid))


def test_the_crop_of_the_image_is_applied(tmp_path: Path) -> None:
    maker = heif.Maker()
    grid = maker.grid(PHOTO, (64, 64), heif.clap(120, 80, (-6, 2), (4, 2)), heif.irot(1))
    ours = _check(tmp_path / "cropped.heic", maker.write(grid), mean=2)
    whole = heif.Maker()
    (tmp_path / "whole.heic").write_bytes(whole.write(whole.grid(PHOTO, (64, 64))))
    kept = _by_vifex(tmp_path / "whole.heic")[13:93, 12:132]  # the middle, 3 to the left and 2 down
    np.testing.assert_array_equal(ours, np.rot90(kept))


@pytest.mark.parametrize("first", ["thumbnail", "gain map", "depth"])
def test_thumbnails_and_gain_maps_are_not_the_image(tmp_path: Path, first: str) -> None:
    """They stand before the image, and are as large as it or larger."""
    maker = heif.Maker()
    match first:
        case "thumbnail":
            other = maker.coded(RED)
            grid = maker.grid(PHOTO, (64, 64), heif.irot(3))
            maker.references.append((b"thmb", other, [grid]))
        case "gain map":
            large = np.tile(RED, (4, 4, 1))
            other = maker.grid(large, (64, 64), heif.auxc(heif.GAIN_MAP))
            grid = maker.grid(PHOTO, (64, 64), heif.irot(3))
            maker.references.append((b"auxl", other, [grid]))
        case _:
            other = maker.coded(RED, heif.auxc("urn:mpeg:hevc:2015:auxid:2"))
            grid = maker.grid(PHOTO, (64, 64), heif.irot(3))
            maker.references.append((b"auxl", other, [grid]))
    ours = _check(tmp_path / "beside.heic", maker.write(grid))
    assert np.abs(ours - np.rot90(PHOTO, 3)).mean() < 4


def test_a_single_image_beside_a_gain_map(tmp_path: Path) -> None:
    maker = heif.Maker()
    other = maker.coded(np.tile(RED, (3, 3, 1)), heif.auxc(heif.GAIN_MAP))
    whole = maker.coded(PHOTO[:100, :148], heif.irot(1))
    maker.references.append((b"auxl", other, [whole]))
    ours = _check(tmp_path / "single.heic", maker.write(whole))
    assert np.abs(ours - np.rot90(PHOTO[:100, :148])).mean() < 4


@pytest.mark.parametrize("tiled", [False, True])
def test_alpha_lies_over_white(tmp_path: Path, tiled: bool) -> None:
    maker = heif.Maker()
    ramp = np.repeat(np.linspace(0, 255, 128).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    colours = np.full((64, 128, 3), (20, 90, 160), np.uint8)
    auxiliary = heif.auxc(heif.ALPHA)
    if tiled:
        image = maker.grid(colours, (64, 64))
        alpha = maker.grid(ramp, (64, 64), auxiliary)
    else:
        image, alpha = maker.coded(colours), maker.coded(ramp, auxiliary)
    maker.references.append((b"auxl", alpha, [image]))
    ours = _check(tmp_path / "alpha.heic", maker.write(image), mean=2)
    share = ramp[..., :1] / 255
    assert np.abs(ours - (colours * share + 255 * (1 - share))).mean() < 3


def test_a_profile_counts(tmp_path: Path) -> None:
    """A profile that swaps red and green would show; here it is Lab's D50 sRGB twin with another curve."""
    maker = heif.Maker()
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    plain = linear.tobytes()
    grid = maker.grid(PHOTO, (64, 64), heif.box(b"colr", b"prof", plain))
    path = tmp_path / "profile.heic"
    path.write_bytes(maker.write(grid))
    assert np.abs(_by_vifex(path) - PHOTO).mean() < 4


def test_an_identity_of_an_image_is_turned(tmp_path: Path) -> None:
    maker = heif.Maker()
    inner = maker.coded(PHOTO[:100, :148])
    outer = maker.add(b"iden", b"", heif.ispe(148, 100), heif.irot(1))
    maker.references.append((b"dimg", outer, [inner]))
    path = tmp_path / "identity.heic"
    path.write_bytes(maker.write(outer))
    assert np.abs(_by_vifex(path) - np.rot90(PHOTO[:100, :148])).mean() < 4


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize(
    ("pix_fmt", "is_full"), [("yuvj420p", 1), ("yuv444p", 0), ("yuv444p", 1), ("yuv420p10le", 0)]
)
def test_matrix_and_range_are_those_of_the_item(
    tmp_path: Path, tiled: bool, matrix: int, pix_fmt: str, is_full: int
) -> None:
    """An item's `nclx` counts, not its stream, in a single image as in tiles."""
    maker = heif.Maker()
    nclx = heif.box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, matrix, is_full << 7))
    photo = PHOTO[:100, :148]
    if tiled:
        whole = maker.grid(photo, (64, 64), nclx, pix_fmt=pix_fmt)
    else:
        whole = maker.coded(photo, nclx, pix_fmt=pix_fmt)
    _check(tmp_path / "nclx.heic", maker.write(whole), mean=2.5)


@pytest.mark.parametrize("brand", [b"avif", b"mif1"])
def test_tiles_of_avif(tmp_path: Path, brand: bytes) -> None:
    maker = heif.Maker(brand=brand)
    grid = maker.grid(PHOTO, (80, 64), codec="libsvtav1", pix_fmt="yuv420p")
    path = tmp_path / "grid.avif"
    path.write_bytes(maker.write(grid))
    assert np.abs(_by_vifex(path) - PHOTO).mean() < 6


M2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""BT.709 to BT.2020: ITU-R BT.2087."""


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
@pytest.mark.parametrize("tiled", [False, True])
def test_pixels_in_pq_are_tone_mapped_and_told(tmp_path: Path, brand: bytes, tiled: bool) -> None:
    """The photograph in PQ and BT.2020, white at 203 cd/m2 (BT.2408), comes out near itself."""
    value = PHOTO[:100, :148] / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    y = np.clip(linear @ M2020.T * 203 / 10000, 0, 1) ** 0.1593017578125
    pq = ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375
    codes = np.round(pq * 65535).astype(np.uint16)
    maker = heif.Maker(brand=brand)
    colours = heif.nclx(9, 16, 1, is_full=False)
    how = {"codec": "libsvtav1" if brand == b"avif" else "libx265", "pix_fmt": "yuv420p10le"}
    image = maker.grid(codes, (80, 64), colours, **how) if tiled else maker.coded(codes, colours, **how)
    path = tmp_path / "pq.heic"
    path.write_bytes(maker.write(image))
    ours = _by_vifex(path)
    assert np.corrcoef(ours.ravel(), PHOTO[:100, :148].ravel())[0, 1] > 0.97
    assert abs(ours.mean() - PHOTO[:100, :148].mean()) < 20
    _, seen = made.collect(path)
    assert seen.choices[0].startswith("HDR (PQ, BT.2020) was tone-mapped to SDR")


@pytest.mark.parametrize("kind", [b"iovl", b"unci", b"vvc1", b"j2k1"])
def test_what_cannot_be_put_together_is_named(tmp_path: Path, kind: bytes) -> None:
    maker = heif.Maker()
    inner = maker.coded(PHOTO[:64, :64])
    outer = maker.add(kind, b"\0" * 20, heif.ispe(64, 64))
    maker.references.append((b"dimg", outer, [inner]))
    path = tmp_path / "kind.heic"
    path.write_bytes(maker.write(outer))
    with pytest.raises(MediaError, match="of a kind that cannot be read"):
        made.collect(path)


def test_a_file_that_is_cut_is_partial_or_refused(tmp_path: Path) -> None:
    maker = heif.Maker()
    grid = maker.grid(PHOTO, (64, 64))
    data = maker.write(grid)
    path = tmp_path / "cut.heic"
    path.write_bytes(data[: len(data) * 3 // 4])
    _, seen = made.collect(path)
    assert "tiles could not be decoded" in seen.problems[0]
    path.write_bytes(data[:300])
    with pytest.raises(MediaError):
        made.collect(path)


@pytest.mark.shared
def test_the_reported_file(shared_cases: Path) -> None:
    ours = _by_vifex(shared_cases / "15-grid.heic")
    theirs = _by_libheif(shared_cases / "15-grid.heic")
    assert np.abs(ours - theirs).mean() < 1


@pytest.mark.parametrize("size", [(300, 200), (1100, 700)])
def test_what_libheif_writes(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = Image.fromarray(coffee()).resize(size)
    memory = io.BytesIO()
    pillow_heif.from_pillow(photo).save(memory, quality=90)
    _check(tmp_path / "libheif.heic", memory.getvalue())


@pytest.mark.parametrize("turns", [
    [(heif.irot, 1)], [(heif.irot, 2)], [(heif.irot, 3)], [(heif.imir, 0)], [(heif.imir, 1)],
    [(heif.irot, 1), (heif.imir, 0)], [(heif.irot, 1), (heif.imir, 1)], [(heif.irot, 3), (heif.imir, 1)],
    [(heif.imir, 0), (heif.irot, 1)], [(heif.imir, 1), (heif.irot, 1)], [(heif.imir, 0), (heif.irot, 3)],
    [(heif.imir, 1), (heif.irot, 3)], [(heif.imir, 1), (heif.irot, 2)], [(heif.irot, 1), (heif.irot, 1)],
    [(heif.irot, 3), (heif.imir, 0), (heif.irot, 1)],
])  # fmt: skip
@pytest.mark.parametrize("beside", [False, True])
def test_turns_of_a_single_image(tmp_path: Path, turns: Any, beside: bool) -> None:
    maker = heif.Maker()
    thumbnail = maker.coded(RED) if beside else None
    whole = maker.coded(PHOTO[:100, :148], *[make(value) for make, value in turns])
    if thumbnail is not None:
        maker.references.append((b"thmb", thumbnail, [whole]))
    _check(tmp_path / "single.heic", maker.write(whole))
