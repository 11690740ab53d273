"""I3D over flow that is computed inside the network: against RAFT and I3D called by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vifex.models import load_model
from vifex.models.families.builtin.i3d_streams import make
from vifex.models.nets.flow import raft
from vifex.models.nets.i3d import I3D
from vifex.models.nets.over_flow import OverFlow, OverPixelsAndFlow, steps_of_flow
from vifex.models.nets.two_stream import TwoStream
from vifex.values import ModelError


@pytest.fixture(scope="module")
def clip() -> torch.Tensor:
    """Ten frames of an image that moves, `[1, 3, 10, 128, 128]` of -1 to 1."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    wide = np.asarray(coarse.resize((170, 140), Image.Resampling.BICUBIC))
    frames = np.stack([wide[i : i + 128, 2 * i : 2 * i + 128] for i in range(10)])
    return torch.from_numpy(frames.transpose(3, 0, 1, 2).copy())[None].float() / 127.5 - 1


def test_flow_is_laid_in_steps() -> None:
    """`128 + 255 / 40 * flow`, rounded, then `2 x / 255 - 1`, as the published features were made."""
    flow = torch.tensor([-30.0, -20.0, 0.0, 0.05, 20.0])
    steps = torch.tensor([0.0, 0.0, 128.0, 128.0, 256.0])  # torch rounds 0.5 and 255.5 to even
    torch.testing.assert_close(steps_of_flow(flow), 2 * steps / 255 - 1)


def test_both_streams_see_what_they_see_by_hand(clip: torch.Tensor) -> None:
    torch.manual_seed(0)
    flows, rgb, flow = raft("random:0", "small"), I3D(3).eval(), I3D(2).eval()
    with torch.inference_mode():
        pairs = [flows(clip[:, :, i], clip[:, :, i + 1], num_flow_updates=2)[-1] for i in range(9)]
        by_hand = steps_of_flow(torch.stack(pairs, dim=2))
        alone = OverFlow(flows, flow, updates=2).eval()
        inside = alone.raft(clip)
        # Pairs in one batch differ by 1e-6 from pairs alone, which may carry a value over the edge of a step.
        differences = (inside - by_hand).abs()
        assert (differences > 1e-4).sum() <= 20
        assert differences.max() <= 2 / 255 + 1e-6
        torch.testing.assert_close(alone(clip), flow(inside), rtol=1e-4, atol=1e-4)
        both = OverPixelsAndFlow(flows, TwoStream(rgb, flow), updates=2).eval()
        features: list[torch.Tensor] = []
        both.streams.features.register_forward_hook(lambda _m, _i, out: features.append(out))
        expected = rgb(clip[:, :, :-1]) + flow(inside)
        torch.testing.assert_close(both(clip), expected, rtol=1e-4, atol=1e-4)
    assert features[0].shape == (1, 2048)


def test_weights_are_a_folder_with_a_file_of_each(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no hub's library.*") as caught:
        make("two-stream-kinetics400", "pretrained", of="i3d/two-stream-kinetics400")
    assert "`weights=FOLDER`" in (caught.value.todo or "")
    with pytest.raises(ModelError, match="no file with 'flow' in its name"):
        make("raft-flow-kinetics400", str(tmp_path), of="x")
    lone = tmp_path / "i3d_flow.pt"
    torch.save(I3D(2).state_dict(), lone)
    with pytest.raises(ModelError, match="this is one file"):
        make("raft-flow-kinetics400", str(lone), of="x")
    with pytest.raises(ModelError, match="no file with 'raft' in its name"):
        make("raft-flow-kinetics400", str(tmp_path), of="x")
    torch.save(raft("random:3").state_dict(), tmp_path / "raft_large.pth")
    made = make("raft-flow-kinetics400", str(tmp_path), of="x")
    torch.testing.assert_close(
        made.flow.state_dict()["logits.conv3d.bias"], torch.load(lone)["logits.conv3d.bias"]
    )


def test_the_card_takes_a_frame_more_than_there_are_flows() -> None:
    card = load_model("i3d/two-stream-kinetics400-24f", weights="random:0").card
    assert (card.frames, card.default_layers) == (25, ("streams.features",))
    assert load_model("i3d/raft-flow-kinetics400-9f", weights="random:0").card.frames == 10
