"""HDR and wide gamut against published numbers, and against films of zimg, `zscale` of the ffmpeg command.

zimg turns an sRGB photograph into PQ, HLG or a wide gamut, its white at 203 cd/m2; what comes back must be
near the photograph. What the tone curve leaves as it is, below its knee, must come back to within rounding.
"""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from vifex.media.decode.colour import hdr
from vifex.media.decode.colour.hdr import Colour
from vifex.media.decode.files.stated import DOLBY_ALONE
from vifex.media.read import frame_at, thumbnail
from vifex.values import Limits, MediaError, PixelSpec, Sampling, ViewRequest

MEDIA = Path(__file__).parents[1] / "unit" / "media"
made: Any = SimpleNamespace(**runpy.run_path(str(MEDIA / "made.py")))
films: Any = SimpleNamespace(**runpy.run_path(str(MEDIA / "films.py")))

WIDTH, HEIGHT = 160, 104
FFV1 = "-c:v ffv1 -level 3"
X265 = "-c:v libx265 -x265-params log-level=none:crf=10:range=limited"
BT2020 = "-color_primaries bt2020 -colorspace bt2020nc"
NONE = "-color_primaries unknown -colorspace unknown"
PQ, HLG = "t=smpte2084:p=2020:m=2020_ncl:npl=203", "t=arib-std-b67:p=2020:m=2020_ncl:npl=203"

# Name: what zimg does, format, codec, largest mean difference to the photograph (of 255) in exact pixels.
# BT.2390's curve itself takes 2 to 4: it makes space for highlights. 4:2:0 in PQ smears colours at edges.
HDR = {
    "pq-444.mkv": (PQ, "yuv444p10le", FFV1, 4),
    "pq-full.mkv": (f"{PQ}:r=full", "yuv444p12le", FFV1, 4),
    "pq-rgb.mkv": ("t=smpte2084:p=2020:m=gbr:r=full:npl=203", "gbrp10le", FFV1, 4),
    "pq-p3.mkv": ("t=smpte2084:p=smpte432:m=2020_ncl:npl=203", "yuv444p10le", FFV1, 4),
    "pq-709.mkv": ("t=smpte2084:p=709:m=709:npl=203", "yuv444p10le", FFV1, 4),
    "pq.mkv": (PQ, "yuv420p10le", FFV1, 7),
    "pq.mov": (PQ, "yuv422p10le", f"-c:v prores_ks -color_trc smpte2084 {BT2020}", 7),
    "pq.mp4": (PQ, "yuv420p10le", f"{X265}:transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc", 7),
    "pq.ts": (PQ, "yuv420p10le", f"-c:v libx264 -crf 8 -color_trc smpte2084 {BT2020}", 7),
    "pq.webm": (PQ, "yuv420p10le", f"-c:v libvpx-vp9 -crf 8 -b:v 0 -color_trc smpte2084 {BT2020}", 7),
    "pq-8-bits.mp4": (PQ, "yuv420p", f"-c:v libx264 -crf 8 -color_trc smpte2084 {BT2020}", 9),
    "pq-alone.mp4": (PQ, "yuv420p10le", f"-c:v libx264 -crf 8 -color_trc smpte2084 {NONE}", 7),
    "hlg-444.mkv": (HLG, "yuv444p10le", FFV1, 11),  # zimg bends each channel, BT.2100 the luminance
    "hlg.mkv": (HLG, "yuv420p10le", FFV1, 12),
    "hlg.mp4": (
        HLG,
        "yuv420p10le",
        f"{X265}:transfer=arib-std-b67:colorprim=bt2020:colormatrix=bt2020nc",
        12,
    ),
    "hlg.webm": (HLG, "yuv420p10le", f"-c:v libvpx-vp9 -crf 8 -b:v 0 -color_trc arib-std-b67 {BT2020}", 12),
    "hlg-alone.mp4": (HLG, "yuv420p10le", f"-c:v libx264 -crf 8 -color_trc arib-std-b67 {NONE}", 12),
}
HDR |= {
    "pq-ictcp.mkv": ("t=smpte2084:p=2020:m=ictcp:npl=203", "yuv444p10le", FFV1, 4),
    "pq-ictcp-full.mkv": ("t=smpte2084:p=2020:m=ictcp:r=full:npl=203", "yuv444p12le", FFV1, 4),
    "pq-ictcp.mp4": (
        "t=smpte2084:p=2020:m=ictcp:npl=203",
        "yuv420p10le",
        f"{X265}:transfer=smpte2084:colorprim=bt2020:colormatrix=ictcp",
        7,
    ),
    "hlg-ictcp.mkv": ("t=arib-std-b67:p=2020:m=ictcp:npl=203", "yuv444p10le", FFV1, 11),
}
WIDE = {
    "bt2020.mkv": ("t=iec61966-2-1:p=2020:m=2020_ncl", "yuv444p10le", FFV1, 0.8),
    "bt2020-full.mkv": ("t=iec61966-2-1:p=2020:m=2020_ncl:r=full", "yuv444p12le", FFV1, 0.8),
    "p3.mkv": ("t=iec61966-2-1:p=smpte432:m=709", "yuv444p10le", FFV1, 0.8),
    "dci-p3.mkv": ("t=iec61966-2-1:p=smpte431:m=709", "yuv444p10le", FFV1, 0.8),
    "bt2020.mp4": (
        "t=iec61966-2-1:p=2020:m=2020_ncl",
        "yuv444p",
        f"-c:v libx264 -crf 4 -color_trc iec61966-2-1 {BT2020}",
        2,
    ),
}


