"""`engine=`, `device=` and `compile=` of `vifex.extract` for networks that are code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vifex
from vifex.engines import EngineOptions, load_engine, settle


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def engine_of(store: Path) -> str:
    with vifex.open(store) as opened:
        return opened.recipe.engine


def test_the_engine_is_the_users(image: Path, tmp_path: Path) -> None:
    words: Any = {"model": "torch:tiny_networks:Cnn", "weights": "random:0", "device": "cpu"}
    for engine, found in (("torch", "torch"), ("openvino", "openvino"), ("auto", "openvino")):
        store = tmp_path / f"{engine}.vifex"
        assert vifex.extract(image, store, engine=engine, **words).ok == 1
        assert engine_of(store) == found


def test_it_goes_before_the_environment(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIFEX_ENGINE", "torch")
    words: Any = {"model": "torch:tiny_networks:Cnn", "weights": "random:0"}
    vifex.extract(image, tmp_path / "a.vifex", **words)
    vifex.extract(image, tmp_path / "b.vifex", engine="auto", **words)
    assert [engine_of(tmp_path / n) for n in ("a.vifex", "b.vifex")] == ["torch", "openvino"]


def test_choices_that_do_not_fit_are_told(tiny: Any, engine: Any) -> None:
    model, deciding = tiny("Cnn"), tiny("Deciding")
    layers = engine.resolve_layers(model, ["fc"])
    with pytest.raises(vifex.EngineError, match="OpenVINO runs networks on the CPU, not on cuda"):
        settle(model, layers, options=EngineOptions("openvino", "cuda"))
    with pytest.raises(vifex.EngineError, match="compile is for networks that torch runs, and openvino"):
        settle(model, layers, options=EngineOptions(compile=True))
    head = engine.resolve_layers(deciding, ["head"])
    with pytest.raises(vifex.EngineError, match="OpenVINO cannot run this network here"):
        settle(deciding, head, options=EngineOptions("openvino"))
    told = settle(model, layers, options=EngineOptions("torch")).to_dict()
    assert told == {"engine": "torch", "why": "the user asks for it"}


def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(vifex.EngineError, match=r"device cuda:63: torch finds no such device.*cpu"):
        load_engine("torch", EngineOptions(device="cuda:63"))


def test_a_query_runs_on_the_device_that_is_named(image: Path, tmp_path: Path) -> None:
    """In Python and on the command line; a device of a loaded model counts where none is named."""
    name, store = "torch:tiny_networks:Cnn", tmp_path / "a.vifex"
    vifex.extract(image, store, model=name, weights="random:0", engine="torch", device="cpu")
    named: Any = {"model": name, "weights": "random:0"}
    with vifex.open(store, device="cpu", **named) as opened:
        assert opened.search(image)[0].score == pytest.approx(1.0)
    absent = r"device cuda:63: torch finds no such device"
    with (
        vifex.open(store, device="cuda:63", **named) as opened,
        pytest.raises(vifex.EngineError, match=absent),
    ):
        opened.search(image)
    elsewhere = vifex.load_model(name, weights="random:0", device="cuda:63")
    with vifex.open(store, model=elsewhere) as opened, pytest.raises(vifex.EngineError, match=absent):
        opened.search(image)
    with vifex.open(store, model=elsewhere, device="cpu") as opened:
        assert opened.search(image)[0].score == pytest.approx(1.0)


def test_a_view_made_by_openvino_is_queried_on_the_cpu(image: Path, tmp_path: Path) -> None:
    name, store = "torch:tiny_networks:Cnn", tmp_path / "a.vifex"
    vifex.extract(image, store, model=name, weights="random:0", engine="openvino", device="cpu")
    refused = "OpenVINO runs networks on the CPU, not on cuda:63"
    with (
        vifex.open(store, model=name, weights="random:0", device="cuda:63") as opened,
        pytest.raises(vifex.EngineError, match=refused),
    ):
        opened.search(image)
    elsewhere = vifex.load_model(name, weights="random:0", device="cuda:63")
    with vifex.open(store, model=elsewhere) as opened:
        assert opened.search(image)[0].score == pytest.approx(1.0)


def test_the_command_lists_layers_on_the_device_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    from vifex.cli.models import list_layers

    name = "torch:tiny_networks:Cnn"
    assert list_layers(name, weights="random:0", device="cpu") == 0
    assert "fc" in capsys.readouterr().out
    with pytest.raises(vifex.EngineError, match=r"device cuda:63: torch finds no such device"):
        list_layers(name, weights="random:0", device="cuda:63")


def test_compile_reaches_torch(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def compile(module: Any, **_: Any) -> Any:
        compiled.append(module)
        return module

    monkeypatch.setattr(torch, "compile", compile)
    words: Any = {"model": "torch:tiny_networks:Cnn", "weights": "random:0", "engine": "torch"}
    vifex.extract(image, tmp_path / "a.vifex", **words)
    assert not compiled
    vifex.extract(image, tmp_path / "b.vifex", compile=True, **words)
    assert len(compiled) == 1
