"""The values that packages exchange."""

from __future__ import annotations

import json
import os
import pickle
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vifex.values import (
    Box,
    InputError,
    Layer,
    LayerSpec,
    Medium,
    ModelCard,
    Outcome,
    PixelSpec,
    Recipe,
    Regions,
    Sampling,
    Span,
    VifexError,
)
from vifex.values.media import grid_boxes, path_to_uri, uri_to_path
from vifex.values.registry import load, near, require

MEDIUM = Medium("file:///a/b.jpg", "b.jpg", "image", 10, 20)
RECIPE = Recipe(
    model="m-1",
    weights_sha256="00",
    preprocess={"mean": [1.0, 2.0, 3.0]},
    pixels=PixelSpec(96, 96),
    sampling=Sampling(),
    layers=(LayerSpec(Layer("stages.3", "map", (8, 3, 3)), "avg", (8,), False, "float32"),),
    precision="fp32",
    engine="openvino",
)


@pytest.mark.skipif(sys.platform == "win32", reason="names are bytes on POSIX systems only")
@given(
    st.binary(min_size=1, max_size=40).filter(
        lambda b: b"\0" not in b and b"/" not in b and b not in (b".", b"..")
    )
)
def test_an_address_keeps_every_byte_of_a_name(name: bytes) -> None:
    path = os.fsdecode(b"/some/folder/" + name)
    uri = path_to_uri(path)
    assert uri.isascii()
    assert uri.startswith("file:///some/folder/")
    assert os.fsencode(uri_to_path(uri)) == os.fsencode(path)


def test_an_address_of_another_host_is_no_local_path() -> None:
    with pytest.raises(ValueError, match="not a local file"):
        uri_to_path("s3://bucket/a.jpg")


@pytest.mark.parametrize(
    "uri",
    [
        "file:///a/b.jpg",
        "file:///a/b%20c%FF.jpg",
        "file:///a/b.jpg?x=1",
        "file:///a/b.jpg#t",
        "file:///a;b/c.jpg;d",
        "file:////a//b",
        "file://localhost/a/b.jpg",
        "FILE:///a/b",
        "file:///a/\u65e5.jpg",
        "file:///a\tb",
        "file:///[a]/b@c:d",
        "file:///",
    ],
)
def test_the_short_way_to_a_path_is_the_long_one(uri: str) -> None:
    assert uri_to_path(uri) == os.fsdecode(unquote_to_bytes(urlsplit(uri).path))


def test_medium_id_depends_on_uri_and_span_alone() -> None:
    same = replace(MEDIUM, size_bytes=99, mtime_ns=99, label="cat", boxes=(Box(0, 0, 1, 1),))
    assert same.medium_id == MEDIUM.medium_id
    assert len(MEDIUM.medium_id) == 32
    assert replace(MEDIUM, span=Span(0.0, 1.0)).medium_id != MEDIUM.medium_id
    assert replace(MEDIUM, uri="file:///a/c.jpg").medium_id != MEDIUM.medium_id


def test_spec_hash_covers_what_a_manifest_says_that_decides_rows() -> None:
    hashes = {
        replace(MEDIUM, **change).spec_hash  # type: ignore[arg-type]
        for change in (
            {},
            {"boxes": (Box(0, 0, 1, 1),)},
            {"span": Span(1.0, None)},
        )
    }
    assert len(hashes) == 3
    assert replace(MEDIUM, label="cat", split="train").spec_hash == MEDIUM.spec_hash, (
        "labels decide no number"
    )
    assert replace(MEDIUM, name="other", mtime_ns=7).spec_hash == MEDIUM.spec_hash


def test_how_hdr_is_shown_is_said_and_no_part_of_the_hash() -> None:
    """A view made before that was said can be continued."""
    said = replace(RECIPE, hdr="some curve")
    assert Recipe.from_dict(json.loads(json.dumps(said.to_dict()))) == said
    assert "hdr" not in RECIPE.to_dict()
    assert said.hash == RECIPE.hash == PINNED
    assert said.differences(RECIPE) == []


def test_the_hash_of_a_recipe_is_pinned() -> None:
    """Resuming rests on it: a change of this number ends every resume of released versions."""
    assert RECIPE.hash == Recipe.from_dict(json.loads(json.dumps(RECIPE.to_dict()))).hash
    assert RECIPE.hash == PINNED