def _zimg(path: Path, image: Any, said: tuple[str, str, str, float]) -> Path:
    to, form, codec, _ = said
    graph = f"format=gbrp16le,zscale=tin=iec61966-2-1:pin=709:rin=full:min=gbr:r=limited:{to},format={form}"
    made_path: Path = films.encode(path, np.stack([image] * 4), "-vf", graph, *codec.split())
    return made_path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a film of the photograph by its name, once."""
    folder = tmp_path_factory.mktemp("hdr")

    def make(name: str) -> Path:
        path = folder / name
        return path if path.exists() else _zimg(path, films.photograph(), {**HDR, **WIDE}[name])

    return make


def _read(path: Path, decode: str = "exact", size: tuple[int, int] = (WIDTH, HEIGHT)) -> Any:
    samples, seen = made.collect(path, made.every(width=size[0], height=size[1], decode=decode))
    return samples[1].pixels, seen


@pytest.mark.parametrize("name", [*HDR, *WIDE])
def test_a_film_comes_back_near_the_photograph(name: str, film: Any) -> None:
    most = {**HDR, **WIDE}[name][3]
    for decode in ("exact", "fast"):
        pixels, seen = _read(film(name), decode)
        assert np.abs(pixels.astype(int) - films.photograph()).mean() <= most, decode
        assert not seen.problems
        (note,) = seen.notes
        assert note.startswith("HDR (" if name in HDR else "Its colours (")


@pytest.mark.parametrize(
    "name", [n for n in HDR if n.startswith("pq") and "444" in HDR[n][1]] + ["pq-rgb.mkv"]
)
def test_what_lies_below_the_knee_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    """Light below 87 cd/m2, sRGB codes below about 175, is not bent."""
    dark = (films.photograph().astype(int) * 170 // 255).astype(np.uint8)
    pixels, _ = _read(_zimg(tmp_path / name, dark, HDR[name]))
    assert np.abs(pixels.astype(int) - dark).mean() < 1
    assert np.abs(pixels.astype(int) - dark).max() <= 5


@pytest.mark.parametrize("name", ["pq.mp4", "hlg.webm", "bt2020.mkv"])
def test_scaled_pixels_are_those_of_the_whole_scaled(name: str, film: Any) -> None:
    whole, _ = _read(film(name))
    small, _ = _read(film(name), "fast", (40, 26))
    want = Image.fromarray(whole).resize((40, 26), Image.Resampling.BILINEAR)
    assert np.abs(small.astype(int) - np.asarray(want)).mean() < 3


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos", "bilinear_2x2"])
@pytest.mark.parametrize("name", ["pq.mkv", "pq-8-bits.mp4", "pq-ictcp.mp4", "hlg.mkv", "bt2020.mp4"])
def test_no_size_and_no_filter_spoils_an_image(name: str, interpolation: Any, film: Any) -> None:
    """Swscale has faults where one side stays as it is and the other does not, depending on its flags."""
    photograph = Image.fromarray(films.photograph())
    for size in ((160, 104), (80, 52), (96, 96), (50, 104), (160, 60), (33, 17), (200, 130), (300, 104)):
        want = np.asarray(photograph.resize(size, Image.Resampling.BILINEAR)).astype(int)
        spec = PixelSpec(size[1], size[0], interpolation=interpolation)
        samples, _ = made.collect(film(name), ViewRequest(Sampling("every", every=2), spec))
        assert np.abs(samples[0].pixels - want).mean() < 14, size


@pytest.mark.parametrize("name", ["pq.mp4", "hlg.mp4", "pq.ts", "bt2020.mkv"])
def test_a_moment_shows_the_same(name: str, film: Any) -> None:
    whole, _ = _read(film(name))
    spec = PixelSpec(HEIGHT, WIDTH, decode="exact")
    assert np.array_equal(frame_at(film(name), 0.15, spec, Limits()).pixels, whole)
    assert np.array_equal(np.asarray(thumbnail(film(name), 0.15, None, 500)), whole)


def test_hdr_that_comes_later_is_told(tmp_path: Path) -> None:
    """Two recordings joined, the second in PQ and with a clock of its own."""
    tags = "-color_trc bt709 -color_primaries bt709 -colorspace bt709"
    plain = ("t=709:p=709:m=709", "yuv420p10le", f"-c:v libx264 -crf 8 {tags}", 0.0)
    first = _zimg(tmp_path / "1.ts", films.photograph(), plain)
    second = _zimg(tmp_path / "2.ts", films.photograph(), HDR["pq.ts"])
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    samples, seen = made.collect(both, made.every(width=WIDTH, height=HEIGHT))
    assert len(samples) == 8
    assert np.abs(samples[-1].pixels.astype(int) - films.photograph()).mean() < 7
    assert any("tone-mapped" in note for note in seen.notes)


def test_sdr_stays_as_it_is(tmp_path: Path) -> None:
    """10 bits, BT.709 and older primaries, and curves that are not for display: as the ffmpeg command."""
    for number, (tags, to) in enumerate({
        "-color_trc bt709 -color_primaries bt709 -colorspace bt709": "t=709:p=709:m=709",
        "-color_trc smpte170m -color_primaries smpte170m -colorspace smpte170m": "t=601:p=170m:m=170m",
        "-color_trc linear -color_primaries bt2020 -colorspace bt709": "t=709:p=709:m=709",
        "-color_trc unknown -color_primaries unknown -colorspace unknown": "t=709:p=709:m=709",
    }.items()):  # fmt: skip
        said = (to, "yuv420p10le", f"-c:v libx264 -crf 8 {tags}", 0.0)
        path = _zimg(tmp_path / f"{number}.mp4", films.photograph(), said)
        pixels, seen = _read(path)
        assert not seen.notes, tags
        theirs = films.decode(path, (WIDTH, HEIGHT), "-vf", "scale=flags=bicubic")[1]
        assert np.abs(pixels.astype(int) - theirs).mean() < 1, tags


@pytest.mark.parametrize("to", ["limited", "full"])
def test_ycgco_comes_back_as_it_was(to: str, tmp_path: Path) -> None:
    """Swscale lacks this matrix, as it lacks ICtCp and constant luminance."""
    said = (f"t=iec61966-2-1:p=709:m=ycgco:r={to}", "yuv444p10le", FFV1, 0.0)
    pixels, seen = _read(_zimg(tmp_path / "ycgco.mkv", films.photograph(), said))
    assert np.abs(pixels.astype(int) - films.photograph()).max() <= 2
    assert not seen.notes


@pytest.mark.parametrize("to", ["limited", "full"])
def test_constant_luminance_gives_the_codes_of_bt_2020(to: str, tmp_path: Path) -> None:
    """Zimg takes BT.2020's curve for the scene's light here: its codes are worked out anew."""
    said = (f"t=2020_10:p=2020:m=2020_cl:r={to}", "yuv444p10le", FFV1, 0.0)
    pixels, _ = _read(_zimg(tmp_path / "constant.mkv", films.photograph(), said))
    light = hdr._light("sdr")[films.photograph().astype(np.uint16) * 257] @ np.linalg.inv(hdr._to_bt709(9)).T
    codes = np.where(light < 0.0181, light * 4.5, 1.0993 * np.clip(light, 0, 1) ** 0.45 - 0.0993)
    want = Colour("sdr", 9).to_srgb((np.clip(codes, 0, 1) * 65535).astype(np.uint16))
    assert np.abs(pixels.astype(int) - want).mean() < 1.5


def test_a_matrix_that_nobody_converts_is_told(tmp_path: Path) -> None:
    said = ("t=709:p=709:m=709", "yuv420p", "-c:v libx264 -colorspace smpte2085", 0.0)
    path = _zimg(tmp_path / "2085.mp4", films.photograph(), said)
    with pytest.raises(MediaError, match="none of 4 frames could be turned into RGB"):
        _read(path)


def test_pq_is_that_of_st_2084() -> None:
    """Values of BT.2408, tables 1 and 2, and of ST 2084's own limits."""
    light = np.array([0, 100, 203, 1000, 10000])
    np.testing.assert_allclose(hdr.light_to_pq(light), [0, 0.5081, 0.5807, 0.7518, 1], rtol=0, atol=1e-4)
    np.testing.assert_allclose(hdr.pq_to_light(hdr.light_to_pq(light)), light, atol=1e-6)


