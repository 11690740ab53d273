"""Networks that are code, run by OpenVINO where they come out equal, and by torch where not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vifex.engines import load_engine, settle
from vifex.values import EngineError, Model

CONVERTED = {
    "Cnn": ["bn1", "relu_1", "layer1", "layer1.2", "fc"],
    "Clip3d": ["stem", "body", "head"],
    "Recurrent": ["lstm", "along", "head"],
    "Transformer": ["patch_embed", "blocks.0.softmax", "last.softmax", "blocks.-1", "head"],
    "ChannelsLast": ["norm", "merge", "head"],
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VIFEX_ENGINE", raising=False)
    return tmp_path / "cache" / "converted"


def cosine(a: Any, b: Any) -> float:
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (a, b))
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def run(model: Model, layers: Any, frames: Any, batch: int) -> dict[str, Any]:
    with load_engine(model.engine).compile(model, layers, precision="fp32", batch=batch) as network:
        parts = [network.submit(frames[i : i + batch]).result() for i in range(0, len(frames), batch)]
    return {t.name: np.concatenate([p[t.name] for p in parts]) for t in layers}


@pytest.mark.parametrize("name", sorted(CONVERTED))
def test_a_converted_network_gives_the_same_layers(engine: Any, tiny: Any, pixels: Any, name: str) -> None:
    """Other pixels and another batch than those of the check at the conversion."""
    model = tiny(name)
    layers = engine.resolve_layers(model, CONVERTED[name])
    settled = settle(model, layers)
    assert settled.model.engine == "openvino", settled.why
    assert settled.model.builder is None
    assert (settled.model.card, settled.model.weights_sha256) == (model.card, model.weights_sha256)
    assert load_engine("openvino").resolve_layers(settled.model, [t.name for t in layers]) == layers
    frames = pixels(model, 8, seed=7)
    expected, given = run(model, layers, frames, 2), run(settled.model, layers, frames, 4)
    for layer in layers:
        assert cosine(expected[layer.name], given[layer.name]) >= 0.9999
        scale = np.abs(expected[layer.name]).max()
        np.testing.assert_allclose(given[layer.name], expected[layer.name], rtol=0, atol=1e-4 * scale)
        assert settled.checked[layer.name]["cosine"] >= 0.9999
    assert settled.to_dict()["worst_cosine"] >= 0.9999


def test_a_network_for_one_input_is_converted_and_run_one_by_one(engine: Any, tiny: Any, pixels: Any) -> None:
    model = tiny("OneByOne")
    layers = engine.resolve_layers(model, ["conv", "head"])
    settled = settle(model, layers)
    assert settled.model.engine == "openvino", settled.why
    frames = pixels(model, 4)
    expected, given = run(model, layers, frames, 1), run(settled.model, layers, frames, 4)
    np.testing.assert_allclose(given["head"], expected["head"], rtol=0, atol=1e-5)


def test_what_pixels_decide_stays_with_torch(engine: Any, tiny: Any) -> None:
    model = tiny("Deciding")
    settled = settle(model, engine.resolve_layers(model, ["head"]))
    assert settled.model is model
    assert "data-dependent" in settled.why.lower() or "datadependent" in settled.why.lower()
    assert settled.to_dict() == {"engine": "torch", "why": settled.why}


def test_a_converted_network_is_used_again_and_a_damaged_one_made_anew(
    engine: Any, tiny: Any, cache: Path
) -> None:
    model = tiny("Cnn")
    layers = engine.resolve_layers(model, ["relu_2", "fc"])
    first = settle(model, layers)
    made = first.model.file
    before = (made.stat().st_ino, made.with_suffix(".bin").stat().st_ino)
    assert settle(model, layers) == first
    assert (made.stat().st_ino, made.with_suffix(".bin").stat().st_ino) == before
    # Other layers, another card or other weights are other networks.
    assert settle(model, layers[:1]).model.file != made
    card = replace(model.card, height_px=48)
    bigger = replace(model, card=card)
    assert settle(bigger, engine.resolve_layers(bigger, ["fc"])).model.file != made
    weights = made.with_suffix(".bin")
    damaged = bytearray(weights.read_bytes())
    damaged[100] ^= 1
    weights.write_bytes(damaged)
    again = settle(model, layers)
    assert again == first
    assert weights.read_bytes() != damaged
    assert not list(cache.glob("new-*"))


def test_what_a_killed_conversion_wrote_goes_with_the_next_run(engine: Any, tiny: Any, cache: Path) -> None:
    """The process is killed when the network lies in its partial folder, before it is moved into place."""
    model = tiny("Cnn")
    layers = engine.resolve_layers(model, ["fc"])
    settle(model, layers)
    before = sorted(path.name for path in cache.iterdir())
    script = (
        "import os, signal, sys\n"
        "from vifex.engines import load_engine, settle\n"
        "from vifex.engines.torch import settle as settling\n"
        "from vifex.models import load_model\n"
        "settling._compare = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "model = load_model('torch:tiny_networks:Clip3d', weights='random:0')\n"
        "settle(model, load_engine('torch').resolve_layers(model, [])[:1])\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    killed = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, check=False, timeout=300
    )
    assert killed.returncode == -signal.SIGKILL
    (partial,) = cache.glob("new-*")
    assert list(partial.glob("*.bin")), "the network was written"
    settle(model, layers)
    assert sorted(path.name for path in cache.iterdir() if path.suffix != ".lock") == [
        name for name in before if not name.endswith(".lock")
    ]


def test_a_module_is_given_back_when_its_borrower_fails(engine: Any, tiny: Any) -> None:
    model = tiny("Cnn")
    with engine.borrowed(model) as (module, _):
        pass
    with pytest.raises(ZeroDivisionError), engine.borrowed(model):
        raise ZeroDivisionError
    with engine.borrowed(model) as (again, _):
        assert again is module


def test_a_refusal_is_remembered(engine: Any, tiny: Any, cache: Path) -> None:
    model = tiny("Deciding")
    layers = engine.resolve_layers(model, ["head"])
    why = settle(model, layers).why
    (note,) = cache.glob("*.json")
    note.write_text(json.dumps({"engine": "torch", "why": "as it was written down"}))
    assert settle(model, layers).why == "as it was written down" != why
    note.write_text("no json")
    assert settle(model, layers).why == why


def test_a_network_that_comes_out_otherwise_stays_with_torch(
    engine: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check is what decides: a converter that changes a weight by a thousandth is found out."""
    from vifex.engines.torch import settle as settling

    honest = settling.convert

    def careless(model: Model, layers: Any, path: Path, torch_engine: Any) -> None:
        honest(model, layers, path, torch_engine)
        raw = np.frombuffer(path.with_suffix(".bin").read_bytes(), np.float32).copy()
        raw[:16] *= 1.05
        path.with_suffix(".bin").write_bytes(raw.tobytes())

    monkeypatch.setattr(settling, "convert", careless)
    model = tiny("Cnn")
    settled = settle(model, engine.resolve_layers(model, ["conv1", "fc"]))
    assert settled.model is model
    assert "of its layers differ in OpenVINO, most of all" in settled.why
    assert settled.checked["fc"]["cosine"] <= 1


def test_the_engine_may_be_asked_for(engine: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, deciding = tiny("Cnn"), tiny("Deciding")
    layers, head = engine.resolve_layers(model, ["fc"]), engine.resolve_layers(deciding, ["head"])
    assert settle(model, layers, made_by="torch").model is model
    assert settle(model, layers, made_by="openvino").model.engine == "openvino"
    with pytest.raises(EngineError, match="OpenVINO made this view, and here it cannot run its network"):
        settle(deciding, head, made_by="openvino")
    monkeypatch.setenv("VIFEX_ENGINE", "torch")
    assert settle(model, layers).to_dict() == {"engine": "torch", "why": "VIFEX_ENGINE asks for it"}
    monkeypatch.setenv("VIFEX_ENGINE", "onnx")
    with pytest.raises(EngineError, match="no engine 'onnx'"):
        settle(model, layers)


def test_a_cache_that_cannot_be_written_costs_the_gain_alone(
    engine: Any, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "file"))
    model = tiny("Cnn")
    settled = settle(model, engine.resolve_layers(model, ["fc"]))
    assert settled.model.engine == "openvino"
    assert tmp_path not in settled.model.file.parents
