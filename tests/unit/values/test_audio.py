"""Windows of sound as values, and recipes and cards that hold them."""

from __future__ import annotations

import json

import pytest

from vifex.models import format_card
from vifex.models.cards import parse_card
from vifex.values import AudioInput, AudioSpec, Layer, LayerSpec, ModelCard, ModelError, Recipe, Sampling
from vifex.values.pixels import NO_PIXELS

RECIPE = Recipe(
    model="m-1",
    weights_sha256="ab" * 32,
    preprocess={"layout": "NS"},
    pixels=NO_PIXELS,
    sampling=Sampling(),
    layers=(LayerSpec(Layer("pooled", "vector", (8,)), "none", (8,), False, "float32"),),
    precision="fp32",
    engine="torch",
    audio=AudioSpec(48_000, 10.0, 2.5, tail="repeat", t_start_s=1.0),
)
PINNED = "ed2b828214168c7663cc23ae2cc6ed06"


def test_a_recipe_of_sound_comes_back_from_json_and_its_hash_is_pinned() -> None:
    """Resuming rests on the hash; pixels and sampling say nothing of sound and are no part of it."""
    said = RECIPE.to_dict()
    assert Recipe.from_dict(json.loads(json.dumps(said))) == RECIPE
    assert not {"pixels", "sampling"} & set(said)
    assert RECIPE.hash == PINNED


def test_samples_are_counted_in_whole_numbers() -> None:
    spec = AudioSpec(44_100, 0.1, 0.01)
    assert (spec.window_samples, spec.hop_samples) == (4410, 441)
    assert AudioInput(16_000, 10.24).window_samples == 163_840


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"sample_rate_hz": 0}, "sample_rate_hz must be from 1"),
        ({"window_s": 0.0}, "window_s must be at least one sample"),
        ({"window_s": float("nan")}, "window_s"),
        ({"hop_s": -1.0}, "hop_s must be at least one sample"),
        ({"t_start_s": 2.0, "t_end_s": 1.0}, "must end after it starts"),
    ],
)
def test_windows_that_make_no_sense_are_refused(choices: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AudioSpec(**{"sample_rate_hz": 16_000, "window_s": 1.0, "hop_s": 1.0, **choices})  # type: ignore[arg-type]


def test_a_card_of_sound_comes_back_from_toml() -> None:
    sound = AudioInput(16_000, 5.0, 30.0, "repeat")
    card = ModelCard("net-1", 0, 0, layout="NS", audio=sound, default_layers=("pooled",))
    assert parse_card(format_card(card), of="net-1") == card
    short = 'name = "net-1"\n[audio]\nsample_rate_hz = 16000\nwindow_s = 0.5\n'
    assert parse_card(short, of="net-1").audio == AudioInput(16_000, 0.5)


@pytest.mark.parametrize(
    "text",
    [
        'name = "n"\nheight_px = 8\nwidth_px = 8\nlayout = "NS"\n',
        'name = "n"\nlayout = "NCHW"\n[audio]\nsample_rate_hz = 16000\nwindow_s = 1.0\n',
        'name = "n"\n[audio]\nsample_rate_hz = 16000\n',
        'name = "n"\n[audio]\nsample_rate_hz = 16000\nwindow_s = 2.0\nmax_window_s = 1.0\n',
        'name = "n"\n[audio]\nsample_rate_hz = 16000\nwindow_s = 1.0\ntail = "echo"\n',
        'name = "n"\n[audio]\nsample_rate_hz = 16000\nwindow_s = 1.0\nloudness = 1\n',
    ],
)
def test_cards_that_contradict_themselves_are_refused(text: str) -> None:
    with pytest.raises(ModelError, match="audio"):
        parse_card(text, of="n")
