"""Models of families by name, as far as that goes without their libraries."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vifex.models import load_model
from vifex.models.families.registry import FAMILIES
from vifex.models.named import split_name
from vifex.values import MissingExtraError, ModelCard, ModelError

WITHOUT_TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")


def test_a_name_is_taken_apart_at_its_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert split_name("timm/vit_small.dino") == ("timm", "vit_small.dino")
    assert split_name("hf/facebook/dinov2-small") == ("hf", "facebook/dinov2-small")
    assert split_name("torch:nets.video:make") == ("torch", "nets.video:make")
    assert split_name("seq/gru:8(timm/resnet18)") == ("seq", "gru:8(timm/resnet18)")
    assert split_name("nets/resnet.onnx") is None
    assert split_name("resnet18") is None
    monkeypatch.chdir(tmp_path)
    Path("timm").mkdir()
    Path("timm/net.onnx").touch()
    assert split_name("timm/net.onnx") is None, "a file that is there is that file"


def test_a_misspelt_prefix_offers_near_ones() -> None:
    with pytest.raises(ModelError, match=r"no family 'timn' and no file of that name\. Did you mean timm\?"):
        load_model("timn/resnet18")
    with pytest.raises(ModelError, match=r"no model 'resnet18'.*or give PREFIX/NAME \(c3d, fuse, hf, i3d"):
        load_model("resnet18")


@pytest.mark.parametrize(
    ("word", "offered"),
    [
        ("resnet50", "torchvision/resnet50 or timm/resnet50"),
        ("ResNet-50", "torchvision/resnet50 or timm/resnet50"),
        ("vit_b_16", "torchvision/vit_b_16"),
        ("ViT-B-32", "torchvision/vit_b_32 or open_clip/ViT-B-32"),
        ("ViT-B/32", "torchvision/vit_b_32 or open_clip/ViT-B-32"),
        ("dinov2-small", "hf/facebook/dinov2-small"),
        ("openai/clip-vit-base-patch32", "hf/openai/clip-vit-base-patch32"),
        ("c3d", "c3d/sports1m"),
    ],
)
def test_a_name_without_a_family_offers_those_that_may_be_meant(word: str, offered: str) -> None:
    with pytest.raises(ModelError, match=rf"Did you mean (.*(, | or ))?{re.escape(offered)}(, | or |\?)"):
        load_model(word)


def test_names_near_by_are_found_without_importing_a_library() -> None:
    code = """
import sys
from vifex.models import load_model
from vifex.values import ModelError
for word in ("resnet5O", "resnet50.a1_in1k", "efficientnet"):
    try:
        load_model(word)
    except ModelError as exc:
        assert "Did you mean" in str(exc), exc
heavy = {"torch", "torchvision", "timm", "open_clip", "transformers", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("path", ["models/net", "./resnet50", "nets/resnet50.onnx", "/abs/resnet50"])
def test_a_path_is_a_path(path: str) -> None:
    with pytest.raises(ModelError, match=r"there is no such file\. Check the path"):
        load_model(path)


def test_weights_are_for_networks_of_families(tmp_path: Path) -> None:
    for name in ("default", str(tmp_path / "net.onnx")):
        with pytest.raises(ModelError, match="comes with its own weights"):
            load_model(name, weights="random:0")
    with pytest.raises(ModelError, match="'rundom:0' is not a file of weights"):
        load_model("timm/resnet18", weights="rundom:0")
    with pytest.raises(ModelError, match=r"'random:x' has no seed\. Write random:SEED"):
        load_model("timm/resnet18", weights="random:x")


@WITHOUT_TORCH
@pytest.mark.parametrize("name", ["timm/resnet18", "torchvision/resnet18", "torch:json:loads", "hf/a/b"])
def test_without_the_library_one_sentence_says_which_extra(name: str) -> None:
    with pytest.raises(MissingExtraError, match=r"needs \w+.*pip install '\.\[(torch|hf)\]'"):
        load_model(name, weights="random:0")


@WITHOUT_TORCH
def test_listing_works_without_the_libraries(vifex_command: Any) -> None:
    done = vifex_command("models", "--json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert listed["models"][0]["name"] == "vifex-small-1"
    assert any(line.startswith("timm: ") and "pip install '.[torch]'" in line for line in listed["missing"])
    nothing = vifex_command("models", "--search", "no such net")
    assert nothing.stdout.strip() == "No known name holds 'no such net'."


def test_showing_a_model_of_the_package(vifex_command: Any) -> None:
    facts = json.loads(vifex_command("models", "show", "default", "--json").stdout)
    assert (facts["name"], facts["here"], facts["default"]) == ("vifex-small-1", True, ["embedding"])
    assert facts["size_bytes"] > 1_000_000
    shown = vifex_command("models", "show", "default").stdout.splitlines()
    assert shown[0] == "model:    vifex-small-1"
    assert "vifex: there is no model 'nope'" in vifex_command("models", "show", "nope").stderr


def test_a_licence_that_forbids_commercial_use_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from vifex.api import notices

    monkeypatch.setattr(notices, "_told", set())
    told: list[str] = []
    for licence in ("cc-by-nc-4.0", "cc-by-nc-4.0", "apache-2.0"):
        notices.tell_licence(ModelCard(f"net-{licence}", 8, 8, licence=licence), told.append)
    assert told == ["net-cc-by-nc-4.0: its licence (cc-by-nc-4.0) forbids commercial use."]
    with pytest.warns(UserWarning, match="forbids commercial use"):
        notices.tell_licence(ModelCard("other", 8, 8, licence="CC-BY-NC-3.0"), None)


def test_every_family_is_a_line_that_loads() -> None:
    from vifex.models.families.registry import GROUP
    from vifex.values.registry import load

    for prefix in FAMILIES:
        family = load(FAMILIES, prefix, group=GROUP, what="family")
        assert family.prefix == prefix
