"""C3D: the paper's layers, Caffe's edges, and the published checkpoint's keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vifex.models.families.builtin.c3d import FAMILY, build
from vifex.models.nets.c3d import C3D, CHANNEL_MEANS
from vifex.values import ModelError


@pytest.fixture(scope="module")
def c3d_file(c3d_state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """As the common port is kept; 320 MB, so it is removed behind the tests."""
    path = tmp_path_factory.mktemp("c3d") / "c3d.pickle"
    torch.save(c3d_state, path)
    yield path
    path.unlink()


def test_the_sizes_of_the_paper() -> None:
    out: dict[str, tuple[int, ...]] = {}
    with torch.device("meta"):
        network = C3D().eval()
        for name, module in network.named_children():
            module.register_forward_hook(lambda m, a, o, name=name: out.__setitem__(name, tuple(o.shape[1:])))
        network(torch.empty(1, 3, 16, 112, 112))
    wanted = {
        "conv1": (64, 16, 112, 112),
        "pool1": (64, 16, 56, 56),
        "pool2": (128, 8, 28, 28),
        "pool3": (256, 4, 14, 14),
        "pool4": (512, 2, 7, 7),
        "pool5": (512, 1, 4, 4),
        "fc6": (4096,),
        "fc7": (4096,),
        "fc8": (487,),
    }
    assert {name: out[name] for name in wanted} == wanted


def test_the_last_pooling_cuts_its_windows_at_the_edge() -> None:
    """Caffe: seven cells in windows 0 1, 2 3, 4 5, 6."""
    x = torch.arange(7.0).repeat(1, 1, 2, 7, 1)
    with torch.device("meta"):  # the layer alone is wanted, not 320 MB of weights
        layer = C3D().pool5
    assert layer(x)[0, 0, 0, 0].tolist() == [1.0, 3.0, 5.0, 6.0]


def test_a_published_checkpoint_is_the_transcribed_network(
    c3d_file: Path, c3d_state: dict[str, Tensor]
) -> None:
    """Every layer once more, by its functions, from the checkpoint's own tensors."""
    x = torch.randint(0, 256, (1, 3, 16, 112, 112), generator=torch.Generator().manual_seed(2)).float()
    network = build("sports1m", str(c3d_file))
    kept: dict[str, Tensor] = {}
    network.fc6.register_forward_hook(lambda m, a, o: kept.__setitem__("fc6", o))
    with torch.no_grad():
        scores = network(x)
        y = x - torch.tensor(CHANNEL_MEANS).reshape(3, 1, 1, 1)
        for name, pool in [
            ("conv1", (1, 2, 2)),
            ("conv2", 2),
            ("conv3a", None),
            ("conv3b", 2),
            ("conv4a", None),
            ("conv4b", 2),
            ("conv5a", None),
            ("conv5b", 2),
        ]:
            y = functional.conv3d(y, c3d_state[f"{name}.weight"], c3d_state[f"{name}.bias"], padding=1).relu()
            y = y if pool is None else functional.max_pool3d(y, pool, ceil_mode=True)
        y = functional.linear(y.flatten(1), c3d_state["fc6.weight"], c3d_state["fc6.bias"]).relu()
        torch.testing.assert_close(kept["fc6"], y)
        y = functional.linear(y, c3d_state["fc7.weight"], c3d_state["fc7.bias"]).relu()
        y = functional.linear(y, c3d_state["fc8.weight"], c3d_state["fc8.bias"])
    torch.testing.assert_close(scores, y)


def test_the_authors_mean_cube_is_cropped_with_the_pixels(
    c3d_state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Subtracting before the crop, as Caffe does, and after it are the same."""
    cube = torch.rand(1, 3, 16, 128, 171, generator=torch.Generator().manual_seed(3)) * 200
    monkeypatch.setattr(
        "vifex.models.families.builtin.own.load_state", lambda path: {**c3d_state, "mean": cube}
    )
    network = build("sports1m", "with-cube.pt")
    x = torch.randint(0, 256, (1, 3, 16, 128, 171), generator=torch.Generator().manual_seed(4)).float()
    expected = (x - cube)[..., 8 : 8 + 112, 29 : 29 + 112]
    torch.testing.assert_close(network.input(x[..., 8:120, 29:141]), expected)
    monkeypatch.setattr(
        "vifex.models.families.builtin.own.load_state", lambda path: {**c3d_state, "mean": cube[..., 1:]}
    )
    with pytest.raises(ModelError, match=r"mean has the shape \[1, 3, 16, 128, 170\]"):
        build("sports1m", "with-cube.pt")


def test_missing_and_strange_keys_are_counted_and_named(
    c3d_state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {k: v for k, v in c3d_state.items() if k != "conv5b.bias"}
    other |= {
        "fc8.weight": torch.zeros(101, 4096),
        "fc8.bias": torch.zeros(101),
        "fc9.weight": torch.zeros(1),
    }
    monkeypatch.setattr("vifex.models.families.builtin.own.load_state", lambda path: other)
    with pytest.raises(ModelError) as error:
        build("sports1m", "ucf101.pt")
    for part in ("conv5b.bias", "fc9.weight", "fc8.weight [101, 4096], not [487, 4096]", "ucf101.pt"):
        assert part in str(error.value)


def test_the_card_and_the_catalogue() -> None:
    model = FAMILY.load("sports1m", "random:1")
    card = model.card
    assert (card.frames, card.height_px, card.width_px, card.resize_hw_px) == (16, 112, 112, (128, 171))
    assert (card.channel_order, card.scale, card.default_layers) == ("BGR", 1.0, ("fc6",))
    np.testing.assert_array_equal(card.mean, 0)
    with torch.device("meta"):
        parameters = sum(p.numel() for p in C3D().parameters())
    (entry,) = FAMILY.catalogue()
    assert (entry.parameters, entry.non_commercial) == (parameters, True)
    with pytest.raises(ModelError, match=r"there is no model 'c3d/sport1m'.*Did you mean sports1m"):
        build("sport1m", "random:0")