def test_hlg_is_that_of_bt_2100() -> None:
    """Half the signal is a twelfth of the light; 75 % are 203 cd/m2 where the peak is 1,000 (BT.2408)."""
    scene = hdr.hlg_to_scene(np.array([0, 0.5, 0.75, 1]))
    np.testing.assert_allclose(scene[[0, 1, 3]], [0, 1 / 12, 1], atol=1e-6)
    assert 1000 * scene[2] ** 1.2 == pytest.approx(203, abs=1)


def test_the_curve_is_that_of_bt_2390() -> None:
    """No change in the dark; both ends; smooth, rising, and bending one way; 203 cd/m2 worked by hand."""
    light = np.linspace(0, 1000, 4001)
    bent = hdr.tone_mapped(light)
    np.testing.assert_allclose(bent[light < 87], light[light < 87], atol=1e-9)
    assert bent[-1] == pytest.approx(203)
    slopes = np.diff(bent) / np.diff(light)
    assert (slopes > 0).all()
    assert np.diff(slopes).max() < 1e-3
    # Peak 0.7518 and white 0.5807 in PQ: most = 0.7724, knee = 0.6586, t = 1/3 at white.
    worked = (20 * 0.6586 + 4 * 0.3414 + 7 * 0.7724) / 27
    at_white = hdr.tone_mapped(np.array([203.0]))
    assert hdr.light_to_pq(at_white)[0] / 0.7518 == pytest.approx(worked, abs=2e-4)


