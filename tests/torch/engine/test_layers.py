"""Which layers a network has, what they are called, and what their axes are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vifex.values import ModelError


def shown(engine: Any, model: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {t.name: (t.kind, t.shape) for t in engine.layers(model)}


def test_a_module_that_is_called_again_is_another_layer(engine: Any, tiny: Any) -> None:
    assert shown(engine, tiny("Cnn")) == {
        "conv1": ("map", (8, 12, 16)),
        "bn1": ("map", (8, 12, 16)),
        "relu": ("map", (8, 12, 16)),
        "layer1.0": ("map", (8, 12, 16)),
        "layer1.1": ("map", (8, 12, 16)),
        "layer1.2": ("map", (8, 12, 16)),
        "layer1": ("map", (8, 12, 16)),
        "relu_1": ("map", (8, 12, 16)),
        "layer2.0": ("map", (12, 6, 8)),
        "layer2.1": ("map", (12, 6, 8)),
        "layer2": ("map", (12, 6, 8)),
        "relu_2": ("map", (12, 6, 8)),
        "pool": ("map", (12, 1, 1)),
        "fc": ("vector", (5,)),
    }


def test_windows_give_volumes(engine: Any, tiny: Any) -> None:
    found = shown(engine, tiny("Clip3d"))
    assert found["stem.0"] == found["stem"] == ("volume", (6, 6, 8, 8))
    assert found["body"] == ("volume", (8, 3, 4, 4))
    assert found["head"] == ("vector", (4,))


def test_steps_of_time_are_sequences_and_folded_frames_are_no_layer(engine: Any, tiny: Any) -> None:
    """The LSTM gives `[T, D]`; the convolution along time gives `[D, T]`, which is turned."""
    assert shown(engine, tiny("Recurrent")) == {
        "lstm": ("sequence", (6, 5)),
        "along": ("sequence", (6, 7)),
        "head": ("vector", (3,)),
    }


def test_attention_is_found_where_a_fused_kernel_hides_it(engine: Any, tiny: Any) -> None:
    found = shown(engine, tiny("Transformer"))
    assert found["patch_embed"] == ("map", (16, 3, 4))
    assert found["blocks.0.qkv"] == ("tokens", (13, 48))
    assert found["blocks.2"] == found["norm"] == found["last"] == ("tokens", (13, 16))
    assert found["blocks.0.softmax"] == ("attention", (2, 13, 13))
    assert found["last.softmax"] == ("attention", (4, 13, 13))
    assert found["head"] == ("vector", (5,))
    assert "output" not in found, "the network's output begins with its head's"


def test_maps_that_are_channels_last_inside_come_channels_first(engine: Any, tiny: Any) -> None:
    """Also behind windows, where a layer on the last axis of the image's own grid shows them again."""
    found = shown(engine, tiny("ChannelsLast"))
    assert found == {
        "embed": ("map", (8, 6, 6)),
        "norm": ("map", (8, 6, 6)),
        "merge": ("map", (10, 3, 3)),
        "head": ("vector", (4,)),
    }


def test_names_of_layers_are_resolved(engine: Any, tiny: Any) -> None:
    def names(model: str, *words: str) -> list[str]:
        return [t.name for t in engine.resolve_layers(tiny(model), words)]

    assert names("Cnn") == ["fc"]
    assert names("Cnn", "logits", "head", "stem", "layer*.0") == ["fc", "conv1", "layer1.0", "layer2.0"]
    assert names("Transformer", "blocks.-1", "blocks.*.softmax") == ["blocks.2"] + [
        f"blocks.{i}.softmax" for i in range(3)
    ]
    with pytest.raises(ModelError, match=r"no layer 'layr1'\. Did you mean layer1.*vifex layers torch:tiny"):
        names("Cnn", "layr1")
    with pytest.raises(ModelError, match="does not say which of its layers is 'logits'"):
        names("Mixing", "logits")


def test_what_comes_before_the_head_is_penultimate(engine: Any) -> None:
    """Its head is a sequence whose last layer gives the very tensor that the head gives."""
    import tiny_networks
    from torch import nn

    from vifex.engines.names import Named, resolve_names
    from vifex.engines.torch.discover import discover
    from vifex.values import ModelCard

    network = nn.Sequential()
    network.add_module("body", tiny_networks.Cnn())
    network.add_module("head", nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Dropout(), nn.Linear(7, 2)))
    card = ModelCard("x", 24, 32)
    spots = discover(network.eval(), card).spots
    twins = {s.layer.name: s.twin for s in spots if s.twin}
    assert twins["head"] == "head.3"
    assert twins["head.2"] == "head.1"
    named = Named([s.layer for s in spots], twins=twins)
    assert [t.name for t in resolve_names(["penultimate", "logits"], named, card)] == ["head.2", "head"]


def test_a_card_that_does_not_fit_is_told(engine: Any, tiny: Any) -> None:
    from dataclasses import replace

    model = tiny("OneByOne")
    with pytest.raises(ModelError, match=r"does not run on the card's \[1, 3, 25, 64\] \(NCHW\).*Correct"):
        engine.layers(replace(model, card=replace(model.card, height_px=25, width_px=64)))


COUNTED = """
import sys
from vifex.engines import load_engine
from vifex.models import load_model
names = ("Cnn", "Clip3d", "Recurrent", "Transformer")
models = [load_model(f"torch:tiny_networks:{name}", weights="random:0") for name in names]
engine = load_engine("torch")
light = [engine._find(model) for model in models]
assert "torch._dynamo" not in sys.modules
import torch._dynamo
engine._found.clear()
full = [engine._find(model) for model in models]
assert light == full
assert [one.macs > 0 for one in light] == [True] * 4
"""


def test_operations_are_counted_as_by_pytorch_without_its_compiler() -> None:
    """Where the compiler is loaded, PyTorch's own mode counts."""
    subprocess.run([sys.executable, "-c", COUNTED], check=True, cwd=Path(__file__).parent)
