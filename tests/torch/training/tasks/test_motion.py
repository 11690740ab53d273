"""The made set of motions: what a network without order cannot learn, and what one with order learns."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch

from vifex.models.trainable.video.clips import ClipNetwork
from vifex.models.trainable.video.frames import FramesAndHead
from vifex.training.motion import MOTIONS, motion_clip, motion_set, write_motion_set

SIDE = 24


def clips(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    names = list(MOTIONS)
    made = list(motion_set(count, seed=seed, side_px=SIDE))
    pixels = torch.from_numpy(np.stack([clip for _, clip in made])).permute(0, 1, 4, 2, 3)
    return (pixels.float() / 255 - 0.35) / 0.2, torch.tensor([names.index(name) for name, _ in made])


def accuracy_after(network: torch.nn.Module, train: int, epochs: int) -> float:
    x, y = clips(train, 0)
    batch = 32
    steps = epochs * (train // batch)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    order = torch.Generator().manual_seed(0)
    network.train()
    for _ in range(epochs):
        for rows in torch.randperm(train, generator=order).split(batch):
            loss = torch.nn.functional.cross_entropy(network(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    network.eval()
    x, y = clips(400, 1)
    with torch.no_grad():
        return float((network(x).argmax(dim=1) == y).float().mean())


def test_every_class_shows_the_same_frames() -> None:
    """With the same draw of noise and start, all classes have the same frames up to their order."""
    means = []
    for motion in MOTIONS:
        clip = motion_clip(motion, np.random.default_rng(5), frames=16, side_px=32).astype(np.float64)
        means.append(clip.mean(axis=0))
    for mean in means[1:]:
        np.testing.assert_allclose(mean, means[0], atol=0.5)  # each rounded once


def test_a_clip_that_would_not_show_every_place_equally_often_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        motion_clip("clockwise", np.random.default_rng(0), frames=12)


def test_the_files_hold_the_clips(tmp_path: Path) -> None:
    files = write_motion_set(tmp_path, 4, side_px=32)
    assert [file.parent.name for file in files] == list(MOTIONS)
    for file, (_, clip) in zip(files, motion_set(4, side_px=32), strict=True):
        with av.open(str(file)) as container:
            frames = list(container.decode(video=0))
        assert all(frame.key_frame for frame in frames)
        seen = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
        assert seen.shape == clip.shape
        assert np.abs(seen.astype(int) - clip).mean() < 12  # noise of pixels, and chroma at half the size


def test_an_lstm_and_a_3d_network_learn_motion_and_the_mean_cannot() -> None:
    torch.manual_seed(0)
    assert accuracy_after(FramesAndHead(4, size_px=SIDE, head="lstm", hidden=64), 640, 6) >= 0.9
    assert accuracy_after(ClipNetwork(4, width=8), 320, 5) >= 0.9
    assert accuracy_after(FramesAndHead(4, size_px=SIDE, head="mean"), 320, 2) <= 0.35


@pytest.mark.parametrize("convolution", ["3d", "2plus1d", "2d"])
@pytest.mark.parametrize("non_local", [False, True])
def test_a_clip_network_takes_any_length_and_size(convolution: str, non_local: bool) -> None:
    network = ClipNetwork(5, convolution=convolution, width=4, non_local=non_local)
    assert network(torch.zeros(2, 8, 3, 32, 48)).shape == (2, 5)


def test_both_forms_of_a_3d_convolution_have_as_many_weights() -> None:
    """Tran et al. 2018, section 3.5, up to rounding the channels between."""
    sizes = [sum(p.numel() for p in ClipNetwork(4, convolution=c).parameters()) for c in ("3d", "2plus1d")]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.01)
