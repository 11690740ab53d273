"""The networks: what the sweep's smallest promise, and that they compute what the library's own do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from promises import batch, check, family_and_name, read
from sweep import SWEEP

from vifex.models.families.libraries import hf, open_clip, timm, torchvision

Tiny = Callable[[str], Path]


def test_the_sweep_has_at_least_sixty_networks_each_once() -> None:
    names = [case.name for case in SWEEP]
    assert len(names) == len(set(names)) >= 60
    assert {name.partition("/")[0] for name in names} == {"timm", "torchvision", "hf", "open_clip"}


@pytest.mark.parametrize("name", [case.name for case in SWEEP if case.ci])
def test_it_keeps_what_the_families_promise(name: str, tiny: Tiny) -> None:
    check(*family_and_name(name, tiny(name.rpartition(":")[2]) if ":" in name else None))


def test_a_tower_of_open_clip_keeps_what_the_families_promise(tiny_clip: str) -> None:
    assert check(open_clip.FAMILY, tiny_clip).card.default_layers == ("embedding",)


@pytest.mark.parametrize(
    "name", ["test_resnet.r160_in1k", "test_vit.r160_in1k", "deit_tiny_distilled_patch16_224"]
)
def test_timm_penultimate_is_its_own_pre_logits(name: str) -> None:
    """The oracle is timm's `forward_head(..., pre_logits=True)`, on a network without our point."""
    import torch
    from timm import create_model

    model = timm.FAMILY.load(name, "random:3")
    network, plain = timm.build(name, "random:3"), create_model(name).eval()
    plain.load_state_dict(network.state_dict())
    x = batch(model, 2)
    found, output = read(network, ["penultimate"], x)
    with torch.inference_mode():
        wanted = plain.forward_head(plain.forward_features(x), pre_logits=True)
        torch.testing.assert_close(output, plain(x), rtol=0, atol=0)
    torch.testing.assert_close(found["penultimate"], wanted, rtol=0, atol=0)


def test_torchvision_penultimate_is_what_the_last_layer_takes() -> None:
    import torch
    from torchvision.models import get_model

    network, plain = (
        torchvision.build("shufflenet_v2_x0_5", "random:3"),
        get_model("shufflenet_v2_x0_5").eval(),
    )
    plain.load_state_dict(network.state_dict())
    found, output = read(network, ["penultimate"], torch.randn(2, 3, 64, 64))
    with torch.inference_mode():
        torch.testing.assert_close(plain.fc(found["penultimate"]), output, rtol=0, atol=0)


def test_s3d_penultimate_gives_its_scores_by_its_last_layer() -> None:
    """Its last layer is a 1 x 1 x 1 convolution before an average: both orders give the same scores."""
    import torch

    network: Any = torchvision.build("s3d", "random:3")
    found, output = read(network, ["penultimate"], torch.randn(1, 3, 16, 224, 224))
    linear = network.classifier[1]
    with torch.inference_mode():
        scores = found["penultimate"] @ linear.weight.flatten(1).T + linear.bias
    torch.testing.assert_close(scores, output, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "frames"),
    [("r3d_18", 16), ("mc3_18", 16), ("r2plus1d_18", 16), ("s3d", 128), ("mvit_v2_s", 16), ("swin3d_s", 32)],
)
def test_torchvision_videos_take_the_clips_that_they_were_measured_with(name: str, frames: int) -> None:
    entry = next(e for e in torchvision.FAMILY.catalogue() if e.name.startswith(f"torchvision/{name}."))
    assert entry.input.startswith(f"{frames} x ")


@pytest.mark.parametrize(
    "kind", ["clip", "siglip", "vit", "vit-unpooled", "dinov2", "videomae", "timesformer", "vjepa2"]
)
def test_hf_points_are_the_library_s_own_outputs(kind: str, tiny: Tiny) -> None:
    import torch
    import transformers

    folder = str(tiny(kind))
    model = hf.FAMILY.load(folder, "pretrained")
    found, output = read(hf.build(folder, "pretrained"), list(model.card.default_layers), batch(model, 2))
    feature = found[model.card.default_layers[0]]
    config = transformers.AutoConfig.from_pretrained(folder)
    plain = getattr(transformers, config.architectures[0]).from_pretrained(folder).eval()
    x = batch(model, 2)
    with torch.inference_mode():
        if kind in ("clip", "siglip"):
            wanted = plain.get_image_features(pixel_values=x).pooler_output
        elif kind == "vjepa2":
            wanted = plain.get_vision_features(x).mean(1)
        elif kind == "dinov2":
            wanted = plain(x).pooler_output
        elif kind == "vit-unpooled":
            wanted = transformers.ViTModel.from_pretrained(folder, add_pooling_layer=False).eval()(x)[0][:, 0]
        else:
            wanted, feature = plain(x).logits, output
    torch.testing.assert_close(feature, wanted, rtol=0, atol=0)


def test_an_image_tower_of_open_clip_gives_its_image_vectors(tiny_clip: str) -> None:
    import open_clip as library
    import torch

    model = open_clip.FAMILY.load(tiny_clip, "random:3")
    plain = open_clip._whole(tiny_clip, "random:3").eval()
    found, _ = read(open_clip.build(tiny_clip, "random:3"), ["embedding"], batch(model, 2))
    assert isinstance(plain, library.CLIP)
    with torch.inference_mode():
        wanted = plain.encode_image(batch(model, 2))
    torch.testing.assert_close(found["embedding"], wanted, rtol=0, atol=0)


def test_the_weights_of_openai_get_the_activation_that_they_were_trained_with(tiny_clip: str) -> None:
    from open_clip.transformer import QuickGELU

    tower: Any = open_clip._create(tiny_clip, {"quick_gelu": True}, "open_clip/x").visual
    plain: Any = open_clip._create(tiny_clip, {}, "open_clip/x").visual
    assert isinstance(tower.transformer.resblocks[0].mlp.gelu, QuickGELU)
    assert not isinstance(plain.transformer.resblocks[0].mlp.gelu, QuickGELU)


def test_random_weights_are_those_of_their_seed() -> None:
    one, other = (torchvision.FAMILY.load("squeezenet1_1", f"random:{seed}") for seed in (1, 2))
    assert one.weights_sha256 != other.weights_sha256
    assert one == torchvision.FAMILY.load("squeezenet1_1", "random:1")
