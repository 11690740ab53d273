"""Names of layers: patterns, numbered families, aliases, and what most networks have."""

from __future__ import annotations

import pytest

from vifex.engines.names import Named, resolve_names
from vifex.values import Layer, ModelCard, ModelError

RESNET = [
    *(
        Layer(n, "map", (8, 4, 4))
        for n in ("conv1", "layer1.0.conv2", "layer1.0", "layer1.1.conv2", "layer1.1")
    ),
    *(Layer(n, "map", (8, 2, 2)) for n in ("layer1", "layer2.0.conv2", "layer2.0", "layer2")),
    Layer("pool", "vector", (8,)),
    Layer("fc", "vector", (5,)),
]
VIT = [
    Layer("patch_embed.proj", "map", (4, 2, 2)),
    Layer("patch_embed", "tokens", (4, 4)),
    *(Layer(f"blocks.{i}{part}", "tokens", (4, 4)) for i in range(12) for part in (".attn.qkv", ".attn", "")),
    Layer("norm", "tokens", (4, 4)),
    Layer("drop", "vector", (4,)),
    Layer("head.fc", "vector", (3,)),
    Layer("head", "vector", (3,)),
]


def names(layers: list[Layer], *words: str, **facts: object) -> list[str]:
    card = ModelCard("net-1", 8, 8, **facts.pop("card", {}))  # type: ignore[arg-type]
    return [t.name for t in resolve_names(words, Named(layers, **facts), card)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layers", "word", "found"),
    [
        # A star stays within a part where something fits so ...
        (VIT, "blocks.*", [f"blocks.{i}" for i in range(12)]),
        (VIT, "blocks.*.attn", [f"blocks.{i}.attn" for i in range(12)]),
        (VIT, "blocks.1?", ["blocks.10", "blocks.11"]),
        (VIT, "blocks.[02]", ["blocks.0", "blocks.2"]),
        (RESNET, "layer?", ["layer1", "layer2"]),
        # ... and crosses dots where nothing does.
        (RESNET, "layer*.conv2", ["layer1.0.conv2", "layer1.1.conv2", "layer2.0.conv2"]),
        (RESNET, "layer?.conv2", ["layer1.0.conv2", "layer1.1.conv2", "layer2.0.conv2"][:0]),
        # Two stars are any number of parts.
        (RESNET, "**.conv2", ["layer1.0.conv2", "layer1.1.conv2", "layer2.0.conv2"]),
        (RESNET, "layer1.**", ["layer1.0.conv2", "layer1.0", "layer1.1.conv2", "layer1.1", "layer1"]),
        # Numbers below zero count from the end, by value and not by spelling.
        (VIT, "blocks.-1", ["blocks.11"]),
        (VIT, "blocks.-10.attn.*", ["blocks.2.attn.qkv"]),
        (RESNET, "layer*.-1", ["layer1.1", "layer2.0"]),
        (RESNET, "layer2.-1.conv2", ["layer2.0.conv2"]),
        (VIT, "blocks.-13", []),
    ],
)
def test_patterns(layers: list[Layer], word: str, found: list[str]) -> None:
    if found:
        assert names(layers, word) == found
    else:
        with pytest.raises(ModelError, match=r"net-1: (no layer of the model fits|the model has no layer)"):
            names(layers, word)


def test_what_most_networks_have_is_found_where_the_graph_makes_it_plain() -> None:
    assert names(RESNET, "stem", "penultimate", "logits", "head") == ["conv1", "pool", "fc"]
    assert names(VIT, "stem", "head") == ["patch_embed", "head"]
    # The head's own last layer is the same tensor: what comes before both is meant.
    assert names(VIT, "penultimate", "logits", twins={"head": "head.fc"}) == ["drop", "head"]


def test_a_layer_s_own_name_and_the_card_s_alias_come_first() -> None:
    own = [Layer("head", "map", (1, 2, 2)), *RESNET]
    assert names(own, "head") == ["head"]
    card = {"aliases": {"penultimate": "layer2", "last": "layer1.-1", "pooled": "graph/node"}}
    assert names(RESNET, "penultimate", "last", card=card) == ["layer2", "layer1.1"]
    assert names(RESNET, "pooled", "graph/node", card=card, others={"graph/node": "pool"}) == ["pool"]


@pytest.mark.parametrize("word", ["logits", "penultimate"])
def test_what_is_not_plain_is_not_guessed(word: str) -> None:
    embedding = [Layer("norm", "tokens", (4, 4)), Layer("pooler", "vector", (4,))]
    with pytest.raises(
        ModelError, match=rf"does not say which of its layers is '{word}'.*vifex layers net-1"
    ):
        names(embedding, word)


def test_defaults_are_the_card_s_or_the_last_vector() -> None:
    assert names(RESNET) == ["fc"]
    assert names(RESNET, card={"default_layers": ("penultimate", "layer?")}) == ["pool", "layer1", "layer2"]
    with pytest.raises(ModelError, match="no vector to take by default"):
        names(RESNET[:3])


def test_each_layer_comes_once_in_the_order_of_the_words() -> None:
    assert names(RESNET, "fc", "layer?", "layer2", "fc") == ["fc", "layer1", "layer2"]


def test_a_misspelt_name_offers_near_ones() -> None:
    with pytest.raises(ModelError, match=r"no layer 'layr1'\. Did you mean layer1 or .*lists all 11"):
        names(RESNET, "layr1")
