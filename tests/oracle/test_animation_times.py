"""How long frames of GIF, PNG, WebP and AVIF are shown: as they state, and 100 ms for 10 ms or less.

Chromium (`BitmapImage`, after WebKit bug 36082) and Firefox (`FrameTimeout`) have the same rule.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vifex.media.read import frame_at
from vifex.values import Limits, PixelSpec, Sampling, ViewRequest

made: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "unit" / "media" / "made.py")))

LEVELS = [20 * i for i in range(12)]
FRAMES = [Image.fromarray(np.full((32, 48, 3), level, np.uint8)) for level in LEVELS]
STEP_MS = {"gif": 10, "png": 1, "webp": 1, "avif": 1}


def _write(path: Path, durations: Any) -> None:
    FRAMES[0].save(path, save_all=True, append_images=FRAMES[1:], duration=durations, loop=0)


def _times(path: Path) -> tuple[list[float], float, Any]:
    samples, seen = made.collect(path, made.every(1, height=16, width=16))
    assert not seen.problems
    levels = [int(np.rint(s.pixels.mean() / 20)) for s in samples]
    assert levels == list(range(12))
    return [s.t_s for s in samples], samples[-1].t_end_s, seen


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "avif"])
@pytest.mark.parametrize("duration", [0, 1, 5, 9, 10, 11, 15, 19, 20, 30, 100, 250])
def test_short_frames_are_shown_as_browsers_do(tmp_path: Path, kind: str, duration: int) -> None:
    path = tmp_path / f"frames.{kind}"
    _write(path, duration)
    stated = duration // STEP_MS[kind] * STEP_MS[kind]
    if kind == "avif":
        stated = max(1, stated)
    shown = 100 if stated <= 10 else stated
    times, end, seen = _times(path)
    np.testing.assert_allclose(times, [i * shown / 1000 for i in range(12)], atol=1e-9)
    assert end == pytest.approx(12 * shown / 1000)
    said = "12 frames state 10 ms or less and are shown for 100 ms, as browsers do."
    assert seen.choices == ((said,) if stated <= 10 else ())


@pytest.mark.parametrize("kind", ["gif", "png", "webp"])
def test_only_the_short_frames_are_lengthened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"mixed.{kind}"
    stated = [0, 40, 10, 200, 0, 0, 50, 10, 30, 20, 0, 70]
    _write(path, stated)
    shown = [100 if d <= 10 else d for d in stated]
    times, end, seen = _times(path)
    np.testing.assert_allclose(times, np.cumsum([0, *shown[:-1]]) / 1000, atol=1e-9)
    assert end == pytest.approx(sum(shown) / 1000)
    assert seen.choices[0].startswith("6 frames state 10 ms or less")


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "avif"])
def test_a_moment_is_found_by_the_same_times(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"frames.{kind}"
    _write(path, 0)
    for index in (0, 3, 11):
        sample = frame_at(path, index / 10 + 0.05, PixelSpec(16, 16), Limits())
        assert (sample.frame_index, sample.t_s) == (index, pytest.approx(index / 10))


@pytest.mark.shared
def test_the_reported_file(shared_cases: Path) -> None:
    request = ViewRequest(Sampling(), PixelSpec(16, 16))  # 1 per second
    samples, seen = made.collect(shared_cases / "11-zero-durations.webp", request)
    assert [s.frame_index for s in samples] == [0, 10]
    assert seen.choices
