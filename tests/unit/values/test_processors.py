"""A library's own processor as a value: in pixels, in recipes; what came before it keeps its hash."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vifex.values import Layer, LayerSpec, ModelCard, PixelSpec, Processor, Recipe, Sampling
from vifex.values.pixels import fit

OWN = Processor(
    kind="LlavaImageProcessor",
    settings=json.dumps({"do_pad": True, "size": {"shortest_edge": 32}}, sort_keys=True),
    scale=255.0,
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.25, 0.3),
    channel_order="BGR",
)
CARD = ModelCard("m", 32, 24, resize="processor", processor=OWN)
RECIPE = Recipe(
    model="m",
    weights_sha256="00",
    preprocess={},
    pixels=CARD.pixel_spec(),
    sampling=Sampling(),
    layers=(LayerSpec(Layer("a", "vector", (8,)), "none", (8,), False, "float32"),),
    precision="fp32",
    engine="openvino",
)


def test_a_processor_takes_images_that_are_decoded_in_full() -> None:
    assert CARD.pixel_spec("fast").decode == CARD.pixel_spec("exact").decode == "exact"
    with pytest.raises(ValueError, match="decoded in full"):
        replace(CARD.pixel_spec(), decode="fast")
    for wrong in ({"resize": "processor"}, {"resize": "stretch", "processor": OWN}):
        with pytest.raises(ValueError, match="needs the processor, and others have none"):
            PixelSpec(8, 8, decode="exact", **wrong)  # type: ignore[arg-type]
    to = fit(CARD.pixel_spec(), 640, 480)
    assert (to.width, to.height, to.left, to.top) == (24, 32, 0, 0)


def test_a_recipe_keeps_it() -> None:
    said = json.loads(json.dumps(RECIPE.to_dict()))
    assert said["pixels"]["processor"]["settings"] == {"do_pad": True, "size": {"shortest_edge": 32}}
    again = Recipe.from_dict(said)
    assert again == RECIPE
    assert again.hash == RECIPE.hash
    other = replace(OWN, settings=json.dumps({"do_pad": False}))
    changed = replace(RECIPE, pixels=replace(RECIPE.pixels, processor=other))
    assert changed.hash != RECIPE.hash
    assert any("processor.settings.do_pad" in line for line in RECIPE.differences(changed))


def test_pixels_without_one_do_not_name_it() -> None:
    """The hash of a recipe is made of this: stores that were made before go on."""
    assert list(PixelSpec(96, 96).to_dict()) == [
        "height_px",
        "width_px",
        "resize",
        "resize_px",
        "interpolation",
        "decode",
        "background",
    ]


def test_numbers_become_pixels_again() -> None:
    pixels = np.arange(24, dtype=np.float64).reshape(2, 4, 3) * 10
    numbers = (pixels[..., ::-1] / OWN.scale - OWN.mean) / OWN.std  # its order is BGR
    np.testing.assert_allclose(OWN.as_pixels(numbers), pixels, atol=1e-9)
