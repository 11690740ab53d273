"""Two streams, and the flow that the second one sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from vifex.models.nets import flow as flow_module
from vifex.models.nets.flow import flow_clip, raft, truncated
from vifex.models.nets.i3d import I3D
from vifex.models.nets.two_stream import TwoStream, fuse_features, fuse_scores
from vifex.values import ModelError


def test_scores_are_added_or_probabilities_averaged() -> None:
    """By hand: softmax of (0, ln 3) is (1/4, 3/4), of (0, 0) it is (1/2, 1/2)."""
    rgb, flow = torch.tensor([[0.0, float(np.log(3))]]), torch.tensor([[0.0, 0.0]])
    torch.testing.assert_close(fuse_scores(rgb, flow), rgb + flow)
    averaged = fuse_scores(rgb, flow, how="probabilities")
    torch.testing.assert_close(averaged, torch.tensor([[0.375, 0.625]]))
    weighted = fuse_scores(rgb, flow, how="probabilities", weights=(3.0, 1.0))
    torch.testing.assert_close(weighted, torch.tensor([[0.3125, 0.6875]]))
    with pytest.raises(ValueError, match="the same scores"):
        fuse_scores(rgb, flow[:, :1])


def test_two_streams_are_their_two_networks() -> None:
    torch.manual_seed(0)
    both = TwoStream(I3D(3), I3D(2)).eval()
    rgb, flow = torch.rand(1, 3, 9, 32, 32) * 2 - 1, torch.rand(1, 2, 9, 32, 32) * 2 - 1
    seen: list[torch.Tensor] = []
    both.features.register_forward_hook(lambda m, a, o: seen.append(o))
    with torch.no_grad():
        torch.testing.assert_close(both(rgb, flow), both.rgb(rgb) + both.flow(flow))
        expected = fuse_features(both.rgb.scores_and_features(rgb)[1], both.flow.scores_and_features(flow)[1])
    assert seen[0].shape == (1, 2048)
    torch.testing.assert_close(seen[0], expected)


def test_flow_is_cut_at_20_pixels_and_scaled() -> None:
    pixels = torch.tensor([-100.0, -20.0, -5.0, 0.0, 10.0, 20.0, 21.0])
    assert truncated(pixels).tolist() == [-1.0, -1.0, -0.25, 0.0, 0.5, 1.0, 1.0]


class Shift(nn.Module):
    """Stands for RAFT: tells which pairs it saw, as the change of their brightness in steps of 1/255."""

    def forward(self, first: torch.Tensor, second: torch.Tensor, num_flow_updates: int) -> list[torch.Tensor]:
        assert first.shape[2] % 8 == 0
        assert first.shape[3] % 8 == 0
        assert min(first.shape[2:]) >= 128
        change = (second - first).mean(dim=(1, 2, 3)) * 127.5
        plane = change[:, None, None, None].expand(-1, 1, *first.shape[2:])
        return [torch.full_like(plane, 99).repeat(1, 2, 1, 1), torch.cat([plane, -plane], dim=1)]


def test_each_frame_meets_its_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brightness 0, 1, 3, 6, 10, 15: changes of 1 to 5, the last update counts, in batches of 4 and 1."""
    monkeypatch.setattr(flow_module, "_kept", lambda weights, size: Shift())
    levels = np.array([0, 1, 3, 6, 10, 15], dtype=np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (6, 50, 70, 3)).copy()
    flow = flow_clip(frames, weights="random:0")
    assert flow.shape == (5, 50, 70, 2)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(flow[:, 0, 0, 0], np.arange(1, 6) / 20, atol=1e-5)
    np.testing.assert_allclose(flow[..., 1], -flow[..., 0])
    repeated = flow_clip(frames, weights="random:0", last="repeat")
    assert repeated.shape == (6, 50, 70, 2)
    np.testing.assert_array_equal(repeated[-1], flow[-1])


def test_raft_of_torchvision_gives_flow(tmp_path: Path) -> None:
    """Random weights: the shape and range, and the same numbers from the same weights in a file."""
    frames = np.random.default_rng(0).integers(0, 256, size=(3, 40, 136, 3), dtype=np.uint8)
    drawn = flow_clip(frames, weights="random:0", size="small", updates=2)
    assert drawn.shape == (2, 40, 136, 2)
    assert np.isfinite(drawn).all()
    assert np.abs(drawn).max() <= 1
    path = tmp_path / "raft_small.pth"
    torch.save(raft("random:0", "small").state_dict(), path)
    np.testing.assert_array_equal(flow_clip(frames, weights=str(path), size="small", updates=2), drawn)
    with pytest.raises(ModelError, match="missing"):
        raft(str(path), "large")


@pytest.mark.parametrize("shape", [(1, 8, 8, 3), (2, 8, 8, 2), (2, 8, 8)])
def test_what_is_no_clip_is_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="frames must be uint8"):
        flow_clip(np.zeros(shape, dtype=np.uint8), weights="random:0")
