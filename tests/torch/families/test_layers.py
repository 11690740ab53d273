"""Layers of a named network are listed without its weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tiny = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches of the hubs that hold nothing."""
    for name in ("HF_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.mark.parametrize(
    ("words", "name", "some"),
    [
        (("torchvision/squeezenet1_1",), "torchvision/squeezenet1_1.IMAGENET1K_V1", "features.3"),
        (("--model", "timm/test_resnet"), "timm/test_resnet.r160_in1k", "penultimate"),
        (("seq/lstm:8,frames=2(timm/test_resnet)",), "seq/lstm:8,frames=2(timm/test_resnet)", "head.rnn"),
        (("c3d/sports1m",), "c3d/sports1m", "conv1"),
    ],
)
def test_layers_need_no_weights(words: tuple[str, ...], name: str, some: str, vifex_command: Any) -> None:
    done = vifex_command("layers", *words, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["model"], told["here"]) == (name, False)
    assert some in [layer["name"] for layer in told["layers"]]
    assert "its weights are not here; these are the layers of its architecture" in done.stderr
    assert "untrained" not in told["licence"]


def test_weights_that_are_here_are_no_matter_for_a_word(
    tiny: Tiny, tmp_path: Path, vifex_command: Any
) -> None:
    whole = vifex_command("layers", f"hf/{tiny('vit')}", "--json")
    assert (whole.stderr, json.loads(whole.stdout)["here"]) == ("", True)
    bare = tmp_path / "vit"
    shutil.copytree(tiny("vit"), bare)
    (bare / "model.safetensors").unlink()
    done = vifex_command("layers", f"hf/{bare}", "--json")
    told = json.loads(done.stdout)
    assert told["here"] is False
    assert told["layers"] == json.loads(whole.stdout)["layers"]


def test_a_name_that_is_none_is_still_none(vifex_command: Any) -> None:
    done = vifex_command("layers", "timm/resnet_18")
    assert done.returncode == 4
    assert "there is no model 'timm/resnet_18'" in done.stderr
