"""Cropping that a container states: the pixels are those of the same film cut by hand, wherever one looks."""

from __future__ import annotations

import json
import runpy
import struct
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from vifex.media.decode.geometry import Margins
from vifex.media.read import frame_at, thumbnail
from vifex.values import Box, Limits, PixelSpec, Sampling, ViewRequest

MEDIA = Path(__file__).parents[1] / "unit" / "media"
made: Any = SimpleNamespace(**runpy.run_path(str(MEDIA / "made.py")))
films: Any = SimpleNamespace(**runpy.run_path(str(MEDIA / "films.py")))

WIDTH, HEIGHT, N = 160, 104, 12
MATROSKA = (24, 6, 40, 10)
"""Left, top, right, bottom."""
LEFT, TOP, RIGHT, BOTTOM = MATROSKA
INNER = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)
CLAP = (INNER[0], INNER[1], (LEFT - RIGHT, 2), (TOP - BOTTOM, 2))
"""The same as a clean aperture: its size, and how far its middle is off that of the image."""
CODECS = {
    "plain.mkv": ("libx264", "yuv444p", {"crf": "0", "preset": "ultrafast"}),
    "plain.webm": ("libvpx-vp9", "yuv420p", {"crf": "4", "b:v": "0", "cpu-used": "5"}),
    "ffv1.mkv": ("ffv1", "yuv422p", {}),
    "plain.mp4": ("libx264", "yuv444p", {"crf": "0", "preset": "ultrafast"}),
    "odd.mp4": ("libx265", "yuv420p", {"x265-params": "log-level=none", "preset": "ultrafast"}),
    "prores.mov": ("prores_ks", "yuv422p10le", {}),
    "mpeg4.mov": ("mpeg4", "yuv420p", {}),
    "fragmented.mp4": ("libx264", "yuv420p", {"crf": "4", "preset": "ultrafast"}),
}


