"""Films with transparent pixels: laid over the background, then scaled, as for images."""

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

from vifex.media.decode.video import alpha
from vifex.media.read import frame_at, thumbnail
from vifex.values import Box, Limits, PixelSpec, Sampling, ViewRequest

MEDIA = Path(__file__).parents[1] / "unit" / "media"
made: Any = SimpleNamespace(**runpy.run_path(str(MEDIA / "made.py")))
films: Any = SimpleNamespace(**runpy.run_path(str(MEDIA / "films.py")))

WIDTH, HEIGHT, N = 128, 96, 8

VPX = {
    "vp9.webm": "-c:v libvpx-vp9 -crf 4 -b:v 0 -auto-alt-ref 0 -pix_fmt yuva420p",
    "vp9.mkv": "-c:v libvpx-vp9 -crf 4 -b:v 0 -auto-alt-ref 0 -g 3 -pix_fmt yuva420p",
    "vp9-lag.webm": "-c:v libvpx-vp9 -crf 4 -b:v 0 -auto-alt-ref 0 -lag-in-frames 16 -pix_fmt yuva420p",
    "vp8.webm": "-c:v libvpx -crf 4 -b:v 2M -auto-alt-ref 0 -pix_fmt yuva420p",
    "vp8.mkv": "-c:v libvpx -crf 4 -b:v 2M -auto-alt-ref 0 -g 4 -pix_fmt yuva420p",
}
"""Alpha beside the images."""
INSIDE = {
    "prores.mov": "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le",
    "png.mov": "-c:v png -pix_fmt rgba",
    "png-deep.mov": "-c:v png -pix_fmt rgba64be",
    "qtrle.mov": "-c:v qtrle -pix_fmt argb",
    "ffv1.mkv": "-c:v ffv1 -pix_fmt yuva420p",
    "ffv1-444.mkv": "-c:v ffv1 -level 3 -pix_fmt yuva444p10le",
    "ffv1-rgb.mkv": "-c:v ffv1 -pix_fmt bgra",
    "ffv1-deep.mkv": "-c:v ffv1 -level 3 -pix_fmt gbrap12le",
    "huffyuv.avi": "-c:v huffyuv -pix_fmt bgra",
    "ffvhuff.avi": "-c:v ffvhuff -pix_fmt yuva444p",
    "utvideo.avi": "-c:v utvideo -pix_fmt gbrap",
    "magicyuv.avi": "-c:v magicyuv -pix_fmt gbrap",
    "cineform.mov": "-c:v cfhd -pix_fmt gbrap12le",
    "raw.mov": "-c:v rawvideo -pix_fmt argb",
    "raw.avi": "-c:v rawvideo -pix_fmt bgra",
    "raw.nut": "-c:v rawvideo -pix_fmt yuva444p",
    "v408.mov": "-c:v v408 -pix_fmt yuva444p",
    "targa.avi": "-c:v targa -pix_fmt bgra",
}
"""Alpha in the images."""


def _rgba() -> np.ndarray[Any, Any]:
    """Red below what is transparent; a green square that moves, a blue one half transparent."""
    frames = np.zeros((N, HEIGHT, WIDTH, 4), dtype=np.uint8)
    frames[..., 0] = 255
    frames[:, 8:32, 8:32] = (0, 0, 255, 128)
    for number in range(N):
        frames[number, 32:80, 40 + 4 * number : 88 + 4 * number] = (0, 255, 0, 255)
    return frames


