"""Preprocessing: Vifex's exact ready pixels against each library's own transform, before normalisation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from vifex.media.decode.images.image import StillImage
from vifex.models.families.libraries import hf, open_clip, timm, torchvision
from vifex.models.families.libraries.hf_pixels import processor_pixels
from vifex.models.families.libraries.timm import timm_pixels
from vifex.values import ModelCard, ModelError

Tiny = Callable[[str], Path]
Pixels = npt.NDArray[Any]

TOLERANCE = 1
"""Pillow's and torch's antialiased filters work in fixed point of other widths and round on their own."""


def largest(card: ModelCard, theirs: Callable[[Image.Image], Pixels], images: list[Image.Image]) -> float:
    """The largest difference in any pixel of some images."""
    worst = 0.0
    for image in images:
        ready = StillImage(image, image.size, 1).ready(card.pixel_spec("exact"), None)
        other = theirs(image)
        assert ready.shape == other.shape
        worst = max(worst, float(np.abs(ready.astype(np.float64) - other).max()))
    return worst


def undone(card: ModelCard, normalised: Any) -> Pixels:
    """Take a library's normalisation back: `[C, H, W]` to pixels `[H, W, C]`."""
    x = normalised.double().numpy().transpose(1, 2, 0)
    pixels: Pixels = (x * np.array(card.std) + np.array(card.mean)) * card.scale
    return np.round(pixels, 3)


@pytest.mark.parametrize("name", ["test_vit.r160_in1k", "resnet18.a1_in1k", "dm_nfnet_f0.dm_in1k"])
def test_timm(name: str, photographs: list[Image.Image]) -> None:
    """Shorter side and crop, of bicubic; for the last stretch and crop."""
    from timm import get_pretrained_cfg
    from timm.data import create_transform, resolve_data_config

    config = resolve_data_config(pretrained_cfg=get_pretrained_cfg(name).to_dict())
    card = ModelCard("timm", **timm_pixels(config, of=name))
    transform = create_transform(**config, is_training=False, normalize=False)
    found = largest(card, lambda p: transform(p).numpy().transpose(1, 2, 0), photographs)
    print(f"largest difference: {found:g}")  # `pytest -rP` shows the figures
    assert found == 0


def test_torchvision_images(photographs: list[Image.Image]) -> None:
    from torchvision.models import SqueezeNet1_1_Weights

    card = torchvision.FAMILY.load("squeezenet1_1", "random:0").card
    transform = SqueezeNet1_1_Weights.DEFAULT.transforms()
    found = largest(card, lambda p: undone(card, transform(p)), photographs)
    print(f"largest difference: {found:g}")  # `pytest -rP` shows the figures
    assert found < 0.01


@pytest.mark.parametrize("name", ["r3d_18", "mvit_v1_b"])
def test_torchvision_videos(name: str, photographs: list[Image.Image]) -> None:
    """Stretch and crop, or shorter side and crop, without antialiasing."""
    import torch
    from torchvision.models import get_model_weights

    published = get_model_weights(name).DEFAULT
    card = ModelCard("torchvision", **torchvision._pixels(name, published))
    transform = published.transforms()

    def theirs(image: Image.Image) -> Pixels:
        frame = torch.from_numpy(np.array(image).transpose(2, 0, 1).copy())
        return undone(card, transform(frame[None])[:, 0])

    found = largest(card, theirs, photographs)
    print(f"largest difference: {found:g}")  # `pytest -rP` shows the figures
    assert found <= TOLERANCE + 0.01


@pytest.mark.parametrize(
    "kind", ["clip", "siglip", "dinov2", "dinov3", "convnext", "videomae", "vjepa2", "timesformer"]
)
def test_hf(kind: str, photographs: list[Image.Image], tiny: Tiny) -> None:
    from vifex.models.families.libraries.hf_source import Source

    card = hf.FAMILY.load(str(tiny(kind)), "random:0").card
    processor = Source.of(str(tiny(kind))).processor()

    def theirs(image: Image.Image) -> Pixels:
        images = {"images": image} if card.frames is None else {"videos": [image] * 2}
        out = processor(**images, do_normalize=False, return_tensors="pt")
        x = next(iter(out.values()))
        return np.round(x.reshape(-1, *x.shape[-3:])[0].numpy().transpose(1, 2, 0) * 255.0, 3)

    found = largest(card, theirs, photographs)
    print(f"largest difference: {found:g}")  # `pytest -rP` shows the figures
    assert found <= TOLERANCE


def test_open_clip(tiny_clip: str, photographs: list[Image.Image]) -> None:
    from open_clip import image_transform

    card = open_clip.FAMILY.load(tiny_clip, "random:0").card
    transform = image_transform(32, is_train=False)
    found = largest(card, lambda p: undone(card, transform(p)), photographs)
    print(f"largest difference: {found:g}")  # `pytest -rP` shows the figures
    assert found < 0.01


def test_a_squashed_network_of_open_clip_stretches(photographs: list[Image.Image]) -> None:
    from open_clip import image_transform

    config = {
        "size": 48,
        "mean": (0.5,) * 3,
        "std": (0.5,) * 3,
        "interpolation": "bicubic",
        "resize_mode": "squash",
    }
    card = ModelCard("siglip", **open_clip._pixels(config, of="x"))
    transform = image_transform(48, is_train=False, resize_mode="squash", mean=(0.5,) * 3, std=(0.5,) * 3)
    assert largest(card, lambda p: undone(card, transform(p)), photographs) < 0.01


def test_vivit_s_numbers_run_from_minus_one(tiny: Tiny) -> None:
    """Its processor rescales by 1/127.5, takes 1 off, then normalises: 255 -> (2 - 1 - 0.5) / 0.5 = 1."""
    import torch
    from transformers import VivitImageProcessor

    processor = VivitImageProcessor(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32})
    fields = processor_pixels(processor, of="x")
    for value in (0, 255):
        frame = Image.new("RGB", (40, 40), (value, value, value))
        theirs = processor(images=[frame], return_tensors="pt")["pixel_values"]
        ours = (value / fields["scale"] - fields["mean"][0]) / fields["std"][0]
        torch.testing.assert_close(theirs, torch.full_like(theirs, ours), rtol=1e-5, atol=1e-5)


def test_what_a_card_cannot_say_is_refused() -> None:
    from timm import get_pretrained_cfg
    from timm.data import resolve_data_config
    from transformers import ViTImageProcessor

    config = resolve_data_config(pretrained_cfg=get_pretrained_cfg("volo_d5_512").to_dict())
    with pytest.raises(ModelError, match=r"timm/volo: its images are padded \(crop mode center, 1\.15\)"):
        timm_pixels(config, of="timm/volo")
    with pytest.raises(ModelError, match="it does not resize"):
        processor_pixels(ViTImageProcessor(do_resize=False), of="hf/x")
    assert timm.FAMILY.prefix == "timm"
