"""`changed_only`: what is left out is within the bound of the frame whose row stands for it."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from vifex.media.decode.sparse import sparse
from vifex.media.decode.video.changes import change
from vifex.values import Box, DecodeReport, PixelSpec, Regions, Sample, Sampling, ViewRequest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "made.py")))

UInt8Array = npt.NDArray[np.uint8]
SIDE_PX = 64
PIXELS = PixelSpec(SIDE_PX, SIDE_PX)
EVERY = Sampling("every", every=1)


def _scene(seed: int = 1) -> UInt8Array:
    """Draw soft blobs of full contrast."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC))


def _write(path: Path, images: Sequence[UInt8Array], rate: int = 10) -> Path:
    """Write images without loss of anything but the colour of single pixels."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=rate, options={"qp": "0", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = SIDE_PX, SIDE_PX, "yuv444p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number * 1000 // rate, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _read(path: Path, bound: float | None, sampling: Sampling = EVERY) -> tuple[list[Sample], DecodeReport]:
    found: tuple[list[Sample], DecodeReport] = made.collect(
        path, ViewRequest(replace(sampling, changed_only=bound), PIXELS)
    )
    return found


def _by_definition(a: UInt8Array, b: UInt8Array) -> float:
    """The change as its docstring defines it, in double precision and in one piece."""
    one, other = (
        x.astype(float).reshape(len(x) // 2, 2, x.shape[1] // 2, 2, 3).mean(axis=(1, 3)) for x in (a, b)
    )
    contrasts = [np.sqrt(((x - x.mean(axis=(0, 1))) ** 2).mean()) for x in (one, other)]
    return float(np.sqrt(((one - other) ** 2).mean()) / max(1.0, min(contrasts)))


def _audit(path: Path, bound: float, sampling: Sampling = EVERY) -> list[int]:
    """Check every frame against the whole video; return the numbers of those that are computed."""
    whole, _ = _read(path, None, sampling)
    found, report = _read(path, bound, sampling)
    pixels = {s.frame_index: s.pixels for s in whole}
    numbers = [s.frame_index for s in found if s.frame_index is not None]
    assert [s.ordinal for s in found] == list(range(len(found)))
    for sample in found:
        assert np.array_equal(sample.pixels, pixels[sample.frame_index])
    stands = numbers[0]
    for frame in whole:
        assert frame.frame_index is not None
        from_last = _by_definition(pixels[stands], frame.pixels)
        if frame.frame_index in numbers:
            assert frame.frame_index == numbers[0] or from_last > bound
            stands = frame.frame_index
        else:
            assert from_last <= bound
    for one, following in pairwise(found):
        has_more = following.ordinal and following.frame_index != _after(whole, one)
        assert one.t_end_s == (following.t_start_s if has_more else _own_end(whole, one))
    assert found[-1].t_end_s == whole[-1].t_end_s
    n_left_out = len(whole) - len(found)
    said = f"Of {len(whole)} frames {len(found)} were computed; the others changed by"
    assert (said in "".join(sentence for _, sentence in report.taken)) == (n_left_out > 0)
    return numbers


def _after(whole: list[Sample], sample: Sample) -> int | None:
    place = [s.frame_index for s in whole].index(sample.frame_index)
    return whole[place + 1].frame_index


def _own_end(whole: list[Sample], sample: Sample) -> float | None:
    return next(s.t_end_s for s in whole if s.frame_index == sample.frame_index)


def test_the_change_is_what_its_definition_says() -> None:
    rng = np.random.default_rng(4)
    for scale in (1, 20, 255):
        a, b = (rng.integers(0, scale + 1, (20, 30, 3), dtype=np.uint8) for _ in range(2))
        assert change(a, b) == pytest.approx(_by_definition(a, b), rel=1e-4)
    assert change(a, a) == 0.0
    dark, light = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 7, np.uint8)
    assert change(dark, light) == 7.0  # nothing but noise counts as a contrast of one level
    odd = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert change(odd, odd) == change(odd[:1], odd[:1]) == 0.0


def test_equal_frames_are_computed_once(tmp_path: Path) -> None:
    one, other = _scene(1), _scene(2)
    path = _write(tmp_path / "v.mkv", [one] * 3 + [other] * 2 + [one] * 4)
    found, report = _read(path, 0.0)
    assert [(s.frame_index, s.t_s, s.t_start_s, s.t_end_s) for s in found] == [
        (0, 0.0, 0.0, 0.3),
        (3, 0.3, 0.3, 0.5),
        (5, 0.5, 0.5, 0.9),
    ]
    said = "Of 9 frames 3 were computed; the others changed by 0 of the contrast at most (`changed_only=0`)."
    assert report.taken == ((0, said),)
    assert _audit(path, 0.0) == [0, 3, 5]


@pytest.mark.parametrize("bound", [0.02, 0.1])
def test_a_slow_fade_does_not_drift(bound: float, tmp_path: Path) -> None:
    """From frame to frame nothing changes by as much as the bound, and yet it is followed to black."""
    scene = _scene().astype(float)
    images = [np.rint(scene * (1 - n / 100)).astype(np.uint8) for n in range(100)]
    assert max(change(a, b) for a, b in pairwise(images[:40])) < 0.1
    numbers = _audit(_write(tmp_path / "fade.mkv", images[:60]), bound)
    assert len(numbers) > 10


def test_noise_is_left_out_and_a_small_object_is_not(tmp_path: Path) -> None:
    scene, rng = _scene(), np.random.default_rng(0)
    noisy = [
        np.clip(scene + rng.normal(0, 1, scene.shape), 0, 255).round().astype(np.uint8) for _ in range(20)
    ]
    assert _audit(_write(tmp_path / "noise.mkv", noisy), 0.03) == [0]
    images = [scene.copy() for _ in range(20)]
    for number in range(10, 20):
        images[number][30:36, 20:26] = (255, 0, 255)  # less than a hundredth of the image
    assert _audit(_write(tmp_path / "object.mkv", images), 0.03) == [0, 10]


def test_with_other_samplers_and_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is: sampler, limit, change. What is not needed is not decoded, with the same answer."""
    images = [_scene(n // 20) for n in range(60)]
    path = _write(tmp_path / "v.mp4", images)
    samplings = [
        Sampling(fps=2.5),
        Sampling("keyframes", fps=None),
        Sampling("times", times_s=(0.1, 0.2, 3.0, 3.1, 5.9)),
        Sampling("every", every=1, max_frames=9),
    ]
    for sampling in samplings:
        numbers = _audit(path, 0.01, sampling)
        monkeypatch.setattr(sparse, "SHARE", 0)
        assert _audit(path, 0.01, sampling) == numbers
        monkeypatch.undo()
    found, report = _read(path, 0.01, samplings[-1])
    assert len(found) == 3
    assert "9 were taken, spread evenly" in report.taken[0][1]
    assert f"Of 9 frames {len(found)} were computed" in report.taken[0][1]


def test_an_animation(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    images = [Image.fromarray(_scene(n // 3)).quantize(64) for n in range(9)]
    for number, image in enumerate(images):
        image.putpixel((number, 0), 0)  # equal images would be written as one
    images[0].save(path, save_all=True, append_images=images[1:], duration=100)
    found, _ = _read(path, 0.1)
    assert [(s.frame_index, s.t_start_s, s.t_end_s) for s in found] == [
        (0, 0.0, 0.3),
        (3, 0.3, 0.6),
        (6, 0.6, 0.9),
    ]


def test_boxes_and_grids_are_compared_one_by_one(tmp_path: Path) -> None:
    """A change outside of all boxes computes nothing; one in a cell of a grid computes the frame."""
    images = [_scene() for _ in range(8)]
    for number in range(4, 8):
        images[number] = images[number].copy()
        images[number][:16, :16] = 255 - images[number][:16, :16]
    path = _write(tmp_path / "v.mkv", images)
    request = ViewRequest(replace(EVERY, changed_only=0.01), PIXELS)
    medium = made.medium_of(path, boxes=(Box(32, 32, 64, 64), Box(0, 32, 16, 64)))
    found, _ = made.collect(medium, request)
    assert [(s.frame_index, s.box_numbers, s.t_end_s) for s in found] == [(0, (0,), 0.8), (0, (1,), 0.8)]
    grid = replace(request, regions=Regions(grid=(2, 2)))
    found, _ = made.collect(path, grid)
    assert [s.frame_index for s in found] == [0] * 4 + [4] * 4
    assert [s.ordinal for s in found] == list(range(8))
    assert [s.t_end_s for s in found] == [0.4] * 4 + [0.8] * 4


def test_each_request_by_itself(tmp_path: Path) -> None:
    path = _write(tmp_path / "v.mkv", [_scene(n // 4) for n in range(12)])
    strict, whole = (ViewRequest(replace(EVERY, changed_only=b), PIXELS) for b in (0.0, None))
    found, report = made.collect(path, strict, whole)
    assert [s.frame_index for s in found if s.request == 0] == [0, 4, 8]
    assert [s.frame_index for s in found if s.request == 1] == list(range(12))
    assert [number for number, _ in report.taken] == [0]


def test_what_makes_no_sense_is_refused() -> None:
    assert "changed_only" not in Sampling().to_dict()
    assert Sampling(changed_only=0.0).to_dict()["changed_only"] == 0.0
    with pytest.raises(ValueError, match=r"changed_only must be from 0 to 0\.5"):
        Sampling(changed_only=0.98)
    with pytest.raises(ValueError, match="for single frames"):
        Sampling("clip", fps=None, clip_length=4, frame_step=1, changed_only=0.1)