def test_a_recipe_of_a_stretch_and_crop_comes_back_from_json() -> None:
    pixels = PixelSpec(112, 112, resize="stretch_crop", resize_hw_px=(128, 171), crop_down=True)
    recipe = replace(RECIPE, pixels=pixels)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert recipe.hash != RECIPE.hash


PINNED = "b15f8efceea262ad57f060f138102f23"


def test_differences_name_the_choice() -> None:
    other = replace(RECIPE, precision="bf16", pixels=PixelSpec(112, 96))
    assert RECIPE.differences(RECIPE) == []
    assert RECIPE.differences(other) == ["pixels.height_px: 96, 112", 'precision: "fp32", "bf16"']


@pytest.mark.parametrize(
    ("name", "column"),
    [("stages.3", "stages_3"), ("a/b::c", "a_b_c"), ("embedding", "embedding"), ("层.1", "_1")],
)
def test_column_names(name: str, column: str) -> None:
    assert LayerSpec(Layer(name, "vector", (4,)), "none", (4,), False, "float32").column == column


def test_an_error_says_what_happened_to_what_and_what_to_do() -> None:
    error = InputError("there is no such file.", of="a.jpg", todo="Check the name.")
    assert str(error) == "a.jpg: there is no such file. Check the name."
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (InputError, str(error))
    assert isinstance(again, VifexError)
    assert InputError("It is cut.", of="a.mp4", todo="Copy it.").sentences == "It is cut. Copy it."
    assert InputError("It is cut.", of="a.mp4").sentences == "It is cut."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Box(1, 0, 1, 2), "x0 < x1"),
        (lambda: Span(2.0, 1.0), "end after it starts"),
        (lambda: Sampling(fps=0.0), "positive"),
        (lambda: Regions(grid=(0, 3)), "at least 1 x 1"),
        (lambda: Regions(overlap=1.0), "below 1"),
        (lambda: Regions(output_size=0), "at least 1"),
        (lambda: Sampling(sampler="clip", fps=None, clip_length=4), "positive"),
        (lambda: PixelSpec(0, 4), "at least 1 x 1"),
        (lambda: PixelSpec(4, 4, resize="shortest"), "resize_px"),
        (lambda: PixelSpec(4, 4, resize="stretch_crop", resize_hw_px=(3, 9)), "resize_hw_px"),
        (lambda: Layer("a", "map", (1, 2)), "3 axes"),
        (lambda: Outcome(MEDIUM, "failed"), "needs a reason"),
        (lambda: Outcome(MEDIUM, "skipped", "sound", rows=1), "has no rows"),
    ],
)
def test_values_are_checked_once(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_a_registry_loads_by_name_and_offers_near_ones() -> None:
    lines = {"join": "os.path:join"}
    assert load(lines, "join", group="vifex.none", what="thing") is os.path.join
    with pytest.raises(InputError, match="Did you mean join"):
        load(lines, "jion", group="vifex.none", what="thing")
    assert near("zzz", ["join"]) == ""


def test_a_missing_extra_says_how_to_get_it() -> None:
    with pytest.raises(VifexError, match=r"pip install '\.\[torch\]'\. For PyTorch without CUDA"):
        require("no_such_module_here", extra="torch", needed_for="the torch engine")


def test_a_broken_extra_keeps_its_own_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_installed.py").write_text("import missing_inside\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="missing_inside"):
        require("half_installed", extra="torch", needed_for="x")


def test_a_card_gives_its_pixels() -> None:
    card = ModelCard("m-1", 224, 200, resize="shortest", resize_px=256, interpolation="bicubic")
    assert card.pixel_spec("exact") == PixelSpec(224, 200, "shortest", 256, "bicubic", "exact")


def test_a_grid_goes_row_by_row() -> None:
    boxes = [(b.x0, b.y0, b.x1, b.y1) for b in grid_boxes(100, 40, 2, 2)]
    assert boxes == [(0, 0, 50, 20), (50, 0, 100, 20), (0, 20, 50, 40), (50, 20, 100, 40)]


def test_overlapping_boxes_share_that_part_of_a_side_and_reach_the_edges() -> None:
    """Three boxes of side s with a quarter shared: 3 s - 2 s / 4 = 100, so s = 40, steps of 30."""
    boxes = grid_boxes(100, 10, 1, 3, 0.25)
    assert [b.x0 for b in boxes] == pytest.approx([0, 30, 60])
    assert [b.x1 for b in boxes] == pytest.approx([40, 70, 100])
    assert boxes[-1].x1 == 100
