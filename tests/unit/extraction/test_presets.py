"""Presets are data: what each replays is written down here a second time, from its source."""

from __future__ import annotations

import pytest

from vifex.extraction.planning.presets import LEFT_OUT, PRESETS, load_preset, preset_names
from vifex.values import InputError, Sampling


def clips(length: int, hop: int | None = None) -> Sampling:
    return Sampling(sampler="clip", fps=None, clip_length=length, frame_step=1, hop=hop, tail="drop")


TABLE = {
    "i3d-24": ("i3d/rgb-kinetics400-24f", ("features",), clips(24)),
    "i3d-64": ("i3d/rgb-kinetics400", ("features",), clips(64)),
    "i3d-two-stream-24": ("i3d/two-stream-kinetics400-24f", ("streams.features",), clips(25, hop=24)),
    "i3d-two-stream-64": ("i3d/two-stream-kinetics400", ("streams.features",), clips(65, hop=64)),
    "i3d-21-pad": (
        "i3d/rgb-kinetics400-21f",
        ("features",),
        Sampling("clip", None, clip_length=21, frame_step=1, tail="zeros", centre=True),
    ),
    "c3d-16": ("c3d/sports1m", ("fc6",), clips(16, hop=8)),
    "r21d-16": ("torchvision/r2plus1d_18.KINETICS400_V1", ("penultimate",), clips(16)),
    "clip-1fps": ("hf/openai/clip-vit-base-patch32", ("embedding",), Sampling(sampler="fps", fps=1.0)),
}


def test_the_table_is_whole() -> None:
    assert sorted(TABLE) == preset_names()


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_preset_replays_its_protocol(name: str) -> None:
    preset = load_preset(name)
    assert (preset.model, preset.layers, preset.sampling) == TABLE[name]
    assert preset.decode == "exact"


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_where_it_is_from_and_what_differs(name: str) -> None:
    preset = PRESETS[name]
    assert preset.name == name
    assert "/" in preset.source or "arXiv" in preset.source
    assert all(text.endswith(".") for text in (preset.replays, *preset.differs))


def test_a_misspelt_preset_offers_near_ones() -> None:
    with pytest.raises(InputError, match=r"there is no preset 'i3d64'.*Did you mean.*i3d-64"):
        load_preset("i3d64")


@pytest.mark.parametrize("name", sorted(LEFT_OUT))
def test_a_protocol_that_cannot_be_expressed_is_an_error_with_the_reason(name: str) -> None:
    with pytest.raises(InputError, match="cannot be replayed to the letter") as error:
        load_preset(name)
    assert LEFT_OUT[name] in str(error.value)
    assert name not in PRESETS