def _film(
    path: Path, *, rotation: int = 0, aspect: Fraction | None = None, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> Path:
    codec, form, options = CODECS.get(path.name) or CODECS[f"plain{path.suffix}"]
    flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"} if path.stem == "fragmented" else {}
    with av.open(str(path), "w", container_options=flags) as container:
        stream = container.add_stream(codec, rate=Fraction(10), options=options)
        stream.width, stream.height = size
        stream.pix_fmt = form
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(N):
            image = np.roll(films.photograph(*size), 5 * number, axis=1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _cropped(path: Path) -> Path:
    if path.suffix in (".mkv", ".webm"):
        cropped: Path = films.crop_in_matroska(path, *MATROSKA)
    else:
        cropped = films.with_boxes(path, films.clap(*CLAP))
    return cropped


def _pixels(path: Path, size: tuple[int, int], decode: str = "exact") -> np.ndarray[Any, Any]:
    samples, seen = made.collect(path, made.every(width=size[0], height=size[1], decode=decode))
    assert (seen.width_px, seen.height_px) == size
    assert len(samples) == N
    return np.stack([s.pixels for s in samples])


def _near(mine: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any], most: float) -> None:
    assert mine.shape == theirs.shape
    assert np.abs(mine.astype(int) - theirs.astype(int)).mean() <= most


@pytest.mark.parametrize("name", sorted(CODECS))
def test_pixels_are_those_cut_from_the_whole(name: str, tmp_path: Path) -> None:
    """Equal but for chroma at the borders, which is interpolated from what is visible alone."""
    path = _film(tmp_path / name)
    whole = _pixels(path, (WIDTH, HEIGHT))[:, TOP : HEIGHT - BOTTOM, LEFT : WIDTH - RIGHT]
    _cropped(path)
    mine = _pixels(path, INNER)
    _near(mine, whole, 0.6)
    assert np.array_equal(mine[:, 2:-2, 2:-2], whole[:, 2:-2, 2:-2])


@pytest.mark.parametrize("name", sorted(CODECS))
def test_pixels_are_those_of_the_ffmpeg_command(name: str, tmp_path: Path) -> None:
    """It is told what to cut off; newer ones would read the container themselves."""
    path = _film(tmp_path / name)
    places = f"crop={INNER[0]}:{INNER[1]}:{LEFT}:{TOP}:exact=1"
    theirs = films.decode(path, INNER, "-vf", f"{places},scale=flags=bicubic")
    _cropped(path)
    _near(_pixels(path, INNER), theirs, 1.0)
    _near(_pixels(path, INNER, "fast"), theirs, 1.0)


@pytest.mark.parametrize("decode", ["exact", "fast"])
@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("name", ["plain.mp4", "plain.mkv"])
def test_what_is_cut_off_is_stored_pixels_before_the_turn(
    name: str, rotation: int, decode: str, tmp_path: Path
) -> None:
    path = _film(tmp_path / name, rotation=rotation)
    turned = (HEIGHT, WIDTH) if rotation != 180 else (WIDTH, HEIGHT)
    whole = _pixels(path, turned)
    stored = np.rot90(whole, -rotation // 90, axes=(1, 2))
    want = np.rot90(stored[:, TOP : HEIGHT - BOTTOM, LEFT : WIDTH - RIGHT], rotation // 90, axes=(1, 2))
    _cropped(path)
    _near(_pixels(path, (want.shape[2], want.shape[1]), decode), want, 0.6)


@pytest.mark.parametrize("name", ["plain.mp4", "fragmented.mp4", "odd.mp4", "plain.mkv"])
def test_the_cropping_of_the_stream_comes_first(name: str, tmp_path: Path) -> None:
    """150 x 90 is coded as 160 x 96, and the codec's own header cuts it; the container counts from there."""
    width, height = 150, 90
    path = _film(tmp_path / name, size=(width, height))
    whole = _pixels(path, (width, height))[:, 10:70, 20:120]
    if path.suffix == ".mkv":
        films.crop_in_matroska(path, 20, 10, 30, 20)
    else:
        films.with_boxes(path, films.clap(100, 60, -5, -5))
    mine = _pixels(path, (100, 60))
    assert np.array_equal(mine[:, 2:-2, 2:-2], whole[:, 2:-2, 2:-2])


@pytest.mark.parametrize(
    "margins", [(1, 0, 0, 0), (0, 1, 0, 0), (3, 5, 7, 9), (0, 0, 159, 103), (159, 103, 0, 0)]
)
def test_odd_margins_in_matroska(margins: tuple[int, int, int, int], tmp_path: Path) -> None:
    left, top, right, bottom = margins
    path = _film(tmp_path / "plain.mkv")
    whole = _pixels(path, (WIDTH, HEIGHT))[:, top : HEIGHT - bottom, left : WIDTH - right]
    films.crop_in_matroska(path, *margins)
    assert np.array_equal(_pixels(path, (WIDTH - left - right, HEIGHT - top - bottom)), whole)


@pytest.mark.parametrize(
    ("aperture", "places"),
    [
        ((158, 103), (1, 0, 159, 103)),
        ((157, 104), (1, 0, 158, 104)),
        (((1423, 10), 104), (8, 0, 151, 104)),
        ((100, 100, (1, 2), (-1, 2)), (30, 1, 130, 101)),
        ((160, 104), (0, 0, 160, 104)),
    ],
)
def test_apertures_in_part_of_a_pixel(
    aperture: tuple[Any, ...], places: tuple[int, int, int, int], tmp_path: Path
) -> None:
    """Where an edge lies in a pixel: FFmpeg 8's `mov_read_clap`, worked by hand."""
    left, top, right, bottom = places
    path = _film(tmp_path / "plain.mp4")
    whole = _pixels(path, (WIDTH, HEIGHT))[:, top:bottom, left:right]
    films.with_boxes(path, films.clap(*aperture))
    assert np.array_equal(_pixels(path, (right - left, bottom - top)), whole)


BROKEN = {
    "larger than the image": films.clap(161, 104),
    "outside": films.clap(100, 104, 31),
    "nothing": films.clap(0, 104),
    "denominator 0": films.clap((100, 0), 104),
    "offset by 1/0": films.clap(100, 100, (1, 0)),
    "cut short": films.box(b"clap", b"\0" * 12),
    "empty": films.box(b"clap", b""),
    "endless": struct.pack(">I4s", 0xFFFFFFF0, b"clap") + b"\0" * 32,
    "size 0": struct.pack(">I4s", 0, b"clap") + b"\0" * 32,
}


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_an_aperture_that_makes_no_sense_is_not_applied(kind: str, tmp_path: Path) -> None:
    path = _film(tmp_path / "plain.mp4")
    whole = _pixels(path, (WIDTH, HEIGHT))
    films.with_boxes(path, BROKEN[kind])
    assert np.array_equal(_pixels(path, (WIDTH, HEIGHT)), whole)


def test_margins_that_leave_nothing_of_a_frame_are_not_applied() -> None:
    """As where a stream goes on with smaller frames; FFmpeg refuses files that say so from the start."""
    assert Margins(100, 0, 60, 0).inner(160, 104) == (0, 0, 160, 104)
    assert Margins(100, 0, 59, 0).inner(160, 104) == (100, 0, 101, 104)


@pytest.mark.parametrize(
    ("aspect", "display", "wide"),
    [
        (None, None, INNER[0]),  # square, the track as wide as the whole
        (None, INNER, INNER[0]),  # square, the track as wide as its aperture
        (None, (INNER[0] * 2, INNER[1]), INNER[0] * 2),  # the aperture is shown twice as wide
        (Fraction(4, 3), None, INNER[0] * 4 // 3),  # `pasp` comes first
        (Fraction(4, 3), INNER, INNER[0] * 4 // 3),
    ],
)
def test_the_aspect_of_pixels_in_mp4(
    aspect: Fraction | None, display: tuple[int, int] | None, wide: int, tmp_path: Path
) -> None:
    path = _film(tmp_path / "plain.mp4", aspect=aspect)
    if aspect is None:
        data = path.read_bytes()
        path.write_bytes(data.replace(b"pasp", b"free"))
    films.with_boxes(path, films.clap(*CLAP), display=display)
    _, seen = made.collect(path, made.every(width=32, height=32))
    assert (seen.width_px, seen.height_px) == (wide, INNER[1])


@pytest.mark.parametrize(
    ("more", "wide"),
    [
        ((f"display-width={INNER[0]}", f"display-height={INNER[1]}"), INNER[0]),
        (("display-unit=0", f"display-width={INNER[0] * 2}", f"display-height={INNER[1]}"), INNER[0] * 2),
        (("display-unit=1", "display-width=30", "display-height=20"), INNER[1] * 3 // 2),
        (("display-unit=3", "display-width=2", "display-height=1"), INNER[1] * 2),
    ],
)
def test_the_size_on_screen_in_matroska_is_that_of_the_cropped_image(
    more: tuple[str, ...], wide: int, tmp_path: Path
) -> None:
    path = films.crop_in_matroska(_film(tmp_path / "plain.mkv"), *MATROSKA, *more)
    _, seen = made.collect(path, made.every(width=32, height=32))
    assert (seen.width_px, seen.height_px) == (wide, INNER[1])


@pytest.mark.parametrize("name", ["plain.mp4", "plain.mkv"])
def test_boxes_count_pixels_of_the_cropped_image(name: str, tmp_path: Path) -> None:
    path = _film(tmp_path / name)
    whole = _pixels(path, (WIDTH, HEIGHT))[:, TOP : HEIGHT - BOTTOM, LEFT : WIDTH - RIGHT]
    medium = made.medium_of(_cropped(path), boxes=(Box(10, 20, 42, 52), Box(80, 70, 96, 88)))
    for decode in ("exact", "fast"):
        spec = PixelSpec(16, 16, decode=decode, interpolation="nearest")
        samples, _ = made.collect(medium, ViewRequest(Sampling("every", every=1), spec))
        assert [s.box for s in samples[:2]] == [Box(10, 20, 42, 52), Box(80, 70, 96, 88)]
        assert len(samples) == 2 * N
        for number in (0, 5):
            _near(samples[2 * number + 1].pixels[:, :], whole[number, 70:88, 80:96][1:17], 40)
            _near(samples[2 * number].pixels, whole[number, 20:52, 10:42][1::2, 1::2], 12)


@pytest.mark.parametrize("name", sorted(CODECS))
def test_a_moment_shows_the_same_image(name: str, tmp_path: Path) -> None:
    """What a query, a preview and a contact sheet show."""
    path = _cropped(_film(tmp_path / name))
    samples, _ = made.collect(path, made.every(width=INNER[0], height=INNER[1]))
    spec = PixelSpec(INNER[1], INNER[0], decode="exact")
    assert np.array_equal(frame_at(path, 0.55, spec, Limits()).pixels, samples[5].pixels)
    small = thumbnail(path, 0.55, None, 1000)
    assert small.size == INNER
    assert np.array_equal(np.asarray(small), samples[5].pixels)
    part = thumbnail(path, 0.55, Box(8, 4, 40, 50), 1000)
    assert np.array_equal(np.asarray(part), samples[5].pixels[4:50, 8:40])


def test_the_second_video_track_is_not_the_first(tmp_path: Path) -> None:
    """Two tracks, of which the second, larger one counts, and only the first one is cropped."""
    first, second = _film(tmp_path / "plain.mp4"), tmp_path / "big.mp4"
    _film(second, size=(2 * WIDTH, 2 * HEIGHT))
    both = tmp_path / "both.mkv"
    films.ffmpeg("-i", first, "-i", second, "-map", 0, "-map", 1, "-c", "copy", both)
    films.crop_in_matroska(both, *MATROSKA)
    _, seen = made.collect(both, made.every(width=32, height=32))
    with av.open(str(both)) as container:
        best = container.streams.best("video")
        assert best is not None
        want = INNER if best.index == 0 else (2 * WIDTH, 2 * HEIGHT)
    assert (seen.width_px, seen.height_px) == want


def test_matroska_of_unknown_size_and_with_its_tracks_at_the_end(tmp_path: Path) -> None:
    live = tmp_path / "live.mkv"
    films.ffmpeg("-i", _film(tmp_path / "plain.mp4"), "-c", "copy", "-f", "matroska", "-live", 1, live)
    films.crop_in_matroska(live, *MATROSKA)
    _, seen = made.collect(live, made.every(width=32, height=32))
    assert (seen.width_px, seen.height_px) == INNER
    path = _film(tmp_path / "plain.mkv")
    films.crop_in_matroska(path, *MATROSKA, "name=" + "x" * 4000)  # more than fits before the clusters
    data = path.read_bytes()
    assert data.index(bytes.fromhex("1654ae6b"), 200) > data.index(bytes.fromhex("1f43b675"))
    _, seen = made.collect(path, made.every(width=32, height=32))
    assert (seen.width_px, seen.height_px) == INNER


@pytest.mark.parametrize("name", ["plain.mp4", "plain.mkv"])
def test_the_ledger_says_what_was_cut_off(name: str, tmp_path: Path, vifex_command: Any) -> None:
    path = _cropped(_film(tmp_path / name))
    done = vifex_command("extract", path, "-o", tmp_path / "s.vifex", "--fps", 1, "--json")
    assert json.loads(done.stdout)["ok"] == 1, done.stderr
    shown = json.loads(vifex_command("show", tmp_path / "s.vifex", "--json").stdout)
    (note,) = shown["views"][0]["notes"]
    assert f"left {LEFT}, top {TOP}, right {RIGHT}, bottom {BOTTOM}" in note["reason"]
    sheet = tmp_path / "sheet.html"
    found = vifex_command("search", tmp_path / "s.vifex", f"{path}@00:00.5", "--html", sheet, "--json")
    assert json.loads(found.stdout)["hits"][0]["score"] > 0.9, found.stderr
    assert sheet.exists()
