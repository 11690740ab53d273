"""The plug-in `vifex-jpeg` against Pillow, over random files, whole and damaged."""

from __future__ import annotations

import hashlib
import io
import sys
import warnings
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from vifex.media.decode.images import eighth
from vifex.media.read import read
from vifex.media.sources import find
from vifex.values import Limits, Medium, PixelSpec, Sampling, ViewRequest

SAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


decoder = pytest.importorskip("vifex_jpeg.decoder", reason="plugins/vifex-jpeg is not installed")
decode_eighth = decoder.decode_eighth


@pytest.fixture(autouse=True)
def _trusted() -> None:
    """The decoder must agree with Pillow here: nothing below would be tested otherwise."""
    assert decoder._is_trusted()


def ours(data: bytes, size: tuple[int, int]) -> Image.Image | None:
    # Not `decode_eighth`, which answers a fault of the decoder with `None`.
    return decoder._decoder().decode(io.BytesIO(data), len(data), size)


def by_pillow(data: bytes, size: tuple[int, int]) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (size[0] // 8, size[1] // 8))
        image.load()
    return image


def jpeg(
    size: tuple[int, int],
    seed: int,
    *,
    grain: float = 0.0,
    units: int = 0,
    kind: str = "waves",
    **options: object,
) -> bytes:
    """A file of smooth waves with grain, of noise, or of points; `units` lie between restarts."""
    rng = np.random.default_rng(seed)
    shape = (size[1], size[0], 3)
    if kind == "waves":
        few = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
        levels = np.asarray(Image.fromarray(few).resize(size, Image.Resampling.BICUBIC), dtype=float)
        levels = np.clip(levels + rng.normal(0, grain, shape), 0, 255)
    else:
        levels = rng.integers(0, 256, shape) if kind == "noise" else rng.integers(0, 2, shape) * 255
    file = io.BytesIO()
    # Pillow's encoder guesses how much memory a file takes, and noise takes more.
    sandbox, ImageFile.MAXBLOCK = ImageFile.MAXBLOCK, 1 << 20
    try:
        image = Image.fromarray(levels.astype(np.uint8))
        image.save(file, "jpeg", restart_marker_blocks=units, **options)
    finally:
        ImageFile.MAXBLOCK = sandbox
    return file.getvalue()


JPEGS = st.fixed_dictionaries(
    {
        "size": st.tuples(st.integers(8, 200), st.integers(8, 200)),
        "seed": st.integers(0, 99),
        "grain": st.sampled_from([0.0, 6.0, 40.0]),
        "kind": st.sampled_from(["waves", "noise", "points"]),
        "units": st.sampled_from([0, 0, 1, 7]),
        "quality": st.integers(1, 100),
        "optimize": st.booleans(),
        "subsampling": st.sampled_from(SAMPLINGS),
    }
)


@given(JPEGS)
def test_plain_files_come_out_as_pillow_gives_them(made: dict) -> None:
    data, size = jpeg(**made), made["size"]
    got, wanted = ours(data, size), by_pillow(data, size)
    assert got is not None
    assert (got.mode, got.size) == (wanted.mode, wanted.size)
    assert got.tobytes() == wanted.tobytes()


@given(
    JPEGS, st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=3), st.data()
)
def test_damaged_files_are_left_to_pillow_or_come_out_as_its_own(
    made: dict, changes: list[tuple[float, int]], data: st.DataObject
) -> None:
    file = bytearray(jpeg(**made))
    for place, value in changes:
        file[int(place * len(file))] = value
    whole = bytes(file[: data.draw(st.integers(len(file) // 2, len(file)))])
    got = ours(whole, made["size"])
    if got is not None:
        assert got.tobytes() == by_pillow(whole, made["size"]).tobytes()


@pytest.mark.parametrize("options", [{"progressive": True}, {"keep_rgb": True}], ids=["progressive", "RGB"])
def test_other_kinds_are_left_to_pillow(options: dict) -> None:
    assert ours(jpeg((120, 90), 1, **options), (120, 90)) is None


def test_a_header_of_another_size_and_a_cut_file_are_left_to_pillow() -> None:
    data = jpeg((120, 90), 1)
    assert ours(data, (120, 96)) is None
    assert ours(data[:-2], (120, 90)) is None
    assert ours(data[: len(data) // 2], (120, 90)) is None
    assert ours(b"\xff\xd8", (120, 90)) is None
    assert decode_eighth(io.BytesIO(data), 33 << 20, (120, 90)) is None


def samples(path: Path) -> np.ndarray:
    medium = next(m for m in find([path]) if isinstance(m, Medium))
    request = ViewRequest(Sampling(), PixelSpec(64, 64, resize="shortest", resize_px=64))
    return np.stack([sample.pixels for sample in read(medium, (request,), Limits())])


@pytest.mark.parametrize("turned", [1, 6])
def test_a_view_holds_the_same_pixels_with_it_and_without(
    turned: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = turned
    path = tmp_path / "large.jpg"
    path.write_bytes(jpeg((900, 640), 3, grain=8.0, quality=90, exif=exif))
    taken = []
    decode = decoder._Decoder.decode
    monkeypatch.setattr(decoder._Decoder, "decode", lambda *args: taken.append(args) or decode(*args))
    with_it = samples(path)
    assert len(taken) == 1
    monkeypatch.setattr(eighth, "_decoders", tuple)
    without = samples(path)
    assert len(taken) == 1
    np.testing.assert_array_equal(with_it, without)


def test_a_plug_in_that_cannot_be_imported_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where its own dependency is missing: every file is then decoded by Pillow."""
    monkeypatch.setitem(sys.modules, "vifex_jpeg", None)  # makes its import fail
    eighth._decoders.cache_clear()
    try:
        data = jpeg((120, 90), 1)
        assert eighth.decode_eighth(io.BytesIO(data), len(data), (120, 90)) is None
    finally:
        eighth._decoders.cache_clear()
    assert entry_points(group=eighth.GROUP), "the plug-in is not registered"


def test_what_is_left_to_pillow_comes_out_whole(tmp_path: Path) -> None:
    path = tmp_path / "progressive.jpg"
    path.write_bytes(jpeg((900, 640), 3, grain=40.0, quality=95, progressive=True))
    medium = next(m for m in find([path]) if isinstance(m, Medium))
    request = ViewRequest(Sampling(), PixelSpec(64, 64, resize="shortest", resize_px=64))
    reading = read(medium, (request,), Limits())
    next(reading)
    with pytest.raises(StopIteration) as end:
        next(reading)
    assert end.value.value.problems == ()


def test_a_fault_of_its_own_leaves_the_file_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    def trap(*_: object) -> None:
        raise RuntimeError("wasm trap: out of bounds memory access")

    data = jpeg((120, 90), 1)
    assert decode_eighth(io.BytesIO(data), len(data), (120, 90)) is not None
    monkeypatch.setattr(decoder._Decoder, "decode", trap)
    assert decode_eighth(io.BytesIO(data), len(data), (120, 90)) is None


def test_one_that_decodes_otherwise_than_pillow_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder._is_trusted.cache_clear()
    monkeypatch.setattr(
        decoder._Decoder, "decode", lambda self, file, n, size: Image.new("RGB", (19, 13), "red")
    )
    try:
        assert not decoder._is_trusted()
    finally:
        decoder._is_trusted.cache_clear()


def test_the_program_is_made_from_the_source_beside_it() -> None:
    """`build_eighth.py` names the source at the program's end."""
    source = Path(decoder.__file__).with_name("eighth.c").read_bytes()
    program = Path(decoder.__file__).with_name("eighth.wasm").read_bytes()
    assert program.endswith(b"source" + hashlib.sha256(source).hexdigest().encode())