def test_matrices_are_published_ones() -> None:
    """ITU-R BT.2087, annex 2; and Display P3 to sRGB as Apple and the CSS specification give it."""
    bt2020 = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    p3 = [[1.2249, -0.2249, 0], [-0.0420, 1.0420, 0], [-0.0196, -0.0786, 1.0983]]
    np.testing.assert_allclose(hdr._to_bt709(9), bt2020, atol=2e-4)
    np.testing.assert_allclose(hdr._to_bt709(12), p3, atol=4e-4)
    np.testing.assert_allclose(hdr._to_bt709(11).sum(axis=1), 1, atol=1e-4)  # its white becomes ours
    np.testing.assert_allclose(hdr._luminance(9), [0.2627, 0.6780, 0.0593], atol=1e-4)


@pytest.mark.parametrize("transfer", ["pq", "hlg", "sdr"])
def test_gray_stays_gray_and_rises(transfer: Any) -> None:
    codes = np.repeat(np.arange(0, 65536, 16, dtype=np.uint16)[None, :, None], 3, axis=2)
    pixels = Colour(transfer, 9).to_srgb(codes).astype(int)
    assert np.ptp(pixels, axis=2).max() <= 1
    assert (np.diff(pixels[0, :, 0]) >= 0).all()
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[0, -1].tolist() == [255, 255, 255]


def test_sdr_gray_of_a_wide_gamut_keeps_its_code() -> None:
    codes = (np.arange(256, dtype=np.uint16) * 257)[None, :, None].repeat(3, axis=2)
    pixels = Colour("sdr", 9).to_srgb(codes).astype(int)
    assert np.abs(pixels - np.arange(256)[None, :, None]).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 300_000), (1000, 700)])
