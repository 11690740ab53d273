"""Clips, videos and words at hand, for networks that are code."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

import vifex

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 64, 64, "yuv420p", Fraction(1, 8)
        rng = np.random.default_rng(0)
        for _ in range(40):
            pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return path


@pytest.fixture(scope="module")
def model() -> vifex.LoadedModel:
    return vifex.load_model("torch:tiny_networks:Clip3d", weights="random:0", device="cpu", precision="fp32")


def test_clips_in_every_form(model: vifex.LoadedModel) -> None:
    frames = model.card.frames
    assert frames is not None
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (3, frames, 40, 50, 3), dtype=np.uint8)
    expected = model.encode(clips)
    assert len(expected) == 3
    tensors = torch.from_numpy(clips).permute(0, 1, 4, 2, 3)
    images = [[Image.fromarray(frame) for frame in clip] for clip in clips]
    for given in (list(clips), iter(clips), tensors, list(tensors), images, [list(clip) for clip in clips]):
        np.testing.assert_array_equal(model.encode(given), expected)
    for one in (clips[0], clips[:1], images[0], tensors[0], [clips[0]]):
        np.testing.assert_allclose(model.encode(one), expected[:1], atol=1e-5)
    with pytest.raises(vifex.InputError, match=f"the clip has 2 frames, and the model takes {frames}"):
        model.encode(clips[0][:2])
    with pytest.raises(vifex.InputError, match=f"int is no clip.*{frames} images each"):
        model.encode([3])  # type: ignore[list-item]


def test_the_clips_of_a_video_are_those_of_a_store(
    model: vifex.LoadedModel, video: Path, tmp_path: Path
) -> None:
    vifex.extract(video, tmp_path / "s.vifex", model=model, workers=1)
    with vifex.open(tmp_path / "s.vifex") as store:
        expected = store.to_numpy()
    assert len(expected) > 1
    np.testing.assert_allclose(model.encode(video), expected, atol=1e-5)
    layer = model.default_layers[0].name
    assert len(model.features(video, layers=[layer])[layer]) == len(expected)
    with pytest.raises(vifex.InputError, match=r"a video in a list has an unknown number of clips"):
        model.encode([video, video])


def test_an_image_is_no_clip(model: vifex.LoadedModel, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    with pytest.raises(vifex.InputError, match="takes clips, and this is an image"):
        model.encode(tmp_path / "a.png")
