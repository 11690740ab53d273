"""I3D: the paper's sizes, TensorFlow's padding, and the published checkpoints' keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import published
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vifex.models.families.builtin.i3d import FAMILY, build
from vifex.models.nets.i3d import I3D, MaxPool3dSame, Unit3D, same_padding
from vifex.values import ModelError


def seen(module: nn.Module, names: list[str], x: Tensor) -> dict[str, Tensor]:
    """What forward hooks see."""
    out: dict[str, Tensor] = {}
    hooks = [
        module.get_submodule(name).register_forward_hook(lambda m, a, o, name=name: out.__setitem__(name, o))
        for name in names
    ]
    with torch.no_grad():
        module(x)
    for hook in hooks:
        hook.remove()
    return out


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (2, 2), (3, 1), (3, 2), (7, 2)])
def test_same_padding_is_tensorflows(size: int, kernel: int, stride: int) -> None:
    """Its rule, from its documentation: ceil(size / stride) windows, the odd cell of padding at the end."""
    before, after = same_padding(size, kernel, stride)
    assert (size + before + after - kernel) // stride + 1 == -(-size // stride)
    assert after - before in (0, 1)
    rest = size % stride
    assert before + after == max(kernel - (rest or stride), 0)


def test_a_unit_convolves_as_tensorflow_does() -> None:
    """By hand: a kernel of ones, step 2, over 1 2 3 4 sums 1+2+3, 3+4+0: the missing cell is at the end."""
    unit = Unit3D(1, 1, (3, 1, 1), (2, 1, 1)).eval()
    nn.init.ones_(unit.conv3d.weight)
    with torch.no_grad():
        out = unit(torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1, 1)).flatten()
    np.testing.assert_allclose(out, np.array([6.0, 7.0]) / np.sqrt(1.001), rtol=1e-6)


@pytest.mark.parametrize("size", [(1, 1, 1), (4, 6, 6), (5, 7, 9), (2, 3, 8)])
def test_zeros_pad_a_pooling_behind_a_relu_as_minus_infinity_does(size: tuple[int, int, int]) -> None:
    x = torch.relu(torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)))
    pads: list[int] = []
    for cells in reversed(size):
        pads.extend(same_padding(cells, 3, 2))
    expected = functional.max_pool3d(functional.pad(x, pads, value=-torch.inf), 3, 2)
    torch.testing.assert_close(MaxPool3dSame((3, 3, 3), (2, 2, 2))(x), expected, rtol=0, atol=0)


def test_the_sizes_of_the_paper() -> None:
    """At 224 x 224; shapes alone, on no memory."""
    with torch.device("meta"):
        network = I3D().eval()
        names = [
            "Conv3d_1a_7x7",
            "MaxPool3d_3a_3x3",
            "Mixed_3c",
            "Mixed_4f",
            "Mixed_5c",
            "avg_pool",
            "features",
        ]
        out = seen(network, [*names, "logits.conv3d", "logits"], torch.empty(2, 3, 64, 224, 224))
    assert {name: tuple(value.shape[1:]) for name, value in out.items()} == {
        "Conv3d_1a_7x7": (64, 32, 112, 112),
        "MaxPool3d_3a_3x3": (192, 32, 28, 28),
        "Mixed_3c": (480, 32, 28, 28),
        "Mixed_4f": (832, 16, 14, 14),
        "Mixed_5c": (1024, 8, 7, 7),
        "avg_pool": (1024, 7, 1, 1),
        "features": (1024,),
        "logits.conv3d": (400, 7, 1, 1),
        "logits": (400,),
    }


def test_logits_are_averaged_over_time_and_features_too(i3d_file: Path) -> None:
    network = build("rgb-kinetics400", str(i3d_file))
    x = torch.rand(1, 3, 17, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    out = seen(network, ["Mixed_5c", "avg_pool", "features", "logits.conv3d", "logits"], x)
    pooled = functional.avg_pool3d(out["Mixed_5c"], (2, 2, 2), stride=1)
    torch.testing.assert_close(out["avg_pool"], pooled)
    torch.testing.assert_close(out["features"], pooled.mean(dim=(2, 3, 4)))
    torch.testing.assert_close(out["logits"], out["logits.conv3d"].mean(dim=(2, 3, 4)))
    by_hand = out["features"] @ network.logits.conv3d.weight.flatten(1).T + network.logits.conv3d.bias
    torch.testing.assert_close(out["logits"], by_hand, rtol=1e-4, atol=1e-4)


def test_both_published_ports_are_the_same_network(i3d_file: Path, tmp_path: Path) -> None:
    """Two checkpoints with other names and the same numbers give the same weights, to the bit."""
    other = tmp_path / "model_rgb.pth"
    torch.save(published.i3d_hassony2(), other)
    ours, theirs = (build("rgb-kinetics400", str(path)).state_dict() for path in (i3d_file, other))
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_a_checkpoints_numbers_arrive_where_they_belong(i3d_file: Path, i3d_state: dict[str, Tensor]) -> None:
    state = build("rgb-kinetics400", str(i3d_file)).state_dict()
    assert {k for k in state if not k.endswith("num_batches_tracked")} == set(i3d_state)
    assert all(torch.equal(state[k], v) for k, v in i3d_state.items())


def test_flow_weights_are_not_rgbs(tmp_path: Path) -> None:
    path = tmp_path / "flow.pt"
    torch.save(published.i3d_piergiaj(2), path)
    first = build("flow-kinetics400", str(path)).get_submodule("flow.Conv3d_1a_7x7.conv3d")
    assert first.weight.shape == (64, 2, 7, 7, 7)
    with pytest.raises(ModelError, match=r"1 of .*shape \(Conv3d_1a_7x7.conv3d.weight \[64, 2, 7, 7, 7\]"):
        build("rgb-kinetics400", str(path))


def test_missing_and_strange_keys_are_counted_and_named(i3d_state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "half.pt"
    half = {k: v for k, v in i3d_state.items() if not k.startswith("Mixed_5c.b0")}
    torch.save({**half, "end_points.x": torch.zeros(1)}, path)
    with pytest.raises(
        ModelError, match=r"5 of its \d+ keys are missing \(Mixed_5c.b0.*1 of the file's"
    ) as error:
        build("rgb-kinetics400", str(path))
    assert "end_points.x" in str(error.value)


def test_names() -> None:
    with pytest.raises(ModelError, match=r"there is no model 'i3d/rgb-kinetic400'.*Did you mean"):
        build("rgb-kinetic400", "random:0")
    with pytest.raises(ModelError, match="not fetched"):
        build("rgb-kinetics400", "pretrained")


def test_the_card_says_what_deepmind_says() -> None:
    model = FAMILY.load("rgb-kinetics400-24f", "random:3")
    card = model.card
    assert (card.frames, card.layout, card.height_px, card.resize_px) == (24, "NCTHW", 224, 256)
    assert [(p / card.scale - m) / s for p in (0, 255) for m, s in zip(card.mean, card.std, strict=True)] == [
        -1.0,
        -1.0,
        -1.0,
        1.0,
        1.0,
        1.0,
    ]
    assert card.default_layers == ("features",)
    assert card.name == "i3d/rgb-kinetics400-24f"
    assert FAMILY.load("rgb-kinetics400-24f", "random:3").weights_sha256 == model.weights_sha256
    assert FAMILY.load("rgb-kinetics400-24f", "random:4").weights_sha256 != model.weights_sha256


def test_the_catalogues_sizes_are_the_networks() -> None:
    for entry in FAMILY.catalogue():
        network = build(entry.name.removeprefix("i3d/"), "random:0")
        assert sum(p.numel() for p in network.parameters()) == entry.parameters