def test_pixels_do_not_depend_on_their_neighbours(shape: tuple[int, int]) -> None:
    codes = np.random.default_rng(3).integers(0, 65536, (*shape, 3), dtype=np.uint16)
    colour = Colour("hlg", 9)
    pixels = colour.to_srgb(codes)
    for row, column in ((0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, shape[1] // 3)):
        one = codes[row : row + 1, column : column + 1]
        assert np.array_equal(colour.to_srgb(one)[0, 0], pixels[row, column])


@pytest.mark.parametrize(
    ("points", "want"),
    [
        ((16, 9, 9), Colour("pq", 9)),
        ((16, 2, 2), Colour("pq", 9)),
        ((18, 2, 9), Colour("hlg", 9)),
        ((18, 12, 9), Colour("hlg", 12)),
        ((16, 1, 1), Colour("pq", 1)),
        ((16, 5, 1), Colour("pq", 1)),
        ((1, 9, 9), Colour("sdr", 9)),
        ((14, 9, 9), Colour("sdr", 9)),
        ((2, 2, 9), Colour("sdr", 9)),
        ((13, 12, 1), Colour("sdr", 12)),
        ((1, 1, 1), None),
        ((2, 2, 2), None),
        ((6, 6, 6), None),
        ((1, 1, 9), None),
        ((8, 9, 9), None),
        ((17, 10, 2), None),
    ],
)
def test_what_code_points_mean(points: tuple[int, int, int], want: Colour | None) -> None:
    assert Colour.of(*points) == want


@pytest.mark.shared
def test_real_hdr_is_no_longer_washed_out(shared_media: Path) -> None:
    """Phones' and cameras' own: more contrast and colour than when codes are taken as they are."""
    for name in (
        "good/clip-av1-10bit.mp4",
        "good/clip-av1-hdr10-portrait.mp4",
        "good/clip-hevc-hlg-1080p.mp4",
    ):
        with av.open(str(shared_media / name)) as container:
            frame = next(container.decode(video=0))
            plain = frame.reformat(240, 136, "rgb24").to_ndarray().astype(int)
        samples, seen = made.collect(shared_media / name, ViewRequest(Sampling(fps=1), PixelSpec(136, 240)))
        mine = samples[0].pixels.astype(int)
        assert mine.std() > 1.2 * plain.std(), name
        assert np.ptp(mine, axis=2).mean() > 1.2 * np.ptp(plain, axis=2).mean(), name
        assert "tone-mapped" in seen.notes[0]


@pytest.mark.parametrize("name", ["pq.mp4", "hlg.webm", "bt2020.mp4"])
def test_the_command_finds_the_photograph(name: str, film: Any, tmp_path: Path, vifex_command: Any) -> None:
    Image.fromarray(films.photograph()).save(tmp_path / "photo.png")
    done = vifex_command("extract", film(name), "-o", tmp_path / "s.vifex", "--fps", 1, "--json")
    assert json.loads(done.stdout)["ok"] == 1, done.stderr
    found = vifex_command("search", tmp_path / "s.vifex", tmp_path / "photo.png", "--json")
    assert json.loads(found.stdout)["hits"][0]["score"] > 0.95
    shown = json.loads(vifex_command("show", tmp_path / "s.vifex", "--json").stdout)
    (note,) = shown["views"][0]["notes"]
    assert ("tone-mapped" in note["reason"]) == (name in HDR)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("profile", "base", "is_wrong"), [(5, 0, True), (8, 4, False), (8, 1, False), (10, 0, True)]
)
def test_dolby_vision_without_a_usual_base_layer_is_told(
    profile: int, base: int, is_wrong: bool, suffix: str, tmp_path: Path
) -> None:
    path = _dolby(tmp_path, profile, base)
    if suffix == ".mkv":
        films.ffmpeg("-i", path, "-c", "copy", "-strict", "unofficial", path.with_suffix(suffix))
    samples, seen = made.collect(path.with_suffix(suffix), made.every(width=WIDTH, height=HEIGHT))
    assert len(samples) == 4
    assert seen.problems == ((DOLBY_ALONE,) if is_wrong else ())


def test_the_command_tells_of_dolby_vision(tmp_path: Path, vifex_command: Any) -> None:
    path = _dolby(tmp_path, 5, 0)
    done = vifex_command("extract", path, "-o", tmp_path / "s.vifex", "--fps", 1, "--json")
    report = json.loads(done.stdout)
    assert (report["partial"], report["rows"]) == (1, 1), report
    assert "Dolby Vision" in report["problems"][0]["reason"]


def _dolby(folder: Path, profile: int, base: int) -> Path:
    path = _zimg(
        folder / "dolby.mp4", films.photograph(), (PQ, "yuv420p10le", f"{X265} -tag:v hvc1 {NONE}", 0.0)
    )
    config = bytes([1, 0, profile << 1, 0x35, base << 4]) + bytes(19)
    boxed: Path = films.with_boxes(path, films.box(b"dvvC" if profile > 7 else b"dvcC", config))
    return boxed


def test_a_store_from_before_the_rule_goes_on(film: Any, tmp_path: Path, vifex_command: Any) -> None:
    """Its recipe lacks the rule and has the same hash."""
    store, words = tmp_path / "s.vifex", ("--fps", 1, "--json")
    vifex_command("extract", film("bt2020.mkv"), "-o", store, *words)
    recipe = store / "views" / "main" / "recipe.json"
    data = json.loads(recipe.read_text())
    assert data["recipe"].pop("hdr") == hdr.HDR_RULE
    recipe.write_text(json.dumps(data))
    done = vifex_command("extract", film("bt2020.mkv"), film("pq.mp4"), "-o", store, *words)
    report = json.loads(done.stdout)
    assert (report["already_done"], report["ok"]) == (1, 1), done.stderr
