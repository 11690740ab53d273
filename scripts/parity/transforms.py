"""Preprocessing: Vifex's exact ready pixels against each library's own transform, before normalisation."""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from networks import names, network
from one import images
from PIL import Image

from vifex.media.decode.images.image import StillImage
from vifex.models.families.libraries import torchvision as torchvision_family
from vifex.models.families.libraries.hf_source import Source
from vifex.models.families.libraries.timm import timm_pixels
from vifex.values import ModelCard

__all__ = ["differences"]

Pixels = npt.NDArray[Any]
Theirs = Callable[[Image.Image], Pixels]


def differences(photographs: list[Image.Image]) -> dict[str, float]:
    """The largest difference, in steps of 255, of any pixel of some photographs, for each network."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names():
            make = _MAKERS.get(name.partition("/")[0])
            if make is not None and (both := make(name, Path(folder))) is not None:
                found[name] = _largest(*both, photographs)
    return found


def _largest(card: ModelCard, theirs: Theirs, photographs: list[Image.Image]) -> float:
    worst = 0.0
    for image in photographs:
        ready = StillImage(image, image.size, 1).ready(card.pixel_spec("exact"), None)
        worst = max(worst, float(np.abs(ready.astype(np.float64) - theirs(image)).max()))
    return round(worst, 2)


def _undone(card: ModelCard, normalised: Any) -> Pixels:
    """A library's normalisation taken back: `[C, H, W]` to pixels `[H, W, C]`."""
    x = normalised.double().numpy().transpose(1, 2, 0)
    return np.asarray((x * np.array(card.std) + np.array(card.mean)) * card.scale)


def _timm(name: str, folder: Path) -> tuple[ModelCard, Theirs]:
    from timm import get_pretrained_cfg
    from timm.data import create_transform, resolve_data_config

    own = name.partition("/")[2]
    config = resolve_data_config(pretrained_cfg=get_pretrained_cfg(own).to_dict())
    transform = create_transform(**config, is_training=False, normalize=False)
    card = ModelCard(name, **timm_pixels(config, of=own))
    return card, lambda image: transform(image).numpy().transpose(1, 2, 0)


def _torchvision(name: str, folder: Path) -> tuple[ModelCard, Theirs]:
    import torch
    from torchvision.models import get_model_weights

    own = name.partition("/")[2]
    published = get_model_weights(own).DEFAULT
    card = ModelCard(name, **torchvision_family._pixels(own, published))
    transform = published.transforms()
    if card.frames is None:
        return card, lambda image: _undone(card, transform(image))

    def of_a_frame(image: Image.Image) -> Pixels:
        frame = torch.from_numpy(np.array(image).transpose(2, 0, 1).copy())
        return _undone(card, transform(frame[None])[:, 0])

    return card, of_a_frame


def _hf(name: str, folder: Path) -> tuple[ModelCard, Theirs] | None:
    model = network(name, folder)
    if model.card.audio is not None:
        return None
    processor = Source.of(str(folder / name.rpartition(":")[2])).processor()
    if type(processor).__name__.startswith("Vivit"):
        return None  # its numbers run from -1 to 1 before they are normalised

    def theirs(image: Image.Image) -> Pixels:
        given = {"images": image} if model.card.frames is None else {"videos": [image] * 2}
        out = processor(**given, do_normalize=False, return_tensors="pt")
        x = next(iter(out.values()))
        return np.asarray(x.reshape(-1, *x.shape[-3:])[0].numpy().transpose(1, 2, 0) * 255.0)

    return model.card, theirs


def _open_clip(name: str, folder: Path) -> tuple[ModelCard, Theirs]:
    from open_clip import image_transform

    card = network(name, folder).card
    mode = "squash" if card.resize == "stretch" else "shortest"
    transform = image_transform(
        card.height_px,
        is_train=False,
        mean=card.mean,
        std=card.std,
        resize_mode=mode,
        interpolation=card.interpolation,
    )
    return card, lambda image: _undone(card, transform(image))


_MAKERS: dict[str, Callable[[str, Path], tuple[ModelCard, Theirs] | None]] = {
    "timm": _timm,
    "torchvision": _torchvision,
    "hf": _hf,
    "open_clip": _open_clip,
}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(differences(images(Path(sys.argv[1])))))
