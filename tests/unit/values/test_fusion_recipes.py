"""Recipes of views made from views: back from JSON, and hashes that last."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vifex.values import NO_PIXELS, Fusion, FusionInput, Layer, LayerSpec, Recipe, Sampling, Tree

INPUTS = (FusionInput("rgb", "a" * 32, "head", 4), FusionInput("sound", "b" * 32, "levels", 3, "mean"))
FUSION = Fusion("weighted", INPUTS, weights=(0.5, 2.0), parameters_sha256=None)
SPEC = LayerSpec(Layer("weighted", "vector", (7,)), "none", (7,), False, "float32")
FUSED = Recipe(
    "fuse/weighted(rgb:head + sound:levels)",
    "",
    {},
    NO_PIXELS,
    Sampling(),
    (SPEC,),
    "fp32",
    "numpy",
    fusion=FUSION,
)
TREE = replace(FUSED, model="tree/shot(rgb:head)", fusion=None, tree=Tree("rgb", "a" * 32, "head", "shot"))


@pytest.mark.parametrize(
    ("recipe", "pinned"),
    [(FUSED, "1ebbdfedc8979891120727d97e89f66f"), (TREE, "9e99332dab02b2a45e2ea5349abc1b64")],
    ids=["fused", "tree"],
)
def test_it_comes_back_from_json_with_its_hash(recipe: Recipe, pinned: str) -> None:
    said = json.loads(json.dumps(recipe.to_dict()))
    assert Recipe.from_dict(said) == recipe
    assert "pixels" not in said
    assert "sampling" not in said
    assert recipe.is_derived
    assert Recipe.from_dict(said).hash == recipe.hash == pinned


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": INPUTS[:1]}, "at least 2 inputs"),
        ({"inputs": INPUTS[::-1]}, "the base is matched by row"),
        ({"weights": (1.0,)}, "2 inputs and 1 weights"),
        ({"within_s": float("nan")}, "within_s must be at least 0"),
    ],
)
def test_what_no_fusion_can_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(FUSION, **changes)
