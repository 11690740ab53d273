"""A spread of media: even whatever their number, a few frames of each video, a bad file costs itself."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vifex.extraction.calibration.gather import choose_media, gather, sparse
from vifex.media.sources import find
from vifex.values import Limits, Medium, Outcome, PixelSpec, Sampling, Span, ViewRequest
from vifex.values.spread import Evenly, evenly


@given(n=st.integers(0, 3000), most=st.integers(1, 60))
def test_a_stream_is_kept_evenly(n: int, most: int) -> None:
    kept: Evenly[int] = Evenly(most)
    for i in range(n):
        if kept.wants():
            kept.add(i)
    chosen = kept.chosen()
    assert len(chosen) == min(n, most)
    assert chosen == sorted(set(chosen))
    if n > most:
        gaps = np.diff([-1, *chosen, n])
        assert gaps.max() <= 4 * n / most + 1, "no stretch of the stream is left out"


def test_items_are_the_middles_of_equal_parts() -> None:
    assert evenly(range(10), 2) == [2, 7]
    assert evenly(range(3), 5) == [0, 1, 2]


def medium(name: str, kind: str, span: Span | None = None) -> Medium:
    return Medium(f"file:///{name}", name, kind, 1, 1, span=span)  # type: ignore[arg-type]


def test_many_videos_are_fewer_with_a_few_samples_each() -> None:
    spread = choose_media((medium(str(i), "video") for i in range(10_000)), 300)
    assert (len(spread.media), spread.per_medium) == (75, 4)
    assert spread.media[0].span == Span(None, 24.0), "1,800 seconds of video in all"
    numbers = [int(m.name) for m in spread.media]
    assert max(np.diff([-1, *numbers, 10_000])) < 400


def test_one_video_gives_all_samples() -> None:
    spread = choose_media(iter([medium("a", "video", Span(10.0, 20.0))]), 300)
    assert spread.per_medium == 300
    assert spread.media[0].span == Span(10.0, 20.0)
    late = choose_media(iter([medium("a", "video")]), 300, start_s=60.0)
    assert late.media[0].span == Span(None, 1860.0)


def test_sound_and_what_cannot_be_read_are_not_chosen() -> None:
    found: list[Medium | Outcome] = [
        medium("a", "image"),
        medium("b", "audio"),
        Outcome(medium("c", "image"), "failed", "It is gone."),
    ]
    assert [m.name for m in choose_media(iter(found), 300).media] == ["a"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gray image, a broken one, and a video of 4 seconds that grows brighter."""
    Image.new("RGB", (40, 30), (99, 99, 99)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    with av.open(str(tmp_path / "c.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=10, width=32, height=32)
        stream.pix_fmt = "bgr0"
        for i in range(40):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 6 * i, np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 10)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return tmp_path


def test_samples_of_all_media_are_those_that_were_asked_for(folder: Path) -> None:
    spread = choose_media(find(folder), 11)
    sampling = sparse(Sampling(), spread.per_medium)
    assert (len(spread.media), sampling.uniform) == (3, 9)
    requests = [
        ViewRequest(sampling, PixelSpec(8, 8)),
        ViewRequest(sampling, PixelSpec(8, 8, decode="exact")),
    ]
    found = gather(spread, requests, most=11, workers=1, limits=Limits())
    assert found is not None
    assert found.media == 2
    for pixels in found.pixels:
        assert pixels.shape == (10, 8, 8, 3)
        assert (pixels[0] == 99).all()
        # Middles of nine parts of 40 frames, 6 brighter each.
        middles = [int((i + 0.5) * 40 / 9) for i in range(9)]
        np.testing.assert_allclose(pixels[1:, 4, 4, 0], [6 * m for m in middles], atol=2)


def test_windows_are_kept_evenly(folder: Path) -> None:
    spread = choose_media(find(folder / "c.mkv"), 3)
    sampling = sparse(Sampling(sampler="clip", fps=None, clip_length=4, frame_step=1), spread.per_medium)
    found = gather(spread, [ViewRequest(sampling, PixelSpec(8, 8))], most=3, workers=1, limits=Limits())
    assert found is not None
    assert found.pixels[0].shape == (3, 4, 8, 8, 3)
    firsts = found.pixels[0][:, 0, 4, 4, 0] / 24
    assert firsts[0] < 3
    assert firsts[-1] > 6


def test_nothing_to_decode_is_nothing(folder: Path) -> None:
    request = ViewRequest(Sampling(), PixelSpec(8, 8))
    spread = choose_media(find(folder / "b.png"), 5)
    assert gather(spread, [request], most=5, workers=1, limits=Limits()) is None
