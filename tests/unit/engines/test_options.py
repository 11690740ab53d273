"""The choice of engine and device: what is known, what goes before the environment, what a file refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.engines import EngineOptions, settle
from vifex.models import load_model


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12", "mps", None])
def test_devices_that_are_known(device: str | None) -> None:
    assert EngineOptions(device=device).allows_openvino == (device in ("auto", "cpu", None))


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:-1", "CPU", 0, "cpu\n"])
def test_other_devices_are_refused(device: Any) -> None:
    with pytest.raises(vifex.EngineError, match=r"there is no device .* Use auto, cpu, cuda, cuda:N or mps"):
        EngineOptions(device=device)


@pytest.mark.parametrize("engine", ["", "onnx", "Torch", 1])
def test_other_engines_are_refused(engine: Any) -> None:
    with pytest.raises(vifex.EngineError, match=r"there is no engine .* Use auto, openvino, torch"):
        EngineOptions(engine=engine)


def test_compile_takes_true_or_false() -> None:
    with pytest.raises(vifex.EngineError, match="compile takes True or False"):
        EngineOptions(compile="yes")  # type: ignore[arg-type]


def test_the_user_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIFEX_ENGINE", "torch")
    monkeypatch.setenv("VIFEX_TORCH_COMPILE", "1")
    assert EngineOptions().wanted_engine == "torch"
    assert EngineOptions(engine="openvino").wanted_engine == "openvino"
    assert EngineOptions(engine="auto").wanted_engine is None
    assert EngineOptions().compiles
    assert not EngineOptions(compile=False).compiles
    monkeypatch.setenv("VIFEX_ENGINE", "onnx")
    with pytest.raises(vifex.EngineError, match=r"no engine 'onnx'\. Set VIFEX_ENGINE to torch or openvino"):
        _ = EngineOptions().wanted_engine


def test_a_file_is_run_by_openvino_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIFEX_ENGINE", "torch")
    monkeypatch.setenv("VIFEX_TORCH_COMPILE", "1")
    assert settle(load_model(), ()).model.engine == "openvino"


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"engine": "torch"}, "the engine torch is for networks that are code"),
        ({"device": "cuda:1"}, "the device cuda:1 is for networks that are code"),
        ({"compile": True}, "compile is for networks that torch runs, and openvino runs this one"),
        ({"device": "gpu"}, "there is no device 'gpu'"),
    ],
)
def test_a_choice_that_a_file_cannot_follow_is_an_error(
    tmp_path: Path, choice: dict[str, Any], said: str
) -> None:
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(vifex.EngineError, match=said):
        vifex.extract(tmp_path / "a.png", tmp_path / "s.vifex", **choice)
    assert not (tmp_path / "s.vifex").exists()


def test_choices_that_it_can_follow_change_nothing(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "a.png")
    for choice in ({"engine": "openvino"}, {"device": "cpu", "compile": False}, {"engine": "auto"}):
        assert vifex.extract(tmp_path / "a.png", tmp_path / "s.vifex", **choice).media == 1  # type: ignore[arg-type]
