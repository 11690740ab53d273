"""`seq/`: a network for images over frames, then a head; and the layers of clips through the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vifex.engines.torch.engine import TorchEngine
from vifex.models.families.builtin import i3d
from vifex.models.families.composed.seq import FAMILY, build, parse
from vifex.models.families.libraries import torchvision
from vifex.models.nets.over_frames import OverFrames, image_vector
from vifex.values import Model, ModelError

LSTM = "lstm:16,bi,frames=3(torchvision/resnet18)"


class Blurred(nn.Module):
    """A small network for images with a map, tokens and a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Conv2d(3, 5, 3)
        self.tokens = nn.Identity()
        self.vector = nn.Linear(5, 4)
        self.unused = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.tokens(self.map(x).flatten(2).transpose(1, 2))
        out: Tensor = self.vector(tokens.mean(dim=1))
        return out


def test_names_are_taken_apart() -> None:
    parts = parse("gru:256,bi,frames=32,take=mean,layers=2(timm/vit_small.dino#blocks.11)")
    assert (parts.head, parts.frames, parts.backbone, parts.layer) == (
        "gru",
        32,
        "timm/vit_small.dino",
        "blocks.11",
    )
    assert parts.options == {"hidden": 256, "both": True, "take": "mean", "layers": 2}
    assert parse("nonlocal:64,norm=true(a/b)").options == {"inner": 64, "norm": True}
    plain = parse("mean(hf/openai/clip)")
    assert (plain.options, plain.frames, plain.backbone, plain.layer) == ({}, 16, "hf/openai/clip", None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lstm", "is not seq/HEAD"),
        ("lstm:512(torchvision/resnet18", "is not seq/HEAD"),
        ("lstm:frames=0(torchvision/resnet18)", "not a number of frames"),
        ("ltsm(torchvision/resnet18)", r"there is no head 'ltsm'.*Did you mean lstm"),
        ("lstm:depth=2(torchvision/resnet18)", "does not take depth"),
        (
            "lstm(torchvisoin/resnet18)",
            r"there is no family of models 'torchvisoin'.*Did you mean torchvision",
        ),
        ("lstm(torchvision/resnet19)", r"there is no model 'torchvision/resnet19'"),
        ("lstm(torchvision/resnet18#layer5)", r"there is no module 'layer5'.*Did you mean"),
        ("lstm(i3d/rgb-kinetics400)", "not an image network"),
    ],
)
def test_what_is_no_such_network_is_told(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build(name, "random:0")


def test_maps_and_tokens_are_averaged_and_vectors_stay() -> None:
    network = Blurred().eval()
    x = torch.randn(2, 3, 6, 6)
    with torch.no_grad():
        maps = network.map(x)
        torch.testing.assert_close(image_vector(network, "map", x), maps.mean(dim=(2, 3)))
        torch.testing.assert_close(image_vector(network, "tokens", x), maps.mean(dim=(2, 3)))
        torch.testing.assert_close(image_vector(network, "vector", x), network(x))
    with pytest.raises(ValueError, match="does not run its module 'unused'"):
        image_vector(network, "unused", x)
    assert not network.map._forward_hooks


def test_frames_stay_in_their_clips_and_in_order() -> None:
    """A head that gives its input back: clip by clip, frame by frame, each as alone."""
    network = Blurred().eval()
    whole = OverFrames(network, "vector", nn.Identity()).eval()
    x = torch.randn(2, 3, 3, 6, 6)
    with torch.no_grad():
        out = whole(x)
        for i in range(2):
            for t in range(3):
                torch.testing.assert_close(out[i, t], network(x[i, t][None])[0])


def test_a_composite_is_its_backbone_and_torchs_lstm() -> None:
    network = build(LSTM, "random:3")
    backbone = torchvision.build("resnet18", "random:3")
    x = torch.randn(2, 3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        frames = torch.stack([image_vector(backbone, "penultimate", clip) for clip in x])
        states, (last, _) = network.head.rnn(frames)
        torch.testing.assert_close(network(x), torch.cat([last[0], last[1]], dim=1))
        assert states.shape == (2, 3, 32)


def test_weights_come_from_a_seed_or_a_file(tmp_path: Path) -> None:
    drawn = build(LSTM, "random:3")
    again = build(LSTM, "random:3").state_dict()
    assert all(torch.equal(v, again[k]) for k, v in drawn.state_dict().items())
    whole, head = tmp_path / "whole.pt", tmp_path / "head.pt"
    torch.save(drawn.state_dict(), whole)
    loaded = build(LSTM, str(whole)).state_dict()
    assert all(torch.equal(v, loaded[k]) for k, v in drawn.state_dict().items())
    torch.save({k: v for k, v in drawn.state_dict().items() if k != "head.rnn.bias_hh_l0"}, head)
    with pytest.raises(ModelError, match=r"1 of .* missing \(head.rnn.bias_hh_l0\)"):
        build(LSTM, str(head))
    with pytest.raises(ModelError, match="has weights of its own, and none are published"):
        build(LSTM, "pretrained")


def hooked(model: Model, network: nn.Module, names: list[str], pixels: np.ndarray) -> dict[str, Tensor]:
    """What torch's own forward hooks see of these pixels, normalised by hand."""
    card = model.card
    x = torch.from_numpy(pixels).double() / card.scale
    x = ((x - torch.tensor(card.mean)) / torch.tensor(card.std)).float()
    x = x.permute(0, 4, 1, 2, 3) if card.layout == "NCTHW" else x.permute(0, 1, 4, 2, 3)
    seen: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor | tuple[Tensor, ...]) -> None:
        seen[name] = output[0] if isinstance(output, tuple) else output

    for name in names:
        network.get_submodule(name).register_forward_hook(lambda m, a, o, name=name: keep(name, o))
    with torch.no_grad():
        network(x)
    return seen


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        (
            lambda: FAMILY.load(LSTM, "random:3"),
            {
                "frames": ("sequence", (3, 512)),
                "head.rnn": ("sequence", (3, 32)),
                "head.states": ("sequence", (3, 32)),
                "head": ("vector", (32,)),
            },
        ),
        (
            lambda: i3d.FAMILY.load("rgb-kinetics400-3f", "random:3"),
            {
                "Mixed_3b.b1b.conv3d": ("volume", (128, 2, 28, 28)),
                "MaxPool3d_5a_2x2": ("volume", (832, 1, 7, 7)),
                "features": ("vector", (1024,)),
                "logits": ("vector", (400,)),
            },
        ),
    ],
    ids=["seq", "i3d"],
)
def test_layers_of_clips_equal_forward_hooks(model, layers) -> None:  # type: ignore[no-untyped-def]
    """Through the engine, from uint8 pixels, next to another clip."""
    loaded = model()
    engine = TorchEngine("cpu")
    found = engine.resolve_layers(loaded, list(layers))
    assert {layer.name: (layer.kind, layer.shape) for layer in found} == layers
    card = loaded.card
    pixels = np.random.default_rng(0).integers(
        0, 256, size=(2, card.frames, card.height_px, card.width_px, 3), dtype=np.uint8
    )
    with engine.compile(loaded, found, precision="fp32", batch=2, cores=1) as network:
        arrays = network.submit(pixels).result()
    builder = loaded.builder
    fresh = (build if card.name.startswith("seq") else i3d.build)(builder.name, builder.weights)
    for name, expected in hooked(loaded, fresh, list(layers), pixels).items():
        assert expected.std() > 0.01, "too small for the tolerance to mean anything"
        assert not torch.allclose(expected[0], expected[1], atol=1e-3)
        np.testing.assert_allclose(arrays[name], expected.numpy(), atol=1e-4, rtol=1e-4)
