"""The models and layers that presets name exist, and take clips of that length."""

from __future__ import annotations

import pytest

from vifex.extraction.planning.presets import PRESETS
from vifex.models.families.builtin import c3d, i3d
from vifex.models.families.libraries import torchvision

FAMILIES = {"c3d": c3d, "i3d": i3d, "torchvision": torchvision}
MADE_HERE = [name for name, preset in PRESETS.items() if preset.model.partition("/")[0] in FAMILIES]


@pytest.mark.parametrize("name", MADE_HERE)
def test_a_presets_model_has_its_layers_and_takes_its_clips(name: str) -> None:
    """`clip-1fps` is left out: its network comes from a hub."""
    preset = PRESETS[name]
    prefix, _, rest = preset.model.partition("/")
    model = FAMILIES[prefix].FAMILY.load(rest, "random:0")
    network = FAMILIES[prefix].build(rest, "random:0")
    assert model.card.frames == preset.sampling.clip_length
    for layer in preset.layers:
        assert network.get_submodule(model.card.aliases.get(layer, layer)) is not None
    assert model.card.pixel_spec(preset.decode).decode == "exact"
