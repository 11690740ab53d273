"""TV-L1 flow: against known movements, against OpenCV's implementation, and as input of I3D."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from vifex.models import load_model
from vifex.models.families.builtin.i3d import build
from vifex.models.nets.flow import truncated
from vifex.models.nets.over_flow import OverTvL1
from vifex.models.nets.tv_l1 import TvL1, tv_l1


@pytest.fixture(scope="module")
def wide() -> Tensor:
    """A texture of coarse and fine details, like a photograph; brightness float32 `[200, 200]`, 0 to 255."""
    rng = np.random.default_rng(0)
    grids = [Image.fromarray(rng.integers(0, 256, (n, n), dtype=np.uint8)) for n in (5, 10, 20, 40)]
    layers = [np.asarray(g.resize((200, 200), Image.Resampling.BICUBIC), dtype=np.float32) for g in grids]
    return torch.from_numpy(0.5 * layers[0] + 0.25 * layers[1] + 0.15 * layers[2] + 0.1 * layers[3])


@pytest.mark.parametrize(("right", "down"), [(0, 0), (1, 0), (0, -2), (5, 3), (-9, 7)])
def test_a_shift_is_found(wide: Tensor, right: int, down: int) -> None:
    """The second image is the first one moved by whole pixels, so the flow is known everywhere."""
    first = wide[40:136, 40:136]
    second = wide[40 - down : 136 - down, 40 - right : 136 - right]
    flow = tv_l1(first[None], second[None])[0, :, 16:-16, 16:-16]
    expected = torch.tensor([right, down], dtype=torch.float32).reshape(2, 1, 1)
    assert (flow - expected).abs().mean() < 0.05


def test_it_agrees_with_opencv() -> None:
    """A turn, a zoom and a shift; the flow is that of `cv2.optflow.DualTVL1OpticalFlow` (5.0.0, defaults).

    OpenCV zooms by 0.8 per scale, filters by a median and stops early, so it does not give equal numbers.
    The longest displacement is 3.8 pixels.
    """
    stored = np.load(Path(__file__).with_name("tv_l1_opencv.npz"))
    first, second = (torch.from_numpy(stored[name]).float()[None] for name in ("first", "second"))
    difference = tv_l1(first, second)[0].permute(1, 2, 0).numpy() - stored["flow"].astype(np.float32)
    distances = np.hypot(difference[..., 0], difference[..., 1])[8:-8, 8:-8]
    assert np.median(distances) < 0.05
    assert distances.mean() < 0.1


def test_a_pair_does_not_depend_on_its_batch(wide: Tensor) -> None:
    first = torch.stack([wide[i : i + 64, 20:84] for i in (0, 30, 60)])
    second = torch.stack([wide[i + 2 : i + 66, 21:85] for i in (0, 30, 60)])
    together = tv_l1(first, second)
    for i in range(3):
        torch.testing.assert_close(tv_l1(first[i : i + 1], second[i : i + 1])[0], together[i])


def test_small_and_flat_images_have_finite_flow() -> None:
    for height, width in ((1, 1), (2, 9), (17, 5)):
        flat = torch.full((1, height, width), 96.0)
        assert torch.equal(tv_l1(flat, flat), torch.zeros(1, 2, height, width))
        assert torch.isfinite(tv_l1(flat, flat + 20)).all()


def test_a_clip_gives_one_flow_per_pair_of_frames(wide: Tensor) -> None:
    frames = torch.stack([wide[10 + 2 * t : 74 + 2 * t, 10 + t : 74 + t] for t in range(4)])
    clip = (frames / 127.5 - 1).expand(1, 3, -1, -1, -1)  # grey: red, green and blue are equal
    flow = TvL1()(clip)
    assert flow.shape == (1, 2, 3, 64, 64)
    torch.testing.assert_close(flow[0, :, 1], tv_l1(frames[1:2], frames[2:3])[0], atol=1e-2, rtol=1e-2)


def test_i3d_sees_truncated_flow(i3d_flow: OverTvL1, wide: Tensor) -> None:
    frames = torch.stack([wide[10 + t : 74 + t, 10:74] for t in range(10)])
    clip = (frames / 127.5 - 1).expand(1, 3, -1, -1, -1)
    with torch.inference_mode():
        expected = i3d_flow.flow(truncated(i3d_flow.tv_l1(clip)))
        torch.testing.assert_close(i3d_flow(clip), expected)


@pytest.fixture(scope="module")
def i3d_flow() -> OverTvL1:
    network = build("flow-kinetics400-9f", "random:0")
    assert isinstance(network, OverTvL1)
    return network


def test_the_card_describes_pixels() -> None:
    """`i3d/flow-kinetics400` once had a card for two channels, which nothing could serve."""
    card = load_model("i3d/flow-kinetics400-24f", weights="random:0").card
    assert (card.frames, card.shared_frames, card.frame_step) == (25, 1, 1)
    assert card.input_shape(2) == (2, 3, 25, 224, 224)
    assert card.default_layers == ("flow.features",)