def _over(frames: np.ndarray[Any, Any], background: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Composed by Pillow."""
    below = Image.new("RGBA", (WIDTH, HEIGHT), (*background, 255))
    composed = [Image.alpha_composite(below, Image.fromarray(frame)).convert("RGB") for frame in frames]
    return np.stack([np.asarray(image) for image in composed])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a film by its name, once."""
    folder, done = tmp_path_factory.mktemp("alpha"), {}

    def make(name: str) -> Path:
        if name not in done:
            done[name] = films.encode(folder / name, _rgba(), *{**VPX, **INSIDE}[name].split())
        path: Path = done[name]
        return path

    return make


def _read(path: Path, *, width: int = WIDTH, height: int = HEIGHT, **spec: Any) -> np.ndarray[Any, Any]:
    samples, seen = made.collect(
        path, ViewRequest(Sampling("every", every=1), PixelSpec(height, width, **spec))
    )
    assert len(samples) == N
    assert not seen.problems
    return np.stack([s.pixels for s in samples]).astype(int)


@pytest.mark.parametrize("name", [*VPX, *INSIDE])
@pytest.mark.parametrize("decode", ["exact", "fast"])
def test_pixels_are_those_composed_by_pillow(name: str, decode: str, film: Any) -> None:
    for background in ((255, 255, 255), (0, 60, 120)):
        mine = _read(film(name), decode=decode, background=background)
        assert np.abs(mine - _over(_rgba(), background)).mean() < 1.2, background


@pytest.mark.parametrize("name", [*VPX, *INSIDE])
def test_hidden_colours_do_not_bleed_into_edges(name: str, film: Any) -> None:
    """Scaled by four, an edge is a mixture of white and green, which holds no more red than green."""
    small = _read(film(name), width=WIDTH // 4, height=HEIGHT // 4, decode="fast")
    whole = _over(_rgba(), (255, 255, 255))
    size = (WIDTH // 4, HEIGHT // 4)
    want = np.stack([np.asarray(Image.fromarray(f).resize(size, Image.Resampling.BILINEAR)) for f in whole])
    assert np.abs(small - want.astype(int)).mean() < 1.5
    assert (small[..., 0] - small[..., 1]).max() <= 12


@pytest.mark.parametrize("name", [*VPX, "prores.mov", "qtrle.mov"])
def test_a_moment_and_a_box_show_the_same(name: str, film: Any) -> None:
    whole = _read(film(name), decode="exact")
    spec = PixelSpec(HEIGHT, WIDTH, decode="exact")
    for number in (0, 5):
        at = (number + 0.5) / 10
        assert np.array_equal(frame_at(film(name), at, spec, Limits()).pixels, whole[number])
        assert np.array_equal(np.asarray(thumbnail(film(name), at, None, 500)), whole[number])
    medium = made.medium_of(film(name), boxes=(Box(4, 4, 36, 36),))
    samples, _ = made.collect(medium, ViewRequest(Sampling("every", every=1), PixelSpec(32, 32)))
    assert np.abs(samples[2].pixels.astype(int) - whole[2, 4:36, 4:36]).mean() < 1


def test_a_late_moment_of_a_long_film_needs_no_seek(tmp_path: Path) -> None:
    """The alpha of a packet may need packets before the key frame of its colours."""
    frames = np.tile(_rgba(), (10, 1, 1, 1))
    path = films.encode(tmp_path / "long.webm", frames, *VPX["vp9.webm"].split(), "-g", 10)
    spec = PixelSpec(HEIGHT, WIDTH, decode="exact")
    want = _over(_rgba(), (255, 255, 255))[75 % N]
    assert np.abs(frame_at(path, 7.55, spec, Limits()).pixels.astype(int) - want).mean() < 1.2
    samples, _ = made.collect(path, ViewRequest(Sampling(fps=0.5), spec))
    assert [s.frame_index for s in samples] == [0, 20, 40, 60]
    for sample in samples:
        at = sample.frame_index
        want = _over(_rgba(), (255, 255, 255))[at % N]
        assert np.abs(sample.pixels.astype(int) - want).mean() < 1.2


@pytest.mark.parametrize("name", ["vp9.webm", "vp8.webm"])
def test_colours_are_those_of_ffmpegs_own_decoder(name: str, film: Any) -> None:
    """What is opaque does not depend on which decoder gave it."""
    with av.open(str(film(name))) as container:
        own = [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]
    with av.open(str(film(name))) as container:
        stream = container.streams.video[0]
        context = alpha.alpha_context(stream)
        theirs = [f for p in container.demux(stream) if p.size for f in context.decode(p)]
    assert [f.format.name for f in theirs] == ["yuva420p"] * N
    for mine, frame in zip(own, theirs, strict=True):
        luma = np.frombuffer(frame.planes[0], np.uint8).reshape(HEIGHT, -1)[:, :WIDTH]
        assert np.array_equal(mine[:HEIGHT], luma)


def test_a_file_says_so_where_no_decoder_gives_alpha(film: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alpha, "_DECODERS", {"vp9": "no-such-decoder"})
    samples, seen = made.collect(film("vp9.webm"), made.every(height=HEIGHT, width=WIDTH))
    assert len(samples) == N
    assert seen.notes == (alpha.NO_ALPHA,)


def test_opaque_frames_of_a_format_with_alpha_are_those_of_ffmpeg(tmp_path: Path) -> None:
    frames = np.dstack((films.photograph(WIDTH, HEIGHT), np.full((HEIGHT, WIDTH), 255, np.uint8)))
    path = films.encode(
        tmp_path / "opaque.mkv", np.stack([frames] * N), "-c:v", "ffv1", "-pix_fmt", "yuva444p"
    )
    theirs = films.decode(path, (WIDTH // 2, HEIGHT // 2), "-vf", "scale=64:48:flags=bilinear")
    mine = _read(path, width=WIDTH // 2, height=HEIGHT // 2, decode="fast")
    assert np.abs(mine - theirs.astype(int)).mean() < 0.5


@pytest.mark.parametrize("name", ["vp9.webm", "vp8.webm", "prores.mov"])
def test_the_command_finds_the_image_over_white(
    name: str, film: Any, tmp_path: Path, vifex_command: Any
) -> None:
    image = tmp_path / "over-white.png"
    Image.fromarray(_over(_rgba(), (255, 255, 255))[0]).save(image)
    done = vifex_command("extract", film(name), "-o", tmp_path / "s.vifex", "--fps", 1, "--json")
    assert json.loads(done.stdout)["ok"] == 1, done.stderr
    found = vifex_command("search", tmp_path / "s.vifex", image, "--json")
    assert json.loads(found.stdout)["hits"][0]["score"] > 0.98
