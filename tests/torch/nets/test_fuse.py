"""`fuse/`: one network read at several scales; names, values against hooks, weights, OpenVINO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

import vifex
from vifex.api.catalogue import describe
from vifex.engines.torch.engine import TorchEngine
from vifex.media.read import frame_at
from vifex.models.families.composed.fuse import FAMILY, build, parse
from vifex.models.families.libraries import torchvision
from vifex.values import Limits, ModelError

LAYERS = "(torchvision/resnet18#layer2+layer4)"


def at_hooks(network: torch.nn.Module, layers: list[str], x: torch.Tensor) -> list[torch.Tensor]:
    seen: dict[str, torch.Tensor] = {}
    for layer in layers:
        network.get_submodule(layer).register_forward_hook(
            lambda m, a, out, layer=layer: seen.__setitem__(layer, out)
        )
    with torch.no_grad():
        network(x)
    return [seen[layer] for layer in layers]


def test_names_are_taken_apart() -> None:
    parts = parse("weighted:weights=2/1,raw(torch:nets:make#stem+head.0)")
    assert (parts.method, parts.options, parts.unit) == ("weighted", {"weights": "2/1"}, False)
    assert (parts.backbone, parts.layers) == ("torch:nets:make", ("stem", "head.0"))
    assert parse("sum:64,take=mean(a/b#c+d)").options == {"width": 64, "take": "mean"}
    assert parse("gated:32(a/b#c+d)").options == {"hidden": 32}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("concat(torchvision/resnet18#layer2)", "with different layers"),
        ("concat(torchvision/resnet18#layer2+layer2)", "with different layers"),
        ("concat(torchvision/resnet18)", "is not fuse/METHOD"),
        (f"cocnat{LAYERS}", "no fusion 'cocnat'.*Did you mean concat"),
        (f"pca:8{LAYERS}", "learned from the rows of a store.*vifex fuse and `method=pca"),
        ("concat(default#a+b)", "belong to a family.*with vifex fuse"),
        ("concat(nets/x.onnx#a+b)", "belong to a family.*with vifex fuse"),
        ("concat(torchvision/resnet18#layer2+layer5)", "no module 'layer5'.*Did you mean"),
        ("sum(torchvision/resnet18#layer4+layer2)", "from the finest map to the coarsest"),
        ("sum(torchvision/resnet18#layer4+fc)", "'fc' gives no map"),
        (f"sum:take=all{LAYERS}", "take must be finest or mean"),
        (f"weighted:weights=1/x{LAYERS}", "could not convert string to float"),
        (f"gated:depth=2{LAYERS}", "cannot be made with depth=2"),
    ],
)
def test_what_is_no_such_network_is_told(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build(name, "random:0")


def test_vectors_of_several_scales_are_joined() -> None:
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    maps = at_hooks(torchvision.build("resnet18", "random:3"), ["layer2", "layer4"], x)
    plain = [m.mean(dim=(2, 3)) for m in maps]
    unit = [normalize(v, dim=1) for v in plain]
    with torch.no_grad():
        torch.testing.assert_close(build(f"concat{LAYERS}", "random:3")(x), torch.cat(unit, dim=1))
        torch.testing.assert_close(build(f"concat:raw{LAYERS}", "random:3")(x), torch.cat(plain, dim=1))
        weighted = build(f"weighted:weights=3/1{LAYERS}", "random:3")(x)
        torch.testing.assert_close(weighted, torch.cat([unit[0] * 0.75**0.5, unit[1] * 0.5], dim=1))


def test_weights_come_from_a_seed_or_a_file(tmp_path: Path) -> None:
    name = f"sum:16{LAYERS}"
    drawn = build(name, "random:3")
    again = build(name, "random:3").state_dict()
    assert all(torch.equal(v, again[k]) for k, v in drawn.state_dict().items())
    torch.save(drawn.state_dict(), tmp_path / "whole.pt")
    loaded = build(name, str(tmp_path / "whole.pt")).state_dict()
    assert all(torch.equal(v, loaded[k]) for k, v in drawn.state_dict().items())
    with pytest.raises(ModelError, match="has weights of its own, and none are published"):
        build(name, "pretrained")


def test_the_card_says_how_the_vector_came_to_be() -> None:
    said = "concat of layer2 [128], layer4 [512] of torchvision/resnet18"
    card = FAMILY.load(f"concat{LAYERS}", "random:3").card
    assert card.fusion is not None
    assert card.fusion.startswith(said)
    assert card.fusion.endswith("640 numbers")
    facts = dict(describe(f"fuse/concat{LAYERS}", weights="random:3").lines())
    assert facts["fusion"] == card.fusion


@pytest.mark.parametrize("method", ["concat", "sum:16"])
def test_in_openvino_it_is_what_it_is_in_torch(method: str, tmp_path: Path) -> None:
    """Through the store, from an image, against the torch engine on the same pixels."""
    name = f"{method}(torchvision/squeezenet1_1#features.4+features.12)"
    image = tmp_path / "a.png"
    pixels = np.random.default_rng(0).integers(0, 256, size=(300, 260, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(image)
    store = tmp_path / "s.vifex"
    vifex.extract(image, store, model=f"fuse/{name}", weights="random:3", precision="fp32", decode="exact")
    with vifex.open(store) as opened:
        assert opened.recipe.engine == "openvino"
        row = opened.to_numpy()[0]
        assert opened.search(image, k=1)[0].score == pytest.approx(1.0, abs=1e-6)
    model, engine = FAMILY.load(name, "random:3"), TorchEngine("cpu")
    ready = frame_at(image, 0.0, model.card.pixel_spec("exact"), Limits()).pixels
    with engine.compile(
        model, engine.resolve_layers(model, []), precision="fp32", batch=1, cores=1
    ) as network:
        oracle = network.submit(np.ascontiguousarray(ready[None])).result()["head"][0]
    np.testing.assert_allclose(row, oracle, atol=1e-4 * np.abs(oracle).max())
