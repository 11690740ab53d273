"""TIFFs of every kind that tifffile writes, against the numbers that it wrote.

Each file is one photograph with an odd size, stored as numbers of one type. Vifex gives its pixels by the
scaling that docs/image-formats.md states, or refuses by a sentence that names the kind. Nothing else counts.
"""

from __future__ import annotations

import runpy
import struct
from collections.abc import Iterator
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

HEIGHT, WIDTH = 67, 93
RGB = np.asarray(Image.fromarray(coffee()).resize((WIDTH, HEIGHT)))
GRAY = RGB[..., 1]
ALPHA = (np.add.outer(np.arange(HEIGHT), 2 * np.arange(WIDTH)) % 256).astype(np.uint8)
COMPRESSIONS: Any = (None, "zlib", "lzw", "packbits", "zstd", "lzma", ("lzw", 2), ("zlib", 2), ("zlib", 3))
LAYOUTS: Any = (("<", None, False), (">", None, False), ("<", (32, 48), False), (">", (32, 48), True))
PHOTOMETRIC = {
    "minisblack": "minisblack", "miniswhite": "miniswhite", "rgb": "rgb", "rgba": "rgb", "la": "minisblack",
    "premultiplied": "rgb", "cmyk": "separated",
}  # fmt: skip


def _stored(eight: Any, dtype: str) -> Any:
    """Give eight bits as numbers of a type: floats 0 to 1, integers over the whole of their range."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return (eight / 255).astype(kind)
    top = 2 ** (8 * kind.itemsize) - 1
    whole = eight.astype(object) * (top // 255)
    return (whole if kind.kind == "u" else whole - (top + 1) // 2).astype(kind)


def _image(photo: str) -> tuple[Any, Any]:
    """Give what is stored, as eight bits, and what is to be seen of it over white."""
    share = ALPHA[..., None] / 255
    match photo:
        case "rgb":
            return RGB, RGB
        case "rgba":
            return np.dstack([RGB, ALPHA]), RGB * share + 255 * (1 - share)
        case "la":
            return np.dstack([GRAY, ALPHA]), GRAY[..., None] * share + 255 * (1 - share)
        case "premultiplied":
            colours = np.round(RGB * share)
            return np.dstack([colours, ALPHA]).astype(np.uint8), colours + 255 * (1 - share)
        case "cmyk":
            inks = np.dstack([255 - RGB, GRAY // 4])
            return inks, np.asarray(Image.frombytes("CMYK", (WIDTH, HEIGHT), inks.tobytes()).convert("RGB"))
        case "miniswhite":
            return 255 - GRAY, np.dstack([GRAY] * 3)
    return GRAY, np.dstack([GRAY] * 3)


def _files(photo: str, dtype: str, path: Path) -> Iterator[str]:
    """Write the kinds one after the other at one path, each named by what is said of it."""
    stored = _stored(_image(photo)[0], dtype)
    extra = {"rgba": ["unassalpha"], "la": ["unassalpha"], "premultiplied": ["assocalpha"]}.get(photo)
    for number, compression in enumerate(COMPRESSIONS):
        name, predictor = compression if isinstance(compression, tuple) else (compression, None)
        if predictor == (2 if stored.dtype.kind == "f" else 3):
            continue  # tifffile does not write it
        for planar in ("contig", "separate") if stored.ndim == 3 else (None,):
            order, tile, is_big = LAYOUTS[(number + (planar == "separate")) % len(LAYOUTS)]
            tifffile.imwrite(
                path,
                stored.transpose(2, 0, 1) if planar == "separate" else stored,
                photometric=PHOTOMETRIC[photo],
                planarconfig=planar,
                extrasamples=extra,
                compression=name,
                predictor=predictor,
                byteorder=order,
                tile=tile,
                bigtiff=is_big,
                rowsperstrip=None if tile else 20,
            )
            yield f"{dtype} {photo} {planar} {name} predictor {predictor} {order} tile {tile} big {is_big}"


def _read(path: Path, decode: Any = "exact") -> Any:
    request = ViewRequest(Sampling(), PixelSpec(HEIGHT, WIDTH, decode=decode))
    (sample,), seen = made.collect(path, request)
    assert not seen.problems
    return sample.pixels.astype(int)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("photo", sorted(PHOTOMETRIC))
def test_every_kind_shows_what_was_stored(tmp_path: Path, photo: str, dtype: str) -> None:
    """Within 1 of 255: 16 bits lose their lower byte in Pillow; 2 where alpha rounds a second time."""
    path, expected = tmp_path / "kind.tif", _image(photo)[1]
    tolerance = 2 if photo in ("rgba", "la", "premultiplied") else 1
    if photo == "premultiplied":
        tolerance = 4  # of colours divided by a small alpha
    for kind in _files(photo, dtype, path):
        apart = np.abs(_read(path) - expected)
        assert apart.max() <= tolerance + 1, (kind, apart.max())
        assert apart.mean() < 0.8, (kind, apart.mean())


@pytest.mark.parametrize("photo", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 10, 12, 14])
def test_gray_of_few_or_odd_bits(tmp_path: Path, photo: str, bits: int) -> None:
    top = 2**bits - 1
    numbers = (GRAY.astype(int) * top + 127) // 255
    stored = top - numbers if photo == "miniswhite" else numbers
    path = tmp_path / "bits.tif"
    kind = bool if bits == 1 else np.uint8 if bits < 8 else np.uint16
    tifffile.imwrite(path, stored.astype(kind), photometric=photo, bitspersample=bits)
    assert np.abs(_read(path) - (numbers * 255 / top)[..., None]).max() <= 1


@pytest.mark.parametrize(
    ("name", "numbers", "white"),
    [
        ("floats of 0 to 255", GRAY.astype("f4"), 255),
        ("floats of 0 to 255, a little over", (GRAY * 1.1 - 5).astype("f8"), 255),
        ("floats of 0 to 65535", (GRAY * 257.0).astype("f4"), 65535),
        ("floats above 1, for a bright light", np.where(GRAY > 250, 3.0, GRAY / 255).astype("f2"), 1),
        ("int16 of 0 to 255", GRAY.astype("i2"), 255),
        ("int16 of 0 to 32767", (GRAY.astype("i4") * 128).astype("i2"), 32767),
        ("int32 of 0 to 65535", GRAY.astype("i4") * 257, 65535),
        ("uint32 of 0 to 255", GRAY.astype("u4"), 255),
        ("int64 of 0 to 65535", GRAY.astype("i8") * 257, 65535),
        ("floats with holes", np.where(GRAY < 9, np.nan, GRAY / 255).astype("f4"), 1),
    ],
)
def test_white_is_found_from_the_numbers_and_told(
    tmp_path: Path, name: str, numbers: Any, white: int
) -> None:
    path = tmp_path / "numbers.tif"
    tifffile.imwrite(path, numbers, photometric="minisblack")
    shares = np.clip(np.nan_to_num(tifffile.imread(path).astype("f8")) / white, 0, 1)
    assert np.abs(_read(path) - shares[..., None] * 255).max() <= 1
    _, seen = made.collect(path)
    said = " ".join(seen.choices)
    peak = np.nanmax(numbers)
    if numbers.dtype.kind != "f" or peak > 1:
        assert f"{white:g} for white" in said
        assert ("clipped" in said) == (peak > white)
    else:
        assert not said


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("photo", ["minisblack", "separated"])
@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_and_inks_with_alpha_lie_over_white(
    tmp_path: Path, photo: str, kind: str, dtype: Any, planar: Any
) -> None:
    """Of inks, 0 is white: the photograph is stored as what its colours lack of white."""
    is_gray = photo == "minisblack"
    image = GRAY[..., None] if is_gray else RGB
    share = ALPHA[..., None] / 255
    stored = image if is_gray else np.dstack([255 - RGB, np.zeros_like(GRAY)])
    if kind == "assocalpha":
        stored = np.round(stored * share)
    both = np.dstack([stored, ALPHA]).astype(dtype) * (np.iinfo(dtype).max // 255)
    path = tmp_path / "alpha.tif"
    both = np.moveaxis(both, 2, 0) if planar == "separate" else both
    tifffile.imwrite(path, both, photometric=photo, planarconfig=planar, extrasamples=[kind])
    expected = image * share + 255 * (1 - share)
    assert np.abs(_read(path) - expected).max() <= 4


def test_fast_decoding_shows_the_same(tmp_path: Path) -> None:
    path = tmp_path / "wide.tif"
    tifffile.imwrite(path, GRAY.astype("f8"), photometric="minisblack")
    assert np.abs(_read(path, "fast") - GRAY[..., None]).max() <= 1


def test_a_palette_of_16_bits(tmp_path: Path) -> None:
    table = np.zeros((3, 65536), np.uint16)
    indices = (GRAY.astype(np.uint16) << 7) + 3
    for band in range(3):
        table[band, indices] = RGB[..., band].astype(np.uint16) * 257
    path = tmp_path / "palette.tif"
    tifffile.imwrite(path, indices, photometric="palette", colormap=table)
    np.testing.assert_array_equal(_read(path), (table[:, indices] // 257).transpose(1, 2, 0))


def test_orientation_and_profile_count_for_numbers_that_pillow_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "turned.tif"
    turned = np.ascontiguousarray(np.rot90(GRAY)).astype("f8") / 255
    tifffile.imwrite(path, turned, photometric="minisblack", extratags=[(274, "H", 1, 6, True)])
    assert np.abs(_read(path) - GRAY[..., None]).max() <= 1


@pytest.mark.parametrize(
    ("numbers", "options", "named"),
    [
        (RGB.astype("c8"), {"photometric": "rgb"}, "64-bit complex numbers"),
        (GRAY.astype("f4") * 1e6, {"photometric": "minisblack"}, "floats from 0 to 2"),
        (GRAY.astype("f4") - 128, {"photometric": "minisblack"}, "floats from -1"),
        (GRAY.astype("f8"), {"photometric": "minisblack", "compression": "lerc"}, "LERC of 64-bit floats"),
        (GRAY.astype("u2"), {"photometric": "cfa"}, "mosaic of a sensor"),
        (RGB, {"photometric": "rgb", "compression": "jpeg2000"}, "JPEG 2000 of 8-bit integers"),
        (RGB, {"photometric": "rgb", "compression": "jpegxl"}, "JPEG XL of 8-bit integers"),
        (GRAY, {"photometric": "minisblack", "compression": "lerc"}, "LERC of 8-bit integers"),
        (RGB.astype("u2"), {"photometric": "cielab"}, "CIELab of 16-bit integers"),
        (
            np.stack([GRAY.astype("f4")] * 16),
            {"photometric": "minisblack", "volumetric": True, "tile": (16, 32, 32)},
            "volume of several slices",
        ),
        (
            np.stack([GRAY] * 16),
            {"photometric": "minisblack", "volumetric": True, "tile": (16, 32, 32)},
            "volume of several slices",
        ),
        (RGB, {"photometric": "rgb", "compression": "webp"}, "WebP of 8-bit integers"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(
    tmp_path: Path, numbers: Any, options: dict[str, Any], named: str
) -> None:
    path = tmp_path / "kind.tif"
    tifffile.imwrite(path, numbers, **options)
    with pytest.raises(MediaError) as caught:
        made.collect(path)
    assert named in str(caught.value)
    assert "TIFF" in str(caught.value)


@pytest.mark.parametrize(
    ("photo", "bands", "said"),
    [("minisblack", 5, "the first was read"), ("rgb", 6, "the first three were read")],
)
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_samples_of_unknown_meaning_are_told(
    tmp_path: Path, photo: str, bands: int, said: str, planar: Any
) -> None:
    stored = (
        np.dstack([RGB if photo == "rgb" else GRAY, *[255 - GRAY] * bands])[..., :bands].astype("u2") * 257
    )
    path = tmp_path / "bands.tif"
    tifffile.imwrite(
        path,
        np.moveaxis(stored, 2, 0) if planar == "separate" else stored,
        photometric=photo,
        planarconfig=planar,
        extrasamples=[0] * (bands - (3 if photo == "rgb" else 1)),
    )
    expected = RGB if photo == "rgb" else GRAY[..., None]
    assert np.abs(_read(path) - expected).max() <= 1
    _, seen = made.collect(path)
    assert seen.choices == (f"It has {bands} samples per pixel; {said}.",)


def test_holes_are_black(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tif"
    tiles = [GRAY[:64, :64].astype("f4") / 255, None, None, None]
    tifffile.imwrite(
        path, iter(tiles), shape=(HEIGHT, WIDTH), dtype="f4", tile=(64, 64), photometric="minisblack"
    )
    pixels = _read(path)
    assert np.abs(pixels[:64, :64] - GRAY[:64, :64, None]).max() <= 1
    assert not pixels[64:].any()
    assert not pixels[:, 64:].any()


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_strips_whose_sizes_are_not_stated(tmp_path: Path, compression: Any) -> None:
    """Tag 279 is renamed to one that nobody knows."""
    path = tmp_path / "unsized.tif"
    tifffile.imwrite(path, GRAY.astype("f8") / 255, photometric="minisblack", compression=compression)
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tif:
        at = tif.pages.first.tags[279].offset
    path.write_bytes(data[:at] + (60000).to_bytes(2, "little") + data[at + 2 :])
    assert np.abs(_read(path) - GRAY[..., None]).max() <= 1


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_what_is_cut_is_partial(tmp_path: Path, compression: Any) -> None:
    """Strips that are there are shown, and the sentence counts those that are not."""
    path = tmp_path / "cut.tif"
    tifffile.imwrite(
        path, GRAY.astype("f8"), photometric="minisblack", compression=compression, rowsperstrip=8
    )
    with tifffile.TiffFile(path) as tif:
        offsets = tif.pages.first.dataoffsets
        assert tif.pages.first.offset < offsets[0]
    path.write_bytes(path.read_bytes()[: offsets[5] + 10])
    (sample,), seen = made.collect(path, ViewRequest(Sampling(), PixelSpec(HEIGHT, WIDTH, decode="exact")))
    assert seen.problems[0].startswith("4 of 9 strips or tiles could not be decoded")
    assert np.abs(sample.pixels[:40].astype(int) - GRAY[:40, :, None]).max() <= 1


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("03-planar16", "photo"),
        ("05-miniswhite16", "gray"),
        *[(f"06-{kind}", "gray") for kind in ("float32-0-255", "float16", "int32", "uint32", "int8")],
    ],
)
def test_the_reported_files(shared_cases: Path, name: str, reference: str) -> None:
    request = ViewRequest(Sampling(), PixelSpec(106, 160, decode="exact"))
    (sample,), _ = made.collect(shared_cases / f"{name}.tif", request)
    (right,), _ = made.collect(shared_cases / f"{reference}.png", request)
    scaled = 0.95 if name == "06-int32" else 1.0  # its white is 8e6 * 255, of 2^31 - 1
    apart = np.abs(sample.pixels.astype(int) - right.pixels.astype(int) * scaled)
    assert apart.max() <= 2


def _write_ycbcr(path: Path, across: int, down: int) -> None:
    """Write chroma of lower resolution, not compressed: for each block its luma, then its chroma."""
    full = np.asarray(Image.fromarray(RGB[:64, :92]).convert("YCbCr"))
    luma, blue, red = full[..., 0], full[::down, ::across, 1], full[::down, ::across, 2]
    data = b"".join(
        luma[top : top + down, left : left + across].tobytes()
        + bytes([blue[top // down, left // across], red[top // down, left // across]])
        for top in range(0, 64, down)
        for left in range(0, 92, across)
    )
    at = 8 + len(data)
    tags = [
        (256, 4, 92), (257, 4, 64), (258, 3, at + 2 + 12 * 11 + 4), (259, 3, 1), (262, 3, 6), (273, 4, 8),
        (277, 3, 3), (278, 4, 64), (279, 4, len(data)), (284, 3, 1), (530, 3, across | down << 16),
    ]  # fmt: skip
    counts = {258: 3, 530: 2}
    table = b"".join(struct.pack("<HHII", tag, kind, counts.get(tag, 1), value) for tag, kind, value in tags)
    head = b"II*\0" + struct.pack("<I", at)
    path.write_bytes(
        head + data + struct.pack("<H", len(tags)) + table + b"\0" * 4 + struct.pack("<HHH", 8, 8, 8)
    )


@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_chroma_of_lower_resolution(tmp_path: Path, across: int, down: int) -> None:
    path = tmp_path / "ycbcr.tif"
    _write_ycbcr(path, across, down)
    (sample,), seen = made.collect(path, ViewRequest(Sampling(), PixelSpec(64, 92, decode="exact")))
    assert not seen.problems
    assert np.abs(sample.pixels.astype(int) - RGB[:64, :92]).mean() < 6


@pytest.mark.parametrize("packing", ["raw", "lzw", "deflate", "packbits"])
@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv422p", "yuv420p"])
def test_black_and_white_of_ycbcr_are_what_the_file_says(
    tmp_path: Path, ffmpeg: Any, pix_fmt: str, packing: str
) -> None:
    """ReferenceBlackWhite says 15 and 235 in what FFmpeg writes."""
    source, path = tmp_path / "source.png", tmp_path / "range.tif"
    Image.fromarray(RGB[:64, :92]).save(source)
    ffmpeg("-i", source, "-pix_fmt", pix_fmt, "-compression_algo", packing, path)
    (sample,), seen = made.collect(path, ViewRequest(Sampling(), PixelSpec(64, 92, decode="exact")))
    assert not seen.problems
    apart = sample.pixels.astype(int) - RGB[:64, :92]
    assert abs(apart.mean()) < 2
    assert np.abs(apart).mean() < 4


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "jpeg"])
def test_each_page_of_either_byte_order(tmp_path: Path, big: bool, order: Any, compression: Any) -> None:
    path = tmp_path / "pages.tif"
    pages = [RGB, 255 - RGB, np.ascontiguousarray(RGB[::-1])]
    with tifffile.TiffWriter(path, bigtiff=big, byteorder=order) as tif:
        for page in pages:
            tif.write(page, photometric="rgb", compression=compression)
    request = ViewRequest(Sampling(pages="all"), PixelSpec(HEIGHT, WIDTH, decode="exact"))
    if (big, order, compression) == (True, ">", "jpeg"):  # Pillow opens no such file
        with pytest.raises(MediaError, match="YCbCr of 8-bit integers"):
            made.collect(path, request)
        return
    samples, _ = made.collect(path, request)
    assert [s.frame_index for s in samples] == [0, 1, 2]
    for sample, page in zip(samples, pages, strict=True):
        assert np.abs(sample.pixels.astype(int) - page).mean() < (4 if compression == "jpeg" else 0.1)
